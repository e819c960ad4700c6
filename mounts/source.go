package mounts

import (
	"fmt"
	"path"
	"strings"
)

// absolute gives the absolute path a source means on this host, cleaned but with its links.
func (h Host) absolute(e Entry) (string, *PolicyError) {
	s := e.Source
	switch {
	case e.kind == sourceLiteral && s == "":
		return "", e.refuse(MissingSource, e.source, "it was removed", "")
	case e.kind == sourceLiteral:
		return cleanPath(h.slashed(s)), nil
	case s == "~" || strings.HasPrefix(s, "~/") || strings.HasPrefix(s, `~\`):
		if h.Home == "" {
			return "", e.refuse(Denied, e.source, "~: no home folder is known", "set HOME, or write the full path")
		}
		return cleanPath(h.slashed(h.Home) + "/" + h.slashed(s[1:])), nil
	case strings.HasPrefix(s, `\\`):
		return h.share(e)
	case startsDrive(s):
		return h.drive(e)
	case strings.HasPrefix(s, "/"):
		return cleanPath(s), nil
	}
	base := h.Cwd
	if e.Origin.File != "" {
		base = path.Dir(h.slashed(e.Origin.File))
	}
	return cleanPath(h.slashed(base) + "/" + h.slashed(s)), nil
}

// drive maps a path on a Windows drive.
func (h Host) drive(e Entry) (string, *PolicyError) {
	p := strings.ReplaceAll(e.Source, `\`, "/")
	switch {
	case h.OS == "windows":
		return cleanPath(p), nil
	case h.WSL.Present():
		return cleanPath(h.WSL.Automount + strings.ToLower(p[:1]) + p[2:]), nil
	}
	return "", e.refuse(WindowsPath, e.source, fmt.Sprintf("%s is a path on a Windows drive, and this is not Windows", quote(e.Source)), "write the full path on this machine")
}

// share maps WSL's own view of a distribution from Windows.
func (h Host) share(e Entry) (string, *PolicyError) {
	if !h.WSL.Present() {
		return "", e.refuse(NetworkPath, e.source, fmt.Sprintf("%s names a WSL distribution, and this is not WSL", quote(e.Source)), "write the full path of a folder on this machine")
	}
	_, rest, _ := strings.Cut(e.Source[len(`\\`):], `\`)
	distro, inside, _ := strings.Cut(rest, `\`)
	if !strings.EqualFold(distro, h.WSL.Distro) {
		return "", e.refuse(OtherDistro, e.source, fmt.Sprintf("%s lies in the distribution %s, and berth runs in %s", quote(e.Source), quote(distro), quote(h.WSL.Distro)),
			"run berth in "+distro+", or copy the folder here")
	}
	return cleanPath(strings.ReplaceAll(inside, `\`, "/")), nil
}

// refuse makes the entry's error as this host gives reason for.
func (e Entry) refuse(kind ErrorKind, token piece, reason, hint string) *PolicyError {
	if e.kind == sourceLiteral && hint == "" {
		hint = "cd into a project folder, or name one: -v ~/project:/workspace"
	}
	return &PolicyError{Problem: problem(kind, e.Origin, token, reason, hint)}
}
