package launch

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"berth/hardening"
	"berth/internal/agentserver"
	"berth/internal/egress"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

// network plans the networks a sandbox is on, usually none, and its links.
func (b *builder) network() error {
	b.plan.VNC = b.s.VNC
	if err := b.links(); err != nil {
		return err
	}
	if err := b.egress(); err != nil {
		return err
	}
	if err := b.join(); err != nil {
		return err
	}
	if err := b.relays(); err != nil {
		return err
	}
	if b.s.Publish {
		if err := b.publish(); err != nil {
			return err
		}
	}
	if b.plan.Egress.Mode == egress.Direct {
		b.ownBridge()
	}
	return nil
}

// egress says what the sandbox may reach: what the user wants, else the profile's.
func (b *builder) egress() error {
	before, err := egress.ParseRules(b.in.Allowed)
	if err != nil {
		return err
	}
	policy := egress.Policy{Mode: cmp.Or(b.s.Egress.Mode, egress.Mode(hardening.EgressOf(b.plan.Profile)))}
	if policy.Mode == egress.List || policy.Mode == egress.On {
		policy.Private = b.s.EgressPrivate // elsewhere there is no proxy that could let it through
	}
	if policy.Mode == egress.List {
		policy.Allow = slices.Concat(b.s.Egress.Allow, before)
		b.plan.Allowed = len(before)
	}
	if slices.ContainsFunc(policy.Allow, egress.Rule.IsPackages) {
		policy.Packages = b.packages()
	}
	b.plan.Egress = policy
	return nil
}

// packages finds the hosts that package clients' settings name, the image's first. What no rule may name is warned of.
func (b *builder) packages() []egress.Index {
	image := map[string]string{}
	for _, pair := range b.plan.Image.Env {
		name, value, _ := strings.Cut(pair, "=")
		image[name] = value
	}
	var out []egress.Index
	for _, settings := range []egress.Settings{{Env: image}, {Env: b.in.Host.Env, Files: b.in.Clients}} {
		named, left := egress.Indexes(settings)
		for _, index := range named {
			if !slices.ContainsFunc(out, func(o egress.Index) bool { return o.Rule == index.Rule }) {
				out = append(out, index)
			}
		}
		for _, err := range left {
			b.plan.Warnings = append(b.plan.Warnings, fmt.Sprintf("@packages leaves out %v; %s", err, fault.HintOf(err)))
		}
	}
	return out
}

// publish publishes the links on loopback, which takes a bridge. It is refused where loopback is open to the LAN.
func (b *builder) publish() error {
	if e := b.engine(); !hardening.MayPublish(e) {
		reason, hint := hardening.WhyNotPublish(e)
		return fault.New(fault.Usage, hint, "%s: %s", b.s.Source("publish"), reason)
	}
	for _, l := range b.plan.Links {
		if l.Missing == "" {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), l.Host)
			b.plan.Spec.Network.Ports = append(b.plan.Spec.Network.Ports, sandbox.Port{Container: l.Inside, Host: at})
		}
	}
	b.plan.Egress.Mode = egress.Direct
	if b.plan.Contract != agentserver.Starter && b.plan.VNC != "off" {
		b.plan.Warnings = append(b.plan.Warnings,
			"a published desktop asks for no key: other users and web pages on this machine can drive it; --vnc=off leaves it out")
	}
	return nil
}

// ownBridge puts the sandbox on a bridge of its own.
func (b *builder) ownBridge() {
	spec := &b.plan.Spec.Network
	own := hardening.OwnBridge(b.in.Name, b.engine())
	own.Labels = b.plan.Spec.Labels
	if b.in.Subnet.IsValid() {
		own.Subnet = b.in.Subnet.String()
	}
	spec.Mode = own.Name
	spec.Attached = append(spec.Attached, sandbox.Attachment{Name: own.Name})
	b.plan.Network, b.plan.SubnetPool = &own, b.s.SubnetPool
}

