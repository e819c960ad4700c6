package launch

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"berth/hardening"
	"berth/internal/agentserver"
	"berth/internal/config"
	"berth/internal/egress"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/state"
	"berth/mounts"
)

// Input is everything a plan depends on, as values: what the user wants, the machine, the engine, and what this
// sandbox was promised before.
type Input struct {
	Settings    *config.Settings
	Host        host.Facts
	Files       mounts.Files
	State       []string // berth's own folders
	Observation sandbox.Observation
	Names       map[string]string // images berth makes itself: "starter" -> its reference
	StarterKey  string            // content key that the starter image must have
	Name        string            // of the sandbox
	ID          string            // of this launch
	Owner       string
	Project     string // folder the sandbox belongs to
	Version     string // berth's
	Keys        state.Keys
	Ports       [3]uint16         // promised to the links: api, VS Code, desktop
	Extra       map[uint16]uint16 // further ports inside and what was promised to them
	Subnet      netip.Prefix
	Dir         string            // folder for files generated for this sandbox
	Program     string            // unpacked berth-inside on the host
	Run         string            // folder of the gateway's socket; "" where none can be shared
	Plain       bool              // links with 127.0.0.1
	Trusts      string            // the host's variable that names its trusted certificates; "": none does
	Clients     []egress.File     // the host's own settings of package clients
	Allowed     []string          // egress targets that the user allowed for this project before
	EnvFiles    map[string]string // content of the settings' env files
	Compose     map[string]string // content of the compose and .env files at and above the folder
}

// Plan is a hardened Spec and the steps that make it true. It is pure: it can be printed, compared and thrown away.
type Plan struct {
	Spec         sandbox.Spec // Image.ID is empty while the image is not here
	Image        sandbox.LocalImage
	ImageName    string // as the user wrote it
	Contract     agentserver.Contract
	Profile      hardening.Profile
	GiveUp       []hardening.GiveUp
	Findings     []hardening.Finding
	User         User
	Mounts       []mounts.Mount
	Network      *sandbox.NetworkSpec // the sandbox's own bridge; nil: none
	SubnetPool   netip.Prefix         // where its subnet comes from
	Joined       []Joined             // the other networks that it is on
	Relays       []hardening.Relay    // through which it reaches sidecars
	RelaySpecs   []sandbox.Spec       // what they are made from; known once the sandbox's network is there
	Links        []LinkPlan
	VNC          string // auto, on, off
	Egress       egress.Policy
	Allowed      int    // how many of its targets the user had allowed before
	Run          string // folder of the gateway's socket; "": the tunnel goes by exec
	Trusts       string // the host's variable whose certificates programs inside trust; "": their own
	Warnings     []string
	Steps        []Step
	ReadyTimeout time.Duration
	EnvSum       string // of all variables, keyed with the sandbox's own secret: tells whether one has changed
	Dir          string // of the generated files
	Arch         string // of the engine
	Remote       bool   // the engine's kernel is not this machine's: what is mounted cannot be proven
}

// givenUp lists the rules that the user does without, as they are written.
func (p *Plan) givenUp() []string {
	var out []string
	for _, g := range p.GiveUp {
		out = append(out, g.String())
	}
	return out
}

// User is who runs inside.
type User struct {
	UID, GID int  // -1 where only the image knows
	Images   bool // the image's choice
	Root     bool // root on the host too: not-host-root was given up, or the image wants it
}

// LinkPlan is a link that the launch will prove and show.
type LinkPlan struct {
	Kind    LinkKind
	Inside  uint16
	Host    uint16
	Opens   string // for a person
	Missing string // why there will be none
	Plain   bool   // it may be opened at 127.0.0.1, too
}

// NewPlan decides what a sandbox will be. Everything that can be refused is refused here, before anything is touched.
func NewPlan(in Input) (*Plan, error) {
	b := &builder{in: in, s: in.Settings, plan: &Plan{ReadyTimeout: in.Settings.ReadyTimeout, Dir: in.Dir}}
	for _, part := range []func() error{
		b.profile, b.image, b.mounts, b.user, b.process, b.network, b.environment, b.limits, b.harden,
	} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	b.steps()
	return b.plan, nil
}

// NeedsImage tells whether the first step has to bring the image; the rest of the plan is whole only after it.
func (p *Plan) NeedsImage() bool { return p.Spec.Image.ID == "" }

// String is the plan as a person reads it: the plan screen, --plan and the golden files are this text.
func (p *Plan) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "sandbox %s, profile %s\n", p.Spec.Name, p.Profile)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&out, "  %-7s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("image", "%s", p.imageText())
	line("user", "%s", p.userText())
	for _, m := range p.Mounts {
		line("mount", "%s", mountText(m))
	}
	if !p.hasWorkspace() {
		line("mount", "%s: empty and in memory, files vanish with the sandbox", agentserver.Workspace)
	}
	line("home", "%s", p.homeText())
	line("network", "%s", p.networkText())
	for _, text := range p.joinedText() {
		line("joins", "%s", text)
	}
	for _, r := range p.Relays {
		line("relay", "%s; nothing else of that network opens, either way", r)
	}
	if p.Trusts != "" {
		line("trusts", "the certificates that %s names on this machine", p.Trusts)
	}
	line("links", "%s", p.linksText())
	held, given, lacking := count(p.Findings)
	line("rules", "%s", rulesText(held, given, lacking))
	for _, f := range p.Findings {
		if f.State == hardening.GivenUp || f.State == hardening.Unsupported {
			line("warning", "rule %s: %s", f.Rule, f.Because)
		}
	}
	for _, w := range p.Warnings {
		line("warning", "%s", w)
	}
	for i, s := range p.Steps {
		fmt.Fprintf(&out, "  %d %s\n", i+1, s)
	}
	return out.String()
}

