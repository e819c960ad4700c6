package launch

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/config"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

var publishing = config.Flag{Key: "publish", Name: "--publish", Values: []string{"true"}}

func TestPublishedLinksAreOnLoopbackAlone(t *testing.T) {
	plan, err := NewPlan(planInput(t, "", publishing))
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, p := range plan.Spec.Network.Ports {
		at = append(at, p.Host.String())
	}
	if !slices.Equal(at, []string{"127.0.0.1:8010", "127.0.0.1:8011", "127.0.0.1:8012"}) {
		t.Errorf("published at %v", at)
	}
	if text := plan.String(); !strings.Contains(text, "; published on 127.0.0.1 only\n") {
		t.Errorf("the plan:\n%s", text)
	}
}

func TestBeforeEngine28NothingIsPublished(t *testing.T) {
	in := planInput(t, "", publishing)
	in.Observation.Engine.Version = "26.1.5"
	_, err := NewPlan(in)
	want := "flag --publish: before engine 28 a neighbour on the LAN reaches what is published on 127.0.0.1, and this is 26.1.5; in raw PREROUTING " +
		"two rules close it: drop -d 127.0.0.0/8 ! -i lo, and drop -d SUBNET ! -i BRIDGE for each bridge"
	if err == nil || err.Error() != want || fault.KindOf(err) != fault.Usage ||
		fault.HintOf(err) != "leave it out, the links work without; the rules with this engine's networks: berth firewall print" {
		t.Errorf("%v\nhint %s", err, fault.HintOf(err))
	}
}

func TestPodmanWithRootPublishesNothing(t *testing.T) {
	in := planInput(t, "", publishing)
	in.Observation.Engine.Kind, in.Observation.Engine.Version = sandbox.Podman, "5.8.6"
	_, err := NewPlan(in)
	want := "flag --publish: a neighbour on the LAN reaches a container of this engine (Podman with root) by a route to its address"
	if err == nil || err.Error() != want || fault.HintOf(err) != "leave it out, the links work without; or run Podman without root" {
		t.Errorf("%v\nhint %s", err, fault.HintOf(err))
	}
}
