package hardening

import (
	"slices"
	"testing"

	"berth/internal/probe"
	"berth/internal/sandbox"
)

// Podman takes masks and limits of logs and tells neither: what a probe proves holds, the rest is said to be unsupported.
func TestWhatPodmanDoesNotTellIsProvenByProbesAlone(t *testing.T) {
	e := modernEngine()
	e.Kind = sandbox.Podman
	f := Facts{Engine: e, Image: image()}
	planned, findings, err := Harden(documentSpec(), Strict, nil, f)
	if err != nil || stateOf(findings, "masked-paths") != Held {
		t.Fatalf("%s, %v", stateOf(findings, "masked-paths"), err)
	}
	seen := planned
	seen.MaskedPaths, seen.ReadonlyPaths, seen.Log.Options = nil, nil, nil
	outcome := func(r probe.Result) Probes {
		return Probes{Agent: []probe.Outcome{{ID: "kernel-modules", Result: r, Evidence: "/sys/module"}}}
	}
	for name, c := range map[string]struct {
		probes Probes
		want   State
	}{
		"not tried": {Probes{}, Unsupported}, "refused": {outcome(probe.Closed), Held}, "got through": {outcome(probe.Open), Failed},
	} {
		got := Audit(planned, seen, Strict, nil, f, c.probes)
		if state := stateOf(got, "masked-paths"); state != c.want {
			t.Errorf("%s: %s, want %s", name, state, c.want)
		}
		if state := stateOf(got, "limit-log"); state != Unsupported {
			t.Errorf("%s: limit-log is %s", name, state)
		}
	}
	f.Engine.Kind = sandbox.Docker
	if state := stateOf(Audit(planned, seen, Strict, nil, f, outcome(probe.Closed)), "masked-paths"); state != Failed {
		t.Errorf("Docker tells, so it is %s", state)
	}
}

func TestRootInsideOwnsTheImagesFiles(t *testing.T) {
	f := Facts{Engine: modernEngine(), Image: image()}
	f.Engine.Kind = sandbox.DockerRootless
	spec := documentSpec()
	spec.Process.User = "0:0"
	planned, _, err := Harden(spec, Standard, nil, f)
	if err != nil {
		t.Fatal(err)
	}
	through := Probes{Agent: []probe.Outcome{{ID: "write-root", Result: probe.Open, Evidence: "/"}}}
	if state := stateOf(Audit(planned, planned, Standard, nil, f, through), "write-root"); state == Failed {
		t.Error("a writable root fails for who owns it")
	}
	planned.Process.User = "1000:1000"
	if state := stateOf(Audit(planned, planned, Standard, nil, f, through), "write-root"); state != Failed {
		t.Errorf("for anybody else it is %s", state)
	}
}

func stateOf(findings []Finding, rule string) State {
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.Rule == rule })
	if i < 0 {
		return ""
	}
	return findings[i].State
}
