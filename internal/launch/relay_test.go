package launch

import (
	"net/netip"
	"slices"
	"testing"

	"berth/hardening"
	"berth/internal/sandbox"
)

// relayed is a launch whose sandbox's network is there.
func relayed(t *testing.T) (*fixture, *run) {
	t.Helper()
	f := newFixture(t)
	own := hardening.SealedBridge("shop", fakeEngine)
	own.Subnet, own.Labels = "10.83.0.16/28", map[string]string{sandbox.LabelOwner: f.Store.Owner(), sandbox.LabelSandbox: "shop"}
	f.engine.networks[own.Name] = own
	plan := &Plan{Arch: "amd64", Dir: f.dir("shop"), Network: &own, Relays: []hardening.Relay{{Sandbox: "shop", Number: 1, Network: "cache", Host: "redis", Ports: []uint16{6379}}}}
	plan.Spec.Name, plan.Spec.Labels = "shop", own.Labels
	if err := f.savePlan(plan); err != nil {
		t.Fatal(err)
	}
	return f, &run{Launcher: f.Launcher, plan: plan}
}

func TestARelayKnowsItsNetworksRangeAndIsMadeOnce(t *testing.T) {
	f, r := relayed(t)
	if err := r.relays(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen, err := f.engine.Inspect(t.Context(), "berth-shop.relay1")
	if err != nil || seen.State != sandbox.Up {
		t.Fatalf("%+v, %v", seen, err)
	}
	if want := []string{"relay", "--own", "10.83.0.16/28", "--network", "cache", "--host", "redis", "--port", "6379"}; !slices.Equal(seen.Spec.Process.Cmd, want) {
		t.Errorf("it runs %q", seen.Spec.Process.Cmd)
	}
	calls := len(f.engine.calls)
	if err := r.relays(t.Context()); err != nil || len(f.engine.calls) != calls {
		t.Errorf("again: %v, %v", err, f.engine.calls[calls:])
	}
	f.engine.setState(seen.ID, sandbox.Stopped)
	if err := r.relays(t.Context()); err != nil || !slices.Equal(f.engine.calls[calls:], []string{"start"}) {
		t.Errorf("stopped: %v, %v", err, f.engine.calls[calls:])
	}
	f.engine.containers[seen.ID].Spec.CapAdd = []string{"NET_ADMIN"}
	calls = len(f.engine.calls)
	if err := r.relays(t.Context()); err != nil || !slices.Equal(f.engine.calls[calls:], []string{"create", "start"}) {
		t.Errorf("changed by hand: %v, %v", err, f.engine.calls[calls:])
	}
}

func TestARelayGoesWithItsSandbox(t *testing.T) {
	f, r := relayed(t)
	if err := r.relays(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := f.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("a relay is listed as a sandbox: %v, %v", list, err)
	}
	left, err := f.Leftovers(t.Context())
	if err != nil || len(left) == 0 || left[0].Why != "a relay whose sandbox is gone" {
		t.Errorf("%+v, %v", left, err)
	}
	if _, err := f.Prune(t.Context()); err != nil || len(f.engine.left()) > 0 {
		t.Errorf("left: %v, %v", f.engine.left(), err)
	}
}

func TestALaunchThatFailsTakesItsRelaysAway(t *testing.T) {
	f, r := relayed(t)
	f.engine.failAt = 2 // the relay's start
	if err := r.relays(t.Context()); err == nil {
		t.Fatal("the failure is not noticed")
	}
	if err := r.undo.run(t.Context(), func(string) {}); err != nil || !slices.Equal(f.engine.left(), []string{"network 0berth-shop"}) {
		t.Errorf("left: %v, %v", f.engine.left(), err)
	}
}

func TestRelaysStopWithTheirSandboxAndStartBeforeIt(t *testing.T) {
	f, r := relayed(t)
	if err := r.relays(t.Context()); err != nil {
		t.Fatal(err)
	}
	of := sandbox.Observed{Spec: sandbox.Spec{Name: "shop", Network: sandbox.Network{Attached: []sandbox.Attachment{{Name: "0berth-shop"}}}}}
	if err := f.stopRelays(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	if seen, _ := f.engine.Inspect(t.Context(), "berth-shop.relay1"); seen.State != sandbox.Stopped {
		t.Errorf("it is %s", seen.State)
	}
	r.plan.Steps = []Step{{Kind: StepNetwork}, {Kind: StepRelays}, {Kind: StepCreate}, {Kind: StepHome}, {Kind: StepStart}, {Kind: StepAudit}}
	var kinds []StepKind
	for _, s := range r.plan.restartSteps() {
		kinds = append(kinds, s.Kind)
	}
	if !slices.Equal(kinds, []StepKind{StepRelays, StepStart, StepAudit}) {
		t.Errorf("a restart takes %v", kinds)
	}
}

func TestTheRangeOfANetworkThatIsGoneIsNoRange(t *testing.T) {
	o := sandbox.Observation{Networks: []sandbox.NetworkInfo{{Name: "a"}, {Name: "b", Subnets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}}
	if ownRange(o, "a").IsValid() || ownRange(o, "c").IsValid() || !ownRange(o, "b").IsValid() {
		t.Error("a range that nobody has")
	}
}
