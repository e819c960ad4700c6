package hardening

import (
	"testing"

	"berth/internal/sandbox"
)

func TestSmoke(t *testing.T) {
	s := sandbox.Spec{Name: "shop", Image: sandbox.Image{ID: "sha256:9b1f42c09b1f42c09b1f42c09b1f42c09b1f42c09b1f42c09b1f42c09b1f42c0"}}
	s.Process.User = "1000:1000"
	f := Facts{Engine: sandbox.Engine{Kind: sandbox.Docker, Version: "20.10.24", CPUs: 2, Memory: 8 << 30, Security: []string{"seccomp"}, CanLimitMemory: true, CanLimitCPU: true, CanLimitPids: true}}
	h, found, err := Harden(s, Standard, nil, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", h)
	for _, x := range found {
		t.Logf("%-20s %-10s %s", x.Rule, x.State, x.Wanted)
	}
	t.Log(NewPosture(Standard, h, nil, f, found, nil))
}
