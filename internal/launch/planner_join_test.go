package launch

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"berth/hardening"
	"berth/internal/config"
	"berth/internal/fault"
	"berth/internal/golden"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/network"
)

// composed is a label set as compose gives it.
func composed(project, key string) map[string]string {
	return map[string]string{network.ProjectLabel: project, network.KeyLabel: key}
}

// served is a container of a compose service that runs.
func served(project, service string, on string, ports ...uint16) sandbox.Container {
	return sandbox.Container{
		Name: project + "-" + service + "-1", Running: true, Networks: []string{on}, Ports: ports,
		Labels: map[string]string{network.ProjectLabel: project, network.ServiceLabel: service, network.WorkingDirLabel: "/srv/" + project},
	}
}

// joinInput is a machine on which two compose projects run.
func joinInput(t *testing.T, set func(*config.Settings)) Input {
	t.Helper()
	in := planInput(t, "~/shop:/workspace")
	in.Observation.Networks = []sandbox.NetworkInfo{
		{ID: "b1", Name: "blog_default", Driver: "bridge", Scope: "local", Labels: composed("blog", "default")},
		{ID: "c1", Name: "closed", Driver: "bridge", Scope: "local", Internal: true, Options: map[string]string{"com.docker.network.bridge.inhibit_ipv4": "true"}},
		{ID: "q1", Name: "quiet", Driver: "bridge", Scope: "local", Internal: true},
		{ID: "s1", Name: "shop_cache", Driver: "bridge", Scope: "local", Labels: composed("shop", "cache")},
		{ID: "s2", Name: "shop_default", Driver: "bridge", Scope: "local", Labels: composed("shop", "default")},
		{ID: "o1", Name: "0berth-other", Driver: "bridge", Scope: "local", Labels: map[string]string{sandbox.LabelSandbox: "other"}},
	}
	in.Observation.Containers = []sandbox.Container{
		served("shop", "redis", "shop_cache", 6379), served("shop", "web", "shop_default", 80, 443), {Name: "stopped", Networks: []string{"shop_cache"}},
		{Name: "berth-blog", Running: true, Networks: []string{"shop_cache"}, Labels: map[string]string{sandbox.LabelSandbox: "blog", sandbox.LabelKind: "sandbox"}},
		{Name: "berth-old.relay1", Running: true, Networks: []string{"shop_cache"}, Labels: map[string]string{sandbox.LabelSandbox: "old", sandbox.LabelKind: sandbox.KindRelay}},
	}
	in.Compose = map[string]string{"/home/me/shop/compose.yaml": "services: {}\n"}
	set(in.Settings)
	return in
}

func join(names ...string) func(*config.Settings) {
	return func(s *config.Settings) { s.AdditionalNetworks = names }
}

func TestThePlanSaysWhoIsOnAJoinedNetworkAndWhatItOpens(t *testing.T) {
	for name, want := range map[string]string{
		"cache":        "shop_cache of compose project shop: ends the seal: default route, LAN, this machine's services and internet open; reaches and is reached by redis :6379, sandbox blog, on every port",
		"blog_default": "blog_default of compose project blog: ends the seal: default route, LAN, this machine's services and internet open; nobody is on it now",
		"quiet":        "quiet: ends the seal: this machine's services open; nobody is on it now",
		"closed":       "closed: nothing else opens; nobody is on it now",
	} {
		plan, err := NewPlan(joinInput(t, join(name)))
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.joinedText(); !slices.Equal(got, []string{want}) || !strings.Contains(plan.String(), "  joins   "+want+"\n") {
			t.Errorf("%s: %q\nwant %q", name, got, want)
		}
	}
}

func TestAJoinedNetworkIsAttachedByItsFullNameOnce(t *testing.T) {
	plan, err := NewPlan(joinInput(t, join("default", "cache", "shop_cache")))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range plan.Spec.Network.Attached {
		if a.Name != sandbox.OwnNetwork("shop") {
			names = append(names, a.Name)
		}
	}
	if !slices.Equal(names, []string{"shop_cache", "shop_default"}) {
		t.Errorf("attached to %v", names)
	}
	if !slices.Contains(plan.Warnings, "shop_cache and another name mean the same network, shop_cache: one is enough") {
		t.Errorf("warnings: %v", plan.Warnings)
	}
	if mode := plan.Spec.Network.Mode; !slices.ContainsFunc(plan.Spec.Network.Attached, func(a sandbox.Attachment) bool { return a.Name == mode }) {
		t.Errorf("the mode is %s, which is not attached", mode)
	}
}

