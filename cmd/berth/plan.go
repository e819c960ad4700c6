package main

import (
	"context"
	"strings"

	"berth/hardening"
	"berth/internal/engine"
	"berth/internal/launch"
	"berth/internal/sandbox"
)

// printPlan prints what a launch would do, or the sandbox in another tool's words, and does nothing.
func (a *app) printPlan(ctx context.Context, s *session, q launch.Request, form string) error {
	switch form {
	case "", "docker", "compose", "json":
	default:
		return usage("--print=docker, --print=compose or --print=json", "--print=%s: no such form", form)
	}
	p, err := s.Plan(ctx, q)
	if err != nil {
		return err
	}
	switch form {
	case "docker", "compose":
		for _, r := range p.Relays {
			a.print.Lines("# without berth nothing relays to " + r.String())
		}
	}
	switch form {
	case "docker":
		a.print.Lines(engine.Script(p.Spec, p.Network)...)
		return nil
	case "compose":
		a.print.Lines(engine.Compose(p.Spec, p.Network)...)
		return nil
	case "json":
		return a.print.Object("spec", specJSON(p.Spec))
	}
	if a.global.json {
		return a.print.Object("plan", planJSONOf(p))
	}
	a.print.Lines(strings.Split(strings.TrimSuffix(p.String(), "\n"), "\n")...)
	return nil
}

// planJSON is a plan for programs.
type planJSON struct {
	Name     string              `json:"name"`
	Profile  string              `json:"profile"`
	Mounts   []mounted           `json:"mounts"`
	Networks []networkJSON       `json:"networks"`
	Sidecars []sidecarJSON       `json:"sidecars"`
	Links    []plannedLink       `json:"links"`
	GivenUp  []string            `json:"given_up"`
	Warnings []string            `json:"warnings"`
	Steps    []plannedStep       `json:"steps"`
	Rules    []hardening.Finding `json:"rules"`
	Hash     string              `json:"hash"`
	Spec     specView            `json:"spec"`
}

// sidecarJSON is a host on another network of which the sandbox reaches single ports.
type sidecarJSON struct {
	Host    string   `json:"host"`
	Ports   []uint16 `json:"ports"`
	Network string   `json:"network"`
}

type plannedLink struct {
	Kind    string `json:"kind"`
	Inside  uint16 `json:"inside"`
	Host    uint16 `json:"host"`
	Missing string `json:"missing,omitempty"`
}

type plannedStep struct {
	Step string `json:"step"`
	Text string `json:"text"`
}

func planJSONOf(p *launch.Plan) planJSON {
	out := planJSON{
		Name: p.Spec.Name, Profile: string(p.Profile), Mounts: []mounted{}, Networks: []networkJSON{}, Sidecars: []sidecarJSON{}, Links: []plannedLink{}, GivenUp: []string{},
		Warnings: append([]string{}, p.Warnings...), Rules: append([]hardening.Finding{}, p.Findings...),
		Hash: p.Spec.Hash(), Spec: specJSON(p.Spec),
	}
	for _, j := range p.Joined {
		out.Networks = append(out.Networks, networkJSONOf(j))
	}
	for _, r := range p.Relays {
		out.Sidecars = append(out.Sidecars, sidecarJSON{r.Host, r.Ports, r.Network})
	}
	for _, m := range p.Mounts {
		out.Mounts = append(out.Mounts, mounted{m.Source, m.Target, m.ReadOnly})
	}
	for _, l := range p.Links {
		out.Links = append(out.Links, plannedLink{string(l.Kind), l.Inside, l.Host, l.Missing})
	}
	for _, g := range p.GiveUp {
		out.GivenUp = append(out.GivenUp, g.String())
	}
	for _, step := range p.Steps {
		out.Steps = append(out.Steps, plannedStep{string(step.Kind), step.Text})
	}
	return out
}

// specView is a Spec as JSON, with the values of secret variables hidden.
type specView sandbox.Spec

func specJSON(s sandbox.Spec) specView {
	env := make([]sandbox.Env, len(s.Env))
	for i, v := range s.Env {
		if v.Secret && v.Value != "" {
			v.Value = "****"
		}
		env[i] = v
	}
	s.Env = env
	return specView(s)
}
