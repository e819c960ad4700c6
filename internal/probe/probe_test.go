package probe

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryProbeIsComplete(t *testing.T) {
	classes := []Class{Identity, Namespaces, Mounts, Kernel, Files, Syscalls, Sockets, Tracing, Resources, Secrets, Network}
	seen := map[string]bool{}
	for _, p := range All() {
		if p.ID == "" || seen[p.ID] {
			t.Errorf("%q: empty or twice", p.ID)
		}
		seen[p.ID] = true
		if !slices.Contains(classes, p.Class) {
			t.Errorf("%s: class %q is not one", p.ID, p.Class)
		}
		if p.Why == "" || strings.HasSuffix(p.Why, ".") {
			t.Errorf("%s: why %q", p.ID, p.Why)
		}
		if p.Root < p.From {
			t.Errorf("%s: asks more of root than of the user", p.ID)
		}
	}
	for _, c := range classes {
		if !slices.ContainsFunc(table, func(p Probe) bool { return p.Class == c }) {
			t.Errorf("class %s has no probe", c)
		}
	}
}

func TestTheDefaultProfilePromisesAtLeast31(t *testing.T) {
	n := 0
	for _, p := range All() {
		if p.MustBeClosed(Setting{Level: Standard, Sealed: true}) {
			n++
		}
	}
	if n < 31 {
		t.Errorf("%d probes hold under standard, want at least 31", n)
	}
}

func TestAStricterProfileNeverPromisesLess(t *testing.T) {
	for _, p := range All() {
		for level := Compat; level < Paranoid; level++ {
			for _, root := range []bool{false, true} {
				if p.MustBeClosed(Setting{Level: level, Root: root, Sealed: true}) && !p.MustBeClosed(Setting{Level: level + 1, Root: root, Sealed: true}) {
					t.Errorf("%s: closed at %d, not at %d", p.ID, level, level+1)
				}
			}
		}
	}
}

func TestMustBeClosed(t *testing.T) {
	for _, c := range []struct {
		id      string
		setting Setting
		want    bool
	}{
		{"caps-effective", Setting{Level: Compat}, false},
		{"caps-effective", Setting{Level: Standard}, true},
		{"write-root", Setting{Level: Standard}, true},
		{"write-root", Setting{Level: Standard, Root: true}, false},
		{"write-root", Setting{Level: Strict, Root: true}, true},
		{"interfaces", Setting{Level: Standard}, false},
		{"interfaces", Setting{Level: Standard, Sealed: true}, true},
		{"interfaces", Setting{Level: Standard, Sealed: true, Networked: true}, false},
		{"host-gateway", Setting{Level: Standard, Sealed: true, Networked: true}, true},
		{"ptrace", Setting{Level: Strict}, false},
		{"ptrace", Setting{Level: Paranoid}, true},
	} {
		p, ok := ByID(c.id)
		if !ok || p.MustBeClosed(c.setting) != c.want {
			t.Errorf("%s under %+v: want %v", c.id, c.setting, c.want)
		}
	}
}

func TestForRule(t *testing.T) {
	got := ForRule("limit-pids")
	if len(got) != 1 || got[0].ID != "limit-pids" {
		t.Errorf("got %v", got)
	}
	if got := ForRule(""); len(got) != 0 {
		t.Errorf("no rule has %d probes", len(got))
	}
}

func TestASandboxThatLiesAboutItsProbesIsNotBelieved(t *testing.T) {
	for text, want := range map[string]string{
		`[{"id":"bpf","class":"syscalls","result":"closed","evidence":"EPERM"}]`: "",
		`[]`:   "",
		`nope`: "probes: invalid character 'o' in literal null (expecting 'u')",
		`[{"id":"made-up","class":"syscalls","result":"closed"}]`:                                                                `probes: entry 1 ("made-up"): not one of this berth's probes`,
		`[{"id":"bpf","class":"files","result":"closed"}]`:                                                                       `probes: entry 1 ("bpf"): not one of this berth's probes`,
		`[{"id":"bpf","class":"syscalls","result":"fine"}]`:                                                                      `probes: entry 1 ("bpf"): no such result: "fine"`,
		`[{"id":"bpf","class":"syscalls","result":"open"},{"id":"bpf","class":"syscalls","result":"closed","evidence":"EPERM"}]`: `probes: entry 2 ("bpf"): not one of this berth's probes`,
	} {
		_, err := Parse([]byte(text))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", text, got, want)
		}
	}
}
