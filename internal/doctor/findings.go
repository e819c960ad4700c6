package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"berth/hardening"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Findings says all there is to say about facts, the engine first. It is pure.
func Findings(f Facts) []Finding {
	var out []Finding
	for _, part := range []func(Facts) []Finding{
		engineFindings, socketFindings, gateFindings, userFindings, folderFindings, insideFindings,
		diskFindings, registryFindings, browserFindings, leftoverFindings, stateFindings,
	} {
		out = append(out, part(f)...)
	}
	return out
}

func engineFindings(f Facts) []Finding {
	if f.Engine == nil {
		text := "no container engine answers"
		if f.Fault != nil {
			text = f.Fault.Error()
		}
		return []Finding{{Bad, "engine", text, tried(f), cmp.Or(fault.HintOf(f.Fault), "start Docker or Podman, or install one: apt install docker.io")}}
	}
	e := f.Engine
	text := fmt.Sprintf("%s %s, api %s, %s", kindName(e.Kind), e.Version, e.API, e.Endpoint)
	out := []Finding{{Level: Good, Topic: "engine", Text: text}}
	for _, c := range f.Candidates {
		if c.Err == nil && c.Host != f.Chosen {
			out = append(out, Finding{Good, "engine", "another one answers: " + c.Name + ", " + c.Host, nil, "berth -H " + c.Host + " uses it"})
		}
	}
	return out
}

// kindName says an engine's kind as people do.
func kindName(k sandbox.EngineKind) string {
	name, rest, found := strings.Cut(string(k), "-")
	if found {
		return name + " (" + rest + ")"
	}
	return name
}

// tried lists the places that were asked beside the one that said it all, and what each said. Sockets that are not
// there say only that.
func tried(f Facts) []string {
	var lines, absent []string
	for _, c := range f.Candidates {
		switch {
		case c.Err == nil, f.Fault != nil && c.Err.Error() == f.Fault.Error():
		case errors.Is(c.Err, fs.ErrNotExist):
			if !slices.Contains(absent, c.Name) {
				absent = append(absent, c.Name)
			}
		default:
			lines = append(lines, c.Err.Error())
		}
	}
	if len(absent) > 0 {
		lines = append(lines, "no socket of "+strings.Join(absent, ", "))
	}
	return lines
}

func socketFindings(f Facts) []Finding {
	var out []Finding
	for _, c := range f.Candidates {
		if !errors.Is(c.Err, fs.ErrPermission) {
			continue
		}
		for _, s := range f.Sockets {
			if c.Host == "unix://"+s.Path {
				out = append(out, socketFinding(s, f))
			}
		}
	}
	return out
}

// socketFinding says how to get at a socket: by its group, which is as good as root, or by an engine of one's own.
func socketFinding(s Socket, f Facts) Finding {
	out := Finding{Level: Warn, Topic: "socket",
		Text: fmt.Sprintf("%s belongs to %d, group %s, mode %04o: you may not use it", s.Path, s.UID, cmp.Or(s.Group, fmt.Sprint(s.GID)), s.Mode.Perm())}
	if f.Engine == nil {
		out.Level = Bad
	}
	who := cmp.Or(f.Host.Username, "$USER")
	switch {
	case s.Listed && !s.Member:
		out.More = []string{"you are in its group since your last login"}
		out.Fix = "log in again, or in this terminal: newgrp " + cmp.Or(s.Group, fmt.Sprint(s.GID))
	case s.Mode&0o060 == 0o060 && s.Group != "" && s.Group != "root":
		out.More = []string{"whoever is in that group is root on this machine; an engine of your own is not: dockerd-rootless-setuptool.sh install"}
		out.Fix = fmt.Sprintf("sudo usermod -aG %s %s, then log in again", s.Group, who)
	default:
		out.Fix = "an engine of your own: dockerd-rootless-setuptool.sh install"
	}
	return out
}

// gateLevels is how a launch's severities look to the doctor.
var gateLevels = map[hardening.Severity]Level{
	hardening.Refuse: Bad, hardening.Danger: Bad, hardening.Warn: Warn, hardening.Note: Good,
}

func gateFindings(f Facts) []Finding {
	if f.Engine == nil {
		return nil
	}
	var out []Finding
	for _, g := range hardening.Gates(*f.Engine) {
		if g.Severity == hardening.Note {
			continue // nothing is lost, so there is nothing to do
		}
		out = append(out, Finding{gateLevels[g.Severity], g.ID, g.Fact, []string{g.Berth}, g.Fix})
	}
	return out
}

