package hardening

import (
	"strconv"

	"berth/internal/sandbox"
)

// asked are the rules whose value a user may also set by a key of the configuration, and how the Spec's value is
// written as a give-up's.
var asked = []struct {
	rule  string
	value func(sandbox.Spec, Facts) string // "" where nothing was asked for
}{
	{"limit-memory", func(s sandbox.Spec, _ Facts) string { return positive(s.Limits.Memory) }},
	{"limit-pids", func(s sandbox.Spec, _ Facts) string { return positive(s.Limits.Pids) }},
	{"limit-shm", func(s sandbox.Spec, _ Facts) string { return positive(s.Limits.Shm) }},
	{"limit-cpus", func(s sandbox.Spec, _ Facts) string {
		if s.Limits.NanoCPUs <= 0 {
			return ""
		}
		return strconv.FormatFloat(float64(s.Limits.NanoCPUs)/1e9, 'f', -1, 64)
	}},
	{"limit-nofile", func(s sandbox.Spec, _ Facts) string {
		for _, u := range s.Limits.Ulimits {
			if u.Name == "nofile" {
				return positive(u.Hard)
			}
		}
		return ""
	}},
	{"runtime", func(s sandbox.Spec, _ Facts) string { return s.Runtime }},
	{"user-namespace", func(s sandbox.Spec, _ Facts) string { return s.UsernsMode }},
	{"egress", func(_ sandbox.Spec, f Facts) string { return string(f.Reach.Egress) }},
	{"no-gpu", func(s sandbox.Spec, _ Facts) string {
		if s.GPU {
			return "yes"
		}
		return ""
	}},
}

// Asked turns what a user set by keys of the configuration, as it stands in spec, into the rules given up for it:
// only where it is looser than the profile. What is tighter Harden keeps by itself. source tells where the wish for a
// rule stands; rules already in giveUp are left alone.
func Asked(spec sandbox.Spec, p Profile, giveUp []GiveUp, f Facts, source func(rule string) string) []GiveUp {
	s := newScope(spec, p, giveUp, f)
	out := giveUp
	for _, a := range asked {
		r, value := ruleByID(a.rule), a.value(spec, f)
		if value == "" || s.gaveUp(a.rule) || r.judge(s.spec, s, &r).ok {
			continue
		}
		if r.parse == nil {
			value = ""
		}
		out = append(out[:len(out):len(out)], GiveUp{Rule: a.rule, Value: value, Source: source(a.rule)})
	}
	return out
}

func positive(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
