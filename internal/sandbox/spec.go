package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Normalise puts the slices of s in canonical order, so that equal sandboxes have equal Specs. Mounts are ordered
// parents first. Nil and empty are kept apart only where the engine does: MaskedPaths and ReadonlyPaths.
func (s Spec) Normalise() Spec {
	s.Env = sorted(s.Env, func(a, b Env) int { return cmp.Compare(a.Name, b.Name) })
	s.Mounts = sorted(s.Mounts, compareMounts)
	s.Tmpfs = sorted(s.Tmpfs, func(a, b Tmpfs) int { return cmp.Compare(a.Target, b.Target) })
	s.Process.Groups = sorted(s.Process.Groups, cmp.Compare[string])
	s.Network.Attached = sorted(s.Network.Attached, func(a, b Attachment) int { return cmp.Compare(a.Name, b.Name) })
	s.Network.Ports = sorted(s.Network.Ports, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Container, b.Container), a.Host.Compare(b.Host))
	})
	s.Network.ExtraHosts = sorted(s.Network.ExtraHosts, cmp.Compare[string])
	s.Limits.Ulimits = sorted(s.Limits.Ulimits, func(a, b Ulimit) int { return cmp.Compare(a.Name, b.Name) })
	s.CapDrop = sorted(s.CapDrop, cmp.Compare[string])
	s.CapAdd = sorted(s.CapAdd, cmp.Compare[string])
	s.Devices = sorted(s.Devices, cmp.Compare[string])
	s.SELinuxLabels = sorted(s.SELinuxLabels, cmp.Compare[string])
	s.MaskedPaths = sortedKeepEmpty(s.MaskedPaths)
	s.ReadonlyPaths = sortedKeepEmpty(s.ReadonlyPaths)
	s.Sysctls = filled(s.Sysctls)
	s.Log.Options = filled(s.Log.Options)
	return s
}

// Hash identifies the sandbox that s describes, as 64 hex digits. Secret values and labels do not count: the same
// plan with fresh keys has the same hash.
func (s Spec) Hash() string {
	s = s.Normalise()
	s.Labels = nil
	env := slices.Clone(s.Env)
	for i := range env {
		if env[i].Secret {
			env[i].Value = ""
		}
	}
	s.Env = env
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a Spec holds nothing that JSON cannot say
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Own tells whether m is berth's own (its binary, the user database, the home), not the user's.
func (m Mount) Own() bool {
	switch m.Target {
	case "/etc/passwd", "/etc/group", "/home":
		return true
	}
	return m.Target == "/.berth" || strings.HasPrefix(m.Target, "/.berth/")
}

func compareMounts(a, b Mount) int {
	return cmp.Or(cmp.Compare(strings.Count(a.Target, "/"), strings.Count(b.Target, "/")), cmp.Compare(a.Target, b.Target))
}

func sorted[T any](in []T, less func(a, b T) int) []T {
	if len(in) == 0 {
		return nil
	}
	out := slices.Clone(in)
	slices.SortStableFunc(out, less)
	return out
}

func sortedKeepEmpty(in []string) []string {
	if in == nil {
		return nil
	}
	return append([]string{}, sorted(in, cmp.Compare[string])...)
}

func filled(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}
