package e2e

import (
	"encoding/json"
	"reflect"
	"testing"

	"berth/hardening"
	"berth/internal/sandbox"
)

// checkPlan: what --plan says and what runs are the same, property by property.
func checkPlan(t *testing.T, s up) {
	flags := []string{"up", "--image", s.Image, "-v", s.Dir + ":/workspace", "-v", s.Data + ":/data:ro"}
	var plan struct {
		Hash string
		Spec map[string]any
	}
	s.Berth(append(flags, "--plan", "--json")...).Exits(0).JSON(&plan)
	var runs map[string]any
	s.Berth("inspect", s.Name, "--spec", "--json").Exits(0).JSON(&runs)
	for name, want := range plan.Spec {
		if name == "Env" || name == "Labels" { // the image adds to the one; the other holds the launch's own number
			continue
		}
		if have := runs[name]; !reflect.DeepEqual(have, want) {
			t.Errorf("%s: planned %v, runs %v", name, short(want), short(have))
		}
	}
	if labels, _ := runs["Labels"].(map[string]any); labels[sandbox.LabelPlan] != plan.Hash {
		t.Errorf("the label says %v, the plan %s", labels[sandbox.LabelPlan], plan.Hash)
	}
	if len(plan.Spec) < 10 {
		t.Errorf("the plan has only %d properties", len(plan.Spec))
	}
}

func short(v any) string {
	text, _ := json.Marshal(v) // it was JSON
	if len(text) > 400 {
		text = text[:400]
	}
	return string(text)
}

type audit struct {
	Holds    bool
	Posture  string
	Findings []hardening.Finding
	Changed  []struct{ Field, Want, Have string }
	Probes   struct{ Agent, Root []map[string]any }
}

// checkAudit: every rule of the profile is judged and holds, or says what the engine lacks.
func checkAudit(t *testing.T, s up) {
	var a audit
	s.Berth("audit", s.Name, "--probe", "--json").Exits(0).JSON(&a)
	if !a.Holds || len(a.Changed) > 0 {
		t.Errorf("holds %t, changed %v", a.Holds, a.Changed)
	}
	seen := map[string]bool{}
	for _, f := range a.Findings {
		seen[f.Rule] = true
		switch f.State {
		case hardening.Held:
		case hardening.Unsupported:
			if f.Because == "" {
				t.Errorf("%s: unsupported, and nothing says why", f.Rule)
			}
		default:
			t.Errorf("%s: %s: %s", f.Rule, f.State, f.Observed)
		}
	}
	for _, rule := range hardening.Rules(hardening.Standard) {
		if !seen[rule.ID] {
			t.Errorf("%s: not audited", rule.ID)
		}
	}
	if len(a.Probes.Agent) < 20 || len(a.Probes.Root) < 20 {
		t.Errorf("%d probes as the agent, %d as root", len(a.Probes.Agent), len(a.Probes.Root))
	}
}