func (p *Plan) imageText() string {
	if p.NeedsImage() {
		return fmt.Sprintf("%s, not here yet", p.Spec.Image.Ref)
	}
	id := strings.TrimPrefix(p.Spec.Image.ID, "sha256:")
	return fmt.Sprintf("%s, local, sha256:%.8s, %s", p.Spec.Image.Ref, id, p.Spec.Image.Platform)
}

func (p *Plan) userText() string {
	text := p.Spec.Process.User
	if p.User.Images && p.NeedsImage() {
		return "the image's"
	}
	if p.User.Images {
		text += ", the image's"
	}
	if p.User.Root {
		text += ", root on this machine too"
	}
	return text
}

// homeVolume tells whether the home is a volume, which the launch makes and rm removes.
func (p *Plan) homeVolume() bool { return sandbox.HasHomeVolume(p.Spec) }

func (p *Plan) homeText() string {
	inMemory := slices.ContainsFunc(p.Spec.Tmpfs, func(t sandbox.Tmpfs) bool { return t.Target == agentHome })
	switch {
	case p.homeVolume():
		return "volume " + sandbox.HomeVolume(p.Spec.Name) + " -> /home"
	case inMemory:
		return agentHome + " in memory, runs no programs, vanishes when the sandbox stops"
	}
	return "the image's"
}

func (p *Plan) hasWorkspace() bool {
	return slices.ContainsFunc(p.Mounts, func(m mounts.Mount) bool { return m.Target == agentserver.Workspace })
}

func mountText(m mounts.Mount) string {
	mode := "rw"
	if m.ReadOnly {
		mode = "ro"
	}
	text := fmt.Sprintf("%s -> %s %s", m.Source, m.Target, mode)
	if m.Softened != "" {
		text += ", allowed by you although " + m.Softened
	}
	return text
}

func (p *Plan) networkText() string {
	switch {
	case p.Network != nil && !p.Network.Internal:
		return p.Network.Name + ", a bridge of its own; egress direct: internet, your LAN and this host's services"
	case len(p.Joined) > len(p.sealedNames()):
		return "joined, which ends the seal: their way out is not berth's to close; egress " + p.EgressText()
	case p.Network != nil:
		return p.Network.Name + ", sealed: it leads to the relays only; egress " + p.EgressText()
	case len(p.Joined) > 0:
		return "joined, but sealed: they lead to their members only; egress " + p.EgressText()
	}
	return p.Spec.Network.Mode + "; egress " + p.EgressText()
}

// EgressText says what the sandbox may reach outside, as a line of the plan has it.
func (p *Plan) EgressText() string {
	text := map[egress.Mode]string{
		egress.Off:    "off: nothing can be reached",
		egress.Direct: "direct: internet, your LAN and this host's services",
		egress.On:     "on: public hosts through berth, no private addresses",
		egress.List:   "list: only " + words(p.Egress.Allow),
	}[p.Egress.Mode]
	if p.Egress.Mode == egress.List && len(p.Egress.Allow) == 0 {
		text = "list: nothing is on it yet"
	}
	if names := p.packagesText(); names != "" {
		text += "; " + names
	}
	if p.Allowed > 0 {
		text += fmt.Sprintf(" (%d allowed by you before)", p.Allowed)
	}
	for _, t := range p.Egress.Private {
		text += "; also private " + t.String()
	}
	return text
}

// packagesText says what @packages stands for, "" where it is not on the list.
func (p *Plan) packagesText() string {
	if !slices.ContainsFunc(p.Egress.Allow, egress.Rule.IsPackages) {
		return ""
	}
	if len(p.Egress.Packages) == 0 {
		return "@packages: no client's settings name a host, each one's first refusal offers it"
	}
	var names []string
	for _, index := range p.Egress.Packages {
		names = append(names, index.Rule.String())
	}
	return "@packages: " + strings.Join(names, ", ")
}

// asked says what of the outside world the configuration lets a sandbox reach, without what was allowed later.
func (p *Plan) asked() string {
	policy := p.Egress
	policy.Allow = p.Listed()
	return strings.TrimPrefix(policy.String(), "egress ")
}

func words[T fmt.Stringer](list []T) string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = one.String()
	}
	return strings.Join(out, ", ")
}

func (p *Plan) linksText() string {
	var parts []string
	for _, l := range p.Links {
		switch {
		case l.Missing != "":
			parts = append(parts, fmt.Sprintf("no %s (%s)", linkName(l.Kind), l.Missing))
		default:
			parts = append(parts, fmt.Sprintf("127.0.0.1:%d %s", l.Host, linkName(l.Kind)))
		}
	}
	if len(p.Spec.Network.Ports) > 0 {
		return strings.Join(parts, ", ") + "; published on 127.0.0.1 only"
	}
	return strings.Join(parts, ", ") + "; nothing published"
}

func linkName(kind LinkKind) string {
	name := map[LinkKind]string{API: "api", Code: "VS Code", VNC: "VNC"}[kind]
	return cmp.Or(name, "port "+string(kind))
}

func count(findings []hardening.Finding) (held, given, lacking int) {
	for _, f := range findings {
		switch f.State {
		case hardening.Held:
			held++
		case hardening.GivenUp:
			given++
		case hardening.Unsupported:
			lacking++
		}
	}
	return held, given, lacking
}

func rulesText(held, given, lacking int) string {
	text := fmt.Sprintf("%d hold, %d given up", held, given)
	if lacking > 0 {
		text += fmt.Sprintf(", %d this engine cannot do", lacking)
	}
	return text
}