func TestThePlanWithNetworksPrintsItself(t *testing.T) {
	for name, set := range map[string]func(*config.Settings){
		"joined":        join("cache", "closed"),
		"joined-sealed": join("closed"),
		"relay":         sidecars(config.Sidecar{Network: "cache", Host: "redis", Port: 6379}),
		"joined-relay": func(s *config.Settings) {
			join("default")(s)
			sidecars(config.Sidecar{Network: "cache", Host: "redis", Port: 6379})(s)
		},
	} {
		plan, err := NewPlan(joinInput(t, set))
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, "testdata/plan/"+name+".golden", []byte(plan.String()))
	}
}

func TestWhoComesToAJoinedNetworkMakesNoOtherPlan(t *testing.T) {
	in := joinInput(t, join("cache"))
	first, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	if !hasEnv(first.Spec.Env, "NO_PROXY", "localhost,127.0.0.1,::1,sandbox,redis") {
		t.Errorf("the way to redis leads through the proxy: %v", first.Spec.Env)
	}
	in.Observation.Containers = append(in.Observation.Containers, served("shop", "memcached", "shop_cache", 11211),
		sandbox.Container{Name: "berth-shop", Running: true, Networks: []string{"shop_cache"}, Labels: map[string]string{sandbox.LabelSandbox: "shop"}})
	second, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := sandbox.Diff(first.Spec, second.Spec); len(diff) > 0 || first.EnvSum != second.EnvSum {
		t.Errorf("another plan: %v", diff)
	}
	if members := second.Joined[0].Members(); members != "memcached :11211, redis :6379, sandbox blog" {
		t.Errorf("on it are %s", members)
	}
	in.Settings.Env = map[string]secret.String{"NO_PROXY": secret.New("mine")}
	if third, err := NewPlan(in); err != nil || third.EnvSum == second.EnvSum {
		t.Errorf("a variable of the user's is not noticed, %v", err)
	}
}

func TestTheScopeOfANameIsFoundWhereTheUserStands(t *testing.T) {
	in := joinInput(t, join("default"))
	in.Compose = nil
	if _, err := NewPlan(in); err == nil || !strings.Contains(err.Error(), "default: is in several compose projects: blog (blog_default), shop (shop_default)") {
		t.Errorf("without a compose file: %v", err)
	}
	in.Host.Env = host.Env{"COMPOSE_PROJECT_NAME": "blog", "SANDBOX_VOLUMES": "~/shop:/workspace"}
	plan, err := NewPlan(in)
	if err != nil || plan.Joined[0].Name != "blog_default" || plan.Joined[0].How != network.ByProject {
		t.Errorf("by the environment: %+v, %v", plan, err)
	}
	in.Settings.ComposeProject = "shop"
	if plan, err = NewPlan(in); err != nil || plan.Joined[0].Name != "shop_default" {
		t.Errorf("by the configuration: %+v, %v", plan, err)
	}
}

func TestAFullNameNeedsNoScope(t *testing.T) {
	in := joinInput(t, join("shop_default"))
	in.Host.Env = host.Env{"COMPOSE_PROJECT_NAME": "Not A Project", "SANDBOX_VOLUMES": "~/shop:/workspace"}
	if plan, err := NewPlan(in); err != nil || plan.Joined[0].Name != "shop_default" {
		t.Errorf("got %v", err)
	}
	in.Settings.AdditionalNetworks = []string{"default"}
	if _, err := NewPlan(in); err == nil || err.Error() != `default: COMPOSE_PROJECT_NAME: "Not A Project" cannot be the name of a compose project` {
		t.Errorf("got %v", err)
	}
}

func TestANameThatMeansNoNetworkIsRefusedWithItsPlace(t *testing.T) {
	for name, want := range map[string]fault.Kind{
		"host": fault.Usage, "none": fault.Usage, "bridge": fault.Usage, "container:x": fault.Usage, "service:web": fault.Usage,
		"nope": fault.NotFound, "shop_*": fault.NotFound, strings.Repeat("n", 300): fault.NotFound, "日本": fault.NotFound,
		"0berth-other": fault.NotFound, "nope/default": fault.NotFound,
	} {
		_, err := NewPlan(joinInput(t, join(name)))
		if fault.KindOf(err) != want || fault.HintOf(err) == "" || !strings.HasPrefix(err.Error(), "default: "+name+": ") {
			t.Errorf("%s: %v, kind %v, hint %q", name, err, fault.KindOf(err), fault.HintOf(err))
		}
	}
}

// under makes the parts of a plan that concern networks, as a profile has them.
func under(t *testing.T, p hardening.Profile, in Input) (*Plan, error) {
	t.Helper()
	b := &builder{in: in, s: in.Settings, plan: &Plan{Profile: p}}
	b.plan.Spec.Labels = map[string]string{sandbox.LabelSandbox: in.Name}
	if err := errors.Join(b.egress(), b.join()); err != nil {
		return nil, err
	}
	return b.plan, b.relays()
}

