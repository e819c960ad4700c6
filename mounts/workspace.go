package mounts

import (
	"fmt"
	"strings"

	"berth/internal/host"
)

// The names OpenHands had before SANDBOX_VOLUMES. Each holds one path: no fields, no escapes, no list.
const (
	mountPath = "WORKSPACE_MOUNT_PATH"
	base      = "WORKSPACE_BASE"
	rewrite   = "WORKSPACE_MOUNT_REWRITE"
	inSandbox = "WORKSPACE_MOUNT_PATH_IN_SANDBOX"
)

var deprecatedNames = []string{mountPath, base, rewrite, inSandbox}

// ignored warns of each deprecated name that stands beside the one that counts.
func ignored(env host.Env, counts string) []Warning {
	var out []Warning
	for _, name := range deprecatedNames {
		if env[name] != "" {
			o := Origin{Variable: name, Column: 1, Text: env[name]}
			out = append(out, Warning{Kind: Ignored, Origin: o, Text: fmt.Sprintf("%s: it is ignored, because %s is set", o, counts)})
		}
	}
	return out
}

// workspace reads the deprecated names. given tells whether they mount something.
func workspace(env host.Env) (entries []Entry, warnings []Warning, given bool, err error) {
	name, used := mountPath, []string{mountPath}
	if env[mountPath] == "" {
		name, used = base, []string{base}
	}
	if env[name] == "" {
		for _, w := range ignored(env, "") {
			w.Text = fmt.Sprintf("%s: it is ignored, because neither %s nor %s is set", w.Origin, mountPath, base)
			warnings = append(warnings, w)
		}
		return nil, warnings, false, nil
	}
	e, err := workspaceEntry(env, name)
	if err != nil {
		return nil, nil, true, err
	}
	if name == base && env[rewrite] != "" {
		if e.Source, err = rewritten(env); err != nil {
			return nil, nil, true, err
		}
		used = append(used, rewrite)
	}
	if env[inSandbox] != "" {
		used = append(used, inSandbox)
	}
	for _, name := range used {
		o := Origin{Variable: name, Column: 1, Text: env[name]}
		warnings = append(warnings, Warning{Kind: Deprecated, Origin: o, Text: fmt.Sprintf("%s: the name is deprecated: write SANDBOX_VOLUMES=%s", o, shellWord(e.short()))})
	}
	return []Entry{e}, warnings, true, nil
}

// workspaceEntry makes the entry of a path and of the target it goes to.
func workspaceEntry(env host.Env, name string) (Entry, error) {
	p := pathParser(name, env[name])
	e := Entry{Origin: p.origin, Source: env[name], Target: "/workspace", source: piece{env[name], 1}, target: piece{env[name], 1}}
	if err := p.checkSource(&e, span{0, len(p.value)}); err != nil && err.Kind != BadVolumeName {
		return e, err
	}
	if e.kind == sourceName { // a bare word is a folder here
		e.kind, e.Source = sourcePath, "./"+e.Source
	}
	if env[inSandbox] == "" {
		return e, nil
	}
	in := pathParser(inSandbox, env[inSandbox])
	target := Entry{Origin: in.origin}
	if err := in.checkTargetText(&target, span{0, len(in.value)}, in.value); err != nil {
		return e, err
	}
	e.Target, e.target = target.Target, target.target
	return e, nil
}

func pathParser(name, value string) *parser {
	return &parser{value: value, origin: Origin{Variable: name, Column: 1, Text: value}}
}

// rewritten replaces the first match of "from" in WORKSPACE_BASE by "to".
func rewritten(env host.Env) (string, error) {
	p := pathParser(rewrite, env[rewrite])
	cut := fieldsOf(p.value)
	if len(cut) != 2 || cut[0] == "" || cut[1] == "" {
		return "", p.fail(RewriteSyntax, &Entry{Origin: p.origin}, span{0, len(p.value)}, "not of the form from:to", "write SANDBOX_VOLUMES=/host/path:/workspace instead")
	}
	out := strings.Replace(env[base], cut[0], cut[1], 1)
	return out, nil
}

// fieldsOf cuts at colons, but for those of drives.
func fieldsOf(value string) []string {
	var out []string
	for {
		at := 0
		if startsDrive(value) {
			at = 2
		}
		colon := strings.IndexByte(value[at:], ':')
		if colon < 0 {
			return append(out, value)
		}
		out = append(out, value[:at+colon])
		value = value[at+colon+1:]
	}
}
