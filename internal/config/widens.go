package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"berth/internal/egress"
	"berth/mounts"
)

func when(yes bool, value string) []string {
	if yes {
		return []string{value}
	}
	return nil
}

func changed(with, without string) []string { return when(with != without && with != "", with) }

// more gives with when it is above what holds without it: a value set below, else the least any profile has.
func more[N cmp.Ordered](with, without, least N) []string {
	var zero N
	if without == zero {
		without = least
	}
	return when(with > without, fmt.Sprint(with))
}

func added(with, without []string) []string {
	return slices.DeleteFunc(slices.Clone(with), func(s string) bool { return slices.Contains(without, s) })
}

var profiles = []string{"compat", "standard", "strict", "paranoid"}

func weakerProfile(w, o *Settings, _ string) []string {
	return when(slices.Index(profiles, w.Profile) < slices.Index(profiles, o.Profile), w.Profile)
}

// egressOf is what a profile has when nobody sets egress.
var egressOf = map[string]egress.Mode{
	"compat": egress.Direct, "standard": egress.On, "strict": egress.List, "paranoid": egress.Off,
}

func widerEgress(w, o *Settings, _ string) []string {
	before := cmp.Or(o.Egress.Mode, egressOf[o.Profile])
	switch now := w.Egress.Mode; {
	case slices.Index(egress.Modes, now) > slices.Index(egress.Modes, before):
		return []string{w.Egress.String()}
	case now == egress.List && before == egress.List:
		return added(texts(w.Egress.Allow), texts(o.Egress.Allow))
	}
	return nil
}

func volumesOutside(w, _ *Settings, dir string) []string {
	var out []string
	for _, v := range w.Volumes {
		entries, err := mounts.Parse(v.Text, mounts.Origin{})
		if err != nil || len(entries) == 0 && strings.TrimSpace(v.Text) != "" {
			out = append(out, v.Text) // nobody can say what it means: the user should look
			continue
		}
		for _, e := range entries {
			out = append(out, when(outside(e.Source, dir), e.Source+":"+e.Target)...)
		}
	}
	return out
}

func mountsOutside(w, _ *Settings, dir string) []string {
	var out []string
	for _, m := range w.Mounts {
		out = append(out, when(outside(m.Source, dir), m.Source+":"+m.Target)...)
	}
	return out
}

// outside tells whether a source as written leaves dir, or may: a home, a volume's name, a link that leads away.
func outside(source, dir string) bool {
	if !filepath.IsAbs(source) {
		if source != "." && source != ".." && !strings.Contains(source, "/") {
			return true // a volume
		}
		if strings.HasPrefix(source, "~") {
			return true
		}
		source = filepath.Join(dir, source)
	}
	real, err := filepath.EvalSymlinks(source)
	realDir, errDir := filepath.EvalSymlinks(dir)
	if err != nil || errDir != nil {
		real, realDir = filepath.Clean(source), filepath.Clean(dir)
	}
	return real != realDir && !strings.HasPrefix(real, strings.TrimSuffix(realDir, "/")+"/")
}

// serverVariables gives the variables by which a project would set the agent server up in place of berth: its keys,
// where it reads its configuration, whom it answers.
func serverVariables(w, _ *Settings, _ string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(w.Env)) {
		steers := name == "SESSION_API_KEY" || strings.HasPrefix(name, "OH_") || strings.HasPrefix(name, "OPENHANDS_")
		out = append(out, when(steers && w.Source("env."+name).Kind == FromProject, name)...)
	}
	return out
}

func filesOutside(w, _ *Settings, dir string) []string {
	return slices.DeleteFunc(slices.Clone(w.EnvFile), func(path string) bool { return !outside(path, dir) })
}

func newSidecars(w, o *Settings, _ string) []string {
	var out []string
	for _, s := range w.Sidecars {
		known := slices.ContainsFunc(o.Sidecars, func(t Sidecar) bool { return s.Network == t.Network && s.Host == t.Host && s.Port == t.Port })
		out = append(out, when(!known, fmt.Sprintf("%s:%d on %s", s.Host, s.Port, s.Network))...)
	}
	return out
}

func newBases(w, o *Settings, _ string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(w.Bases)) {
		out = append(out, when(w.Bases[name] != o.Bases[name], name+" = "+w.Bases[name])...)
	}
	return out
}

// newImages gives every key of an image profile that the project file sets: each may widen.
func newImages(w, _ *Settings, _ string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(w.sources)) {
		if rest, ok := strings.CutPrefix(name, "images."); ok && w.sources[name].Kind == FromProject {
			out = append(out, rest)
		}
	}
	return out
}
