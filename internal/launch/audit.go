package launch

import (
	"context"

	"berth/hardening"
	"berth/internal/fault"
	"berth/internal/probe"
	"berth/internal/sandbox"
)

// AuditReport is a sandbox compared with its plan and attacked from inside.
type AuditReport struct {
	Name     string
	Posture  hardening.Posture
	Findings []hardening.Finding
	Probes   hardening.Probes
	Changed  []sandbox.Difference // fields of the Spec that are not as planned
	Mounts   bool                 // the folders inside were proven to be the ones that were checked
}

// Audit compares a sandbox with its plan, rule by rule, and, where it runs and probe is set, attacks it from inside.
func (l *Launcher) Audit(ctx context.Context, name string, withProbes bool) (AuditReport, error) {
	seen, err := l.find(ctx, name)
	if err != nil {
		return AuditReport{}, err
	}
	plan, err := l.storedPlan(name)
	if err != nil {
		return AuditReport{}, err
	}
	observed, err := l.Runtime.Observe(ctx, seen.Spec.Image.ID)
	if err != nil {
		return AuditReport{}, err
	}
	facts := plan.facts(observed.Engine)
	facts.Networks = observed.Networks
	var probes hardening.Probes
	if withProbes && seen.State == sandbox.Up {
		if probes, err = l.probes(ctx, seen); err != nil {
			return AuditReport{}, err
		}
	}
	proof := judge(plan, seen, facts, probes)
	if relays, ok, err := l.auditRelays(ctx, plan, seen); err != nil {
		return AuditReport{}, err
	} else if ok {
		proof.Findings = append(proof.Findings, relays)
	}
	return AuditReport{
		Name: name, Posture: proof.Posture, Findings: proof.Findings, Probes: proof.Probes,
		Changed: sandbox.Diff(plan.Spec, seen.Spec), Mounts: len(plan.Mounts) > 0,
	}, nil
}

// Proof is what was found out about a running sandbox: the audit and what it rests on.
type Proof struct {
	Findings []hardening.Finding
	Probes   hardening.Probes
	Posture  hardening.Posture
}

func judge(p *Plan, seen sandbox.Observed, f hardening.Facts, probes hardening.Probes) Proof {
	f.Published = seen.Published
	findings := hardening.Audit(p.Spec, seen.Spec, p.Profile, p.GiveUp, f, probes)
	return Proof{
		Findings: findings, Probes: probes,
		Posture: hardening.NewPosture(p.Profile, p.Spec, p.GiveUp, f, findings, probes),
	}
}

// probes attacks a sandbox from inside, as its user and as root: no capability may come with `exec -u 0` either.
func (l *Launcher) probes(ctx context.Context, seen sandbox.Observed) (hardening.Probes, error) {
	users := []string{seen.Spec.Process.User, "0:0"}
	results := make([][]probe.Outcome, len(users))
	errs := make([]error, len(users))
	done := make(chan int)
	for i, user := range users {
		go func() {
			results[i], errs[i] = l.probesAs(ctx, seen, user)
			done <- i
		}()
	}
	for range users {
		<-done
	}
	return hardening.Probes{Agent: results[0], Root: results[1]}, firstError(errs)
}

func (l *Launcher) probesAs(ctx context.Context, seen sandbox.Observed, user string) ([]probe.Outcome, error) {
	out, err := l.execInside(ctx, seen.ID, user, []string{insideProgram, "probe"})
	if err != nil {
		return nil, err
	}
	outcomes, err := probe.Parse(out)
	if err != nil {
		return nil, fault.New(fault.Failure, "berth logs "+seen.Spec.Name, "%s: %w", seen.Spec.Name, err)
	}
	return outcomes, nil
}

func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// posture is what was proven of this launch, in one line.
func (r *run) posture() string {
	if len(r.proof.Findings) == 0 {
		return "" // the launch ended before the audit
	}
	return r.proof.Posture.String()
}