func (b *builder) links() error {
	folder := agentserver.Workspace
	for _, m := range b.plan.Mounts {
		if m.Target == agentserver.Workspace {
			folder = short(m.Source, b.in.Host.Home)
		}
	}
	links := []LinkPlan{
		{Kind: API, Inside: agentserver.APIPort, Host: b.in.Ports[0], Opens: "the agent server's API"},
		{Kind: Code, Inside: agentserver.VSCodePort, Host: b.in.Ports[1], Opens: folder},
		{Kind: VNC, Inside: agentserver.VNCPort, Host: b.in.Ports[2], Opens: "the agent's desktop"},
	}
	for i := range links {
		links[i].Missing = b.missing(links[i].Kind)
		links[i].Plain = b.in.Plain || links[i].Kind == API
	}
	b.plan.Links = append(links, b.extraLinks()...)
	if b.plan.VNC == "on" && b.home() == hardening.MemoryHome {
		return fault.New(fault.Usage, "--profile strict", "%s: vnc = on: %s", b.s.Source("vnc"), b.missing(VNC))
	}
	return nil
}

// missing says why an image cannot have a link, as far as that shows before it runs.
func (b *builder) missing(kind LinkKind) string {
	switch {
	case b.plan.Contract == "": // the image is not here yet
		return ""
	case !b.plan.Contract.HasAPI():
		return "this image has no agent server"
	case kind == VNC && b.plan.VNC == "off":
		return "switched off: vnc = off"
	case b.plan.Contract == agentserver.Starter && kind == Code:
		return "the starter image has none, --image workbench does"
	case b.plan.Contract == agentserver.Starter && kind == VNC:
		return "the starter image has none, --image workbench does"
	case kind == VNC && b.home() == hardening.MemoryHome:
		return "a desktop runs programs from its home, which profile paranoid forbids; strict has one"
	}
	return ""
}

func (b *builder) limits() error {
	l := &b.plan.Spec.Limits
	l.Memory, l.MemorySwap = int64(b.s.Memory), int64(b.s.Memory)
	l.NanoCPUs = int64(b.s.CPUs * 1e9)
	l.Pids = int64(b.s.Pids)
	l.Shm = int64(b.s.ShmSize)
	if b.s.Nofile > 0 {
		l.Ulimits = []sandbox.Ulimit{{Name: "nofile", Soft: int64(b.s.Nofile), Hard: int64(b.s.Nofile)}}
	}
	b.plan.Spec.Runtime = b.s.OCIRuntime
	b.plan.Spec.GPU = b.s.GPU
	if !b.plan.hasWorkspace() {
		workspace := sandbox.Tmpfs{
			Target: agentserver.Workspace, Exec: true, Size: 1 << 30, Mode: "0755", UID: b.plan.User.UID, GID: b.plan.User.GID,
		}
		if workspace.UID < 0 { // the image's user, whose number only the image knows
			workspace.Mode = "1777"
		}
		b.plan.Spec.Tmpfs = append(b.plan.Spec.Tmpfs, workspace)
	}
	return nil
}

// unknownImage stands for the image that a plan has yet to bring.
const unknownImage = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

func (b *builder) harden() error {
	brought := b.plan.NeedsImage()
	if brought {
		b.plan.Spec.Image.ID = unknownImage // the plan is made again when the image is here
	}
	facts := b.plan.facts(b.engine())
	b.plan.GiveUp = hardening.Asked(b.plan.Spec, b.plan.Profile, b.plan.GiveUp, facts, func(rule string) string {
		return b.s.Source(keyOfRule[rule]).String()
	})
	spec, findings, err := hardening.Harden(b.plan.Spec, b.plan.Profile, b.plan.GiveUp, facts)
	if err != nil {
		return err
	}
	if brought {
		spec.Image.ID = ""
	}
	spec.Labels[sandbox.LabelPlan] = spec.Hash()
	b.plan.Spec, b.plan.Findings = spec, findings
	return b.gates()
}

