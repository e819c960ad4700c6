package sandbox

import (
	"reflect"
	"strings"
	"testing"
)

func TestEqualSandboxesHaveEqualSpecs(t *testing.T) {
	a := Spec{Name: "shop", Mounts: []Mount{{Target: "/data/x"}, {Target: "/workspace"}}, Env: []Env{{Name: "B"}, {Name: "A"}}}
	b := Spec{Name: "shop", Mounts: []Mount{{Target: "/workspace"}, {Target: "/data/x"}}, Env: []Env{{Name: "A"}, {Name: "B"}}}
	if !reflect.DeepEqual(a.Normalise(), b.Normalise()) {
		t.Errorf("%+v\n%+v", a.Normalise(), b.Normalise())
	}
	if a.Hash() != b.Hash() {
		t.Error("equal sandboxes hash differently")
	}
}

func TestAFreshKeyDoesNotChangeThePlan(t *testing.T) {
	with := func(key string) string {
		return Spec{Env: []Env{{Name: "SESSION_API_KEY", Value: key, Secret: true}}}.Hash()
	}
	if with("one") != with("two") {
		t.Error("a secret value counts in the hash")
	}
	if with("one") == (Spec{}).Hash() {
		t.Error("the variable itself does not count")
	}
}

func TestNoMaskedPathsIsNotTheEnginesList(t *testing.T) {
	none, engines := Spec{}, Spec{}
	none.MaskedPaths = []string{}
	if none.Hash() == engines.Hash() {
		t.Error("an empty list, which masks nothing, looks like the engine's own")
	}
}

func TestDiffNamesTheOneFieldThatChanged(t *testing.T) {
	want := Spec{Name: "shop", Limits: Limits{Pids: 1024}}
	have := want
	have.Limits.Pids = 64
	have.CapAdd = []string{"NET_RAW"}
	got := Diff(want, have)
	expect := []Difference{{"Limits.Pids", "1024", "64"}, {"CapAdd", "[]", "[NET_RAW]"}}
	if !reflect.DeepEqual(got, expect) {
		t.Errorf("got %v, want %v", got, expect)
	}
	if got := Diff(want, want); got != nil {
		t.Errorf("a spec differs from itself: %v", got)
	}
}

func TestDiffKeepsALongValueShort(t *testing.T) {
	want := Spec{}
	have := Spec{}
	have.Seccomp = strings.Repeat("x", 4000)
	if got := Diff(want, have); len(got) != 1 || len(got[0].String()) > 80 {
		t.Errorf("got %v", got)
	}
}
