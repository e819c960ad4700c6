package engine

import (
	"testing"

	"github.com/docker/docker/api/types/container"
)

// A plan leaves these lists to the engine, and says so in a label, which somebody can copy.
func TestOnlyTheEnginesOwnMasksPassForThem(t *testing.T) {
	for name, c := range map[string]struct {
		masked, readonly []string
		own              bool
	}{
		"Docker's":                   {[]string{"/proc/acpi", "/proc/kcore"}, []string{"/proc/bus", "/proc/sys"}, true},
		"not told, as Podman":        {nil, nil, true},
		"none at all":                {[]string{}, []string{}, false},
		"others, made by hand since": {[]string{"/proc/acpi"}, []string{"/proc/bus"}, false},
	} {
		seen := observe(container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{MaskedPaths: c.masked, ReadonlyPaths: c.readonly}},
			Config:            &container.Config{Labels: map[string]string{labelDefaults: "masked readonly"}},
		}, "").Spec
		if (seen.MaskedPaths == nil) != c.own || (seen.ReadonlyPaths == nil) != c.own {
			t.Errorf("%s: %v %v", name, seen.MaskedPaths, seen.ReadonlyPaths)
		}
	}
}

func TestAnotherRuntimeThanTheEnginesIsSeen(t *testing.T) {
	made := container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{Runtime: "kata"}},
		Config:            &container.Config{Labels: map[string]string{labelDefaults: "runtime"}},
	}
	for engines, want := range map[string]string{"kata": "", "runc": "kata", "": ""} {
		if got := observe(made, engines).Spec.Runtime; got != want {
			t.Errorf("of an engine with %q: %q, want %q", engines, got, want)
		}
	}
}