func TestAStricterProfileJoinsNothingAndSaysWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		profile    hardening.Profile
		name       string
		want, hint string
	}{
		{hardening.Strict, "cache", "default: cache: profile strict joins no network, it reaches single services through a relay; on shop_cache are: redis :6379, sandbox blog",
			"--sidecar shop_cache/redis:6379"},
		{hardening.Strict, "blog_default", "default: blog_default: profile strict joins no network, it reaches single services through a relay; nobody is on blog_default now",
			"--sidecar blog_default/HOST:PORT"},
		{hardening.Paranoid, "cache", "default: cache: profile paranoid joins no network", "--profile standard joins networks, --profile strict reaches single services of them"},
	} {
		_, err := under(t, c.profile, joinInput(t, join(c.name)))
		if err == nil || err.Error() != c.want || fault.HintOf(err) != c.hint || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v\nhint %s", c.profile, err, fault.HintOf(err))
		}
	}
	in := joinInput(t, join("cache"))
	b := &builder{in: in, s: in.Settings, plan: &Plan{Profile: hardening.Strict, GiveUp: []hardening.GiveUp{{Rule: "joined-networks"}}}}
	if err := b.join(); err != nil || len(b.plan.Joined) != 1 {
		t.Errorf("with the rule given up: %v", err)
	}
}

func sidecars(list ...config.Sidecar) func(*config.Settings) {
	return func(s *config.Settings) { s.Sidecars = list }
}

func TestSidecarsAreRelaysOneForEachHost(t *testing.T) {
	in := joinInput(t, sidecars(config.Sidecar{Network: "cache", Host: "redis", Port: 6379}, config.Sidecar{Network: "default", Host: "web", Port: 80},
		config.Sidecar{Network: "shop_cache", Host: "redis", Port: 6380}, config.Sidecar{Network: "shop_cache", Host: "redis", Port: 6379}))
	plan, err := under(t, hardening.Strict, in)
	if err != nil {
		t.Fatal(err)
	}
	want := []hardening.Relay{
		{Sandbox: "shop", Number: 1, Network: "shop_cache", Host: "redis", Ports: []uint16{6379, 6380}},
		{Sandbox: "shop", Number: 2, Network: "shop_default", Host: "web", Ports: []uint16{80}},
	}
	if !reflect.DeepEqual(plan.Relays, want) {
		t.Errorf("got %+v", plan.Relays)
	}
	own := plan.Network
	if own == nil || !own.Internal || own.Name != "0berth-shop" || own.Subnet != "10.83.0.0/28" || own.Options["com.docker.network.bridge.inhibit_ipv4"] != "true" {
		t.Errorf("its network is %+v", own)
	}
	if got := plan.Spec.Network.Attached; !reflect.DeepEqual(got, []sandbox.Attachment{{Name: "0berth-shop"}}) {
		t.Errorf("the sandbox is on %+v", got)
	}
	if len(plan.Warnings) > 0 {
		t.Errorf("warnings: %v", plan.Warnings)
	}
}

func TestASidecarThatCannotBeIsRefused(t *testing.T) {
	podman := func(in *Input) { in.Observation.Engine.Kind = sandbox.Podman }
	for about, c := range map[string]struct {
		profile    hardening.Profile
		sidecar    config.Sidecar
		change     func(*Input)
		want, hint string
	}{
		"paranoid":        {hardening.Paranoid, config.Sidecar{Network: "cache", Host: "redis", Port: 1}, nil, "default: profile paranoid reaches no sidecar", "--profile strict"},
		"Podman":          {hardening.Strict, config.Sidecar{Network: "cache", Host: "redis", Port: 1}, podman, "default: a relay needs a sealed network, which this engine (podman) cannot make", "--profile standard --network cache"},
		"an address":      {hardening.Strict, config.Sidecar{Network: "cache", Host: "172.20.0.2", Port: 1}, nil, "default: 172.20.0.2 is an address, which a container keeps only while it runs", "write its service or container name"},
		"itself":          {hardening.Strict, config.Sidecar{Network: "cache", Host: "sandbox", Port: 1}, nil, "default: sandbox is the sandbox itself", "write its service or container name"},
		"no name":         {hardening.Strict, config.Sidecar{Network: "cache", Host: "--x y", Port: 1}, nil, `default: "--x y" is not the name of a host`, "write its service or container name"},
		"no such network": {hardening.Strict, config.Sidecar{Network: "nope", Host: "redis", Port: 1}, nil, "default: nope: no such network", "docker compose up -d, or docker network create nope"},
		"compat": {hardening.Compat, config.Sidecar{Network: "cache", Host: "redis", Port: 1}, nil,
			"default: with egress direct the sandbox has a bridge with a way out, on which no relay is needed", "join it: --network cache    or relay to it: --profile strict"},
	} {
		in := joinInput(t, sidecars(c.sidecar))
		if c.change != nil {
			c.change(&in)
		}
		_, err := under(t, c.profile, in)
		if err == nil || err.Error() != c.want || fault.HintOf(err) != c.hint {
			t.Errorf("%s: %v\nhint %s", about, err, fault.HintOf(err))
		}
	}
	in := joinInput(t, sidecars(config.Sidecar{Network: "shop_cache", Host: "redis", Port: 1}, config.Sidecar{Network: "shop_default", Host: "redis", Port: 1}))
	if _, err := under(t, hardening.Strict, in); err == nil || err.Error() != "default: redis is on shop_cache and on shop_default, and the sandbox can have one host of that name" {
		t.Errorf("one name on two networks: %v", err)
	}
}