// gates refuses an engine on which nothing holds, and says how much is weaker on this one: the rest is
// doctor's, since a plan is read before every launch.
func (b *builder) gates() error {
	others := 0
	for _, g := range hardening.Gates(b.engine()) {
		switch {
		case g.Severity == hardening.Refuse:
			return fault.New(fault.Engine, g.Fix, "%s: %s", b.engine().Endpoint, g.Fact)
		case g.Severity == hardening.Note: // berth goes another way, and nothing is lost
		case g.ID == "loopback-open": // nothing is published there
		default:
			others++
		}
	}
	switch others {
	case 0:
	case 1:
		b.plan.Warnings = append(b.plan.Warnings, "this engine has a known weakness: berth doctor tells it")
	default:
		b.plan.Warnings = append(b.plan.Warnings, fmt.Sprintf("this engine has %d known weaknesses: berth doctor lists them", others))
	}
	return nil
}

// keyOfRule names the key of the configuration by which a user asks for another value than a rule's.
var keyOfRule = map[string]string{
	"limit-memory": "memory", "limit-cpus": "cpus", "limit-pids": "pids", "limit-nofile": "nofile", "limit-shm": "shm_size",
	"runtime": "oci_runtime", "no-gpu": "gpu", "user-namespace": "user_namespace",
	"egress": "egress", "own-network": "egress",
}

// facts are what the rules may know before anything runs.
func (p *Plan) facts(e sandbox.Engine) hardening.Facts {
	owners := map[string]int{}
	for _, m := range p.Mounts {
		owners[m.Source] = m.Stat.UID
	}
	return hardening.Facts{Engine: e, Image: p.Image, Owners: owners, Sealed: p.sealedNames(), Reach: hardening.Reach{
		Egress: hardening.Egress(p.Egress.Mode), Named: len(p.Egress.Allow), Private: len(p.Egress.Private),
	}}
}

// imageStep brings an image that is not here: berth's own ones are made, all others are pulled.
func (b *builder) imageStep(ref string) Step {
	switch name := ownName(b.in.Names, ref); name {
	case "":
		return step(StepPull, "pull %s", ref)
	case "starter":
		return step(StepLoad, "load berth's own image %s", ref)
	default:
		return step(StepBuild, "build %s from packages", name)
	}
}

// ownName gives the short name of an image that berth makes, "" for any other.
func ownName(names map[string]string, ref string) string {
	for name, own := range names {
		if own == ref {
			return name
		}
	}
	return ""
}

func (b *builder) steps() {
	p, name := b.plan, b.in.Name
	if p.NeedsImage() {
		p.Steps = append(p.Steps, b.imageStep(p.Spec.Image.Ref))
	}
	first := step
	if p.Network != nil {
		p.Steps = append(p.Steps, step(StepNetwork, "create network %s", p.Network.Name))
		first = beside
	}
	if p.homeVolume() {
		p.Steps = append(p.Steps, first(StepVolume, "create volume %s", sandbox.HomeVolume(name)))
	}
	create := step
	if len(p.Relays) > 0 {
		p.Steps = append(p.Steps, step(StepRelays, "start relay to %s", p.relayText()))
		create = beside
	}
	p.Steps = append(p.Steps, create(StepCreate, "create container %s", sandbox.ContainerName(name)))
	if p.homeVolume() {
		p.Steps = append(p.Steps, beside(StepHome, "make %s", agentHome))
	}
	p.Steps = append(p.Steps,
		step(StepStart, "start"),
		step(StepTunnel, "open the tunnel"),
		beside(StepMounts, "check mounts").after(StepReady),
		beside(StepAudit, "audit").after(StepReady),
	)
	if p.NeedsImage() || p.Contract.HasAPI() {
		p.Steps = append(p.Steps, beside(StepReady, "wait for /ready"), step(StepLinks, "prove the links"))
	}
}

// short writes a path as a person does: ~ for the home.
func short(path, home string) string {
	if rest, ok := strings.CutPrefix(path, home+"/"); ok && home != "" {
		return "~/" + rest
	}
	return path
}