func userFindings(f Facts) []Finding {
	switch {
	case f.Host.UID == 0 && f.Host.SudoUID == 0:
		return []Finding{{Bad, "user", "you are root, and a sandbox runs as who starts it", nil, "run berth as an ordinary user"}}
	case f.Host.Home == "":
		return []Finding{{Warn, "user", "HOME is not set and the user database has none for you", nil, "export HOME=/some/folder/of/yours"}}
	}
	return []Finding{{Level: Good, Topic: "user", Text: fmt.Sprintf("uid %d, gid %d", f.Host.UID, f.Host.GID)}}
}

// folderFindings compares the folder's owner with who will write in it: the sandbox has the user's own number.
func folderFindings(f Facts) []Finding {
	d := f.Folder
	uid, gid := f.Host.UID, f.Host.GID
	if uid == 0 && f.Host.SudoUID != 0 {
		uid, gid = f.Host.SudoUID, f.Host.SudoGID
	}
	switch {
	case d.Path == "":
		return []Finding{{Bad, "folder", "the current folder is gone", nil, "cd to a folder that is there"}}
	case d.Err != nil:
		return []Finding{{Bad, "folder", d.Path + ": " + d.Err.Error(), nil, "choose a folder of yours"}}
	case writable(d, uid, gid):
		return []Finding{{Level: Good, Topic: "folder", Text: d.Path + " is writable for the sandbox"}}
	}
	return []Finding{{Bad, "folder", fmt.Sprintf("%s belongs to %d, mode %04o; the sandbox is %d", d.Path, d.UID, d.Mode.Perm(), uid), nil,
		"mount it :ro, or choose a folder of yours"}}
}

func writable(d Folder, uid, gid int) bool {
	mode := d.Mode.Perm()
	switch {
	case d.UID == uid:
		return mode&0o300 == 0o300
	case d.GID == gid:
		return mode&0o030 == 0o030
	}
	return mode&0o003 == 0o003
}

func insideFindings(f Facts) []Finding {
	if f.Inside == nil {
		return nil
	}
	return []Finding{{Bad, "program", f.Inside.Error(), nil, cmp.Or(fault.HintOf(f.Inside), "install berth anew")}}
}

// The room that a build of the workbench takes at its widest, and what nothing works well below.
const (
	roomToBuild = 8 << 30
	roomToRun   = 1 << 30
)

func diskFindings(f Facts) []Finding {
	var out []Finding
	for _, d := range f.Disks {
		text := fmt.Sprintf("%.1f GB free for %s in %s", float64(d.Free)/1e9, d.For, d.Path)
		switch {
		case d.Total == 0:
		case d.Free < roomToRun:
			out = append(out, Finding{Bad, "disk", text, nil, "make room: berth image prune, docker image prune"})
		case d.Free < roomToBuild && d.For == forImages:
			out = append(out, Finding{Warn, "disk", text, []string{"building the workbench takes about 8 GB"}, "make room: berth image prune, docker image prune"})
		default:
			out = append(out, Finding{Level: Good, Topic: "disk", Text: text})
		}
	}
	return out
}

func registryFindings(f Facts) []Finding {
	switch r := f.Registry; {
	case r.Name == "":
		return nil
	case r.Err != nil:
		return []Finding{{Warn, "registry", r.Name + " does not answer: " + r.Err.Error(), []string{"images that are here, and those berth makes, need no registry"},
			"berth up --image workbench, or --image starter"}}
	default:
		return []Finding{{Level: Good, Topic: "registry", Text: r.Name + " answers"}}
	}
}

func browserFindings(f Facts) []Finding {
	if f.Browser == nil {
		return []Finding{{Level: Good, Topic: "browser", Text: "links open in your browser"}}
	}
	return []Finding{{Level: Good, Topic: "browser", Text: "links are printed, not opened: " + f.Browser.Error()}}
}

func leftoverFindings(f Facts) []Finding {
	if len(f.Leftovers) == 0 {
		return nil
	}
	var lines []string
	for _, r := range f.Leftovers {
		lines = append(lines, fmt.Sprintf("%s %s: %s", r.Kind, r.Name, r.Why))
	}
	return []Finding{{Warn, "leftovers", "launches that died have left something", lines, "berth prune"}}
}

func stateFindings(f Facts) []Finding {
	if f.State == nil {
		return nil
	}
	return []Finding{{Bad, "records", f.State.Error(), nil, fault.HintOf(f.State)}}
}
