package sandbox

import (
	"reflect"
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