func TestASidecarThatIsNotThereNowIsWarnedAbout(t *testing.T) {
	plan, err := under(t, hardening.Strict, joinInput(t, sidecars(config.Sidecar{Network: "cache", Host: "memcached", Port: 11211})))
	if err != nil || !slices.Equal(plan.Warnings, []string{"nobody on shop_cache is called memcached now; on shop_cache are: redis :6379, sandbox blog"}) {
		t.Errorf("%v, %v", plan, err)
	}
}

func TestANetworkThatWasMadeAnewIsJoinedAgainAndThatIsSaid(t *testing.T) {
	f, r := relayed(t)
	r.plan.Joined = []Joined{{Name: "a", ID: "1"}, {Name: "b", ID: "2"}}
	r.before.Networks = []sandbox.NetworkInfo{{Name: "a", ID: "1"}, {Name: "b", ID: "3"}}
	for _, want := range []int{1, 1} { // once only
		if err := r.remade(); err != nil || len(f.events) != want {
			t.Fatalf("%v, %v", f.events, err)
		}
	}
	if f.events[0].Text != "network b was made anew since: joining it again" {
		t.Error(f.events[0].Text)
	}
	if kept, err := f.storedPlan("shop"); err != nil || len(kept.Joined) != 2 || kept.Joined[1].ID != "3" {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}

func TestAnotherPortOfASidecarIsAnotherPlan(t *testing.T) {
	f, r := relayed(t)
	again := *r.plan
	again.Relays = []hardening.Relay{{Sandbox: "shop", Number: 1, Network: "cache", Host: "redis", Ports: []uint16{6379, 6380}}}
	seen := sandbox.Observed{Spec: r.plan.Spec}
	if got := f.changed(seen, r.plan); len(got) != 0 {
		t.Errorf("the same plan: %v", got)
	}
	if got := inWords(f.changed(seen, &again)); !slices.Equal(got, []string{"sidecars: redis:6379 on cache is now redis:6379,6380 on cache"}) {
		t.Errorf("got %v", got)
	}
}

func TestWhatOthersNamedTheirContainersCannotForgeAPlan(t *testing.T) {
	in := joinInput(t, join("cache"))
	evil := served("shop", "x\n  rules   99 hold, 0 given up\x1b[2J", "shop_cache", 1)
	star := served("shop", "*", "shop_cache", 2)
	in.Observation.Containers = append(in.Observation.Containers, evil, star)
	plan, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	if text := plan.String(); strings.Contains(text, "\n  rules   99") || strings.Contains(text, "\x1b") {
		t.Errorf("the plan reads:\n%s", text)
	}
	if !hasEnv(plan.Spec.Env, "NO_PROXY", "localhost,127.0.0.1,::1,sandbox,redis") {
		t.Errorf("a label got into the environment: %v", plan.Spec.Env)
	}
	_, err = under(t, hardening.Strict, in)
	if hint := fault.HintOf(err); hint != "--sidecar shop_cache/redis:6379" {
		t.Errorf("the hint is %s", hint)
	}
}

func TestOtherNetworksAreSaidByName(t *testing.T) {
	f, r := relayed(t)
	other := *r.plan
	other.Spec.Network.Attached = []sandbox.Attachment{{Name: "shop_cache"}, {Name: "0berth-shop", Aliases: []string{"a"}}}
	if got := inWords(f.changed(sandbox.Observed{Spec: r.plan.Spec}, &other)); !slices.Equal(got, []string{"networks: [] is now [0berth-shop as a shop_cache]"}) {
		t.Errorf("got %v", got)
	}
}
