package launch

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"berth/hardening"
	"berth/internal/agentserver"
	"berth/internal/config"
	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/mounts"
)

// insideProgram is where berth's own program lies in every sandbox.
const insideProgram = "/.berth/inside"

// insideSocket is where the folder of its gateway's socket lies.
const insideSocket = "/.berth/run"

// insideCertificates is where the host's trusted certificates lie, where its environment names them.
const insideCertificates = "/.berth/ca.pem"

// builder makes a plan part by part; each part reads what those before it decided.
type builder struct {
	in    Input
	s     *config.Settings
	shape hardening.Shape // of the profile
	plan  *Plan
}

func (b *builder) profile() error {
	profile, err := hardening.ParseProfile(b.s.Profile)
	if err != nil {
		return err
	}
	b.plan.Profile = profile
	for _, text := range b.s.GiveUp {
		g, err := hardening.ParseGiveUp(text)
		if err != nil {
			return err
		}
		g.Source = b.s.Source("give_up").String()
		b.plan.GiveUp = append(b.plan.GiveUp, g)
	}
	if err := b.opened(); err != nil {
		return err
	}
	b.shape = hardening.ShapeOf(profile, b.plan.GiveUp)
	return nil
}

// opened are the keys that open one thing by name: each is a rule given up for another value.
func (b *builder) opened() error {
	if b.s.KVM && b.plan.Profile != hardening.Compat {
		return fault.New(fault.Usage, "--profile compat, or --give-up no-devices=kvm", "%s: kvm = true: only profile compat hands a device in", b.s.Source("kvm"))
	}
	for _, o := range []struct {
		key         string
		asked       bool
		rule, value string
	}{
		{"seccomp", b.s.Seccomp != "", "seccomp", b.s.Seccomp},
		{"kvm", b.s.KVM, "no-devices", "kvm"},
	} {
		if o.asked {
			b.plan.GiveUp = append(b.plan.GiveUp, hardening.GiveUp{Rule: o.rule, Value: o.value, Source: b.s.Source(o.key).String()})
		}
	}
	return nil
}

func (b *builder) image() error {
	ref := ImageRef(b.s, b.in.Names)
	b.plan.ImageName = cmp.Or(b.s.Image, b.s.DefaultImage, agentserver.PublicImage)
	spec := &b.plan.Spec
	spec.Name = b.in.Name
	spec.Image = sandbox.Image{Ref: ref, Platform: "linux/" + b.in.Observation.Engine.Arch}
	b.plan.Arch, b.plan.Remote = b.in.Observation.Engine.Arch, b.in.Observation.Engine.Remote || b.engine().Kind == sandbox.DockerDesktop
	local, here := b.in.Observation.Images[ref]
	if !here || ref == b.in.Names["starter"] && local.Labels[sandbox.LabelKey] != b.in.StarterKey {
		if ref == b.in.Names["starter"] {
			b.plan.Contract = agentserver.Starter
		}
		return nil // a starter image of another build counts as none
	}
	b.plan.Image = local
	spec.Image = local.Image
	spec.Image.Ref = ref
	b.plan.Contract = agentserver.Detect(local.Labels, local.Entrypoint, local.Cmd)
	if b.plan.foreign() {
		b.plan.Warnings = append(b.plan.Warnings,
			fmt.Sprintf("the image is made for %s, and the engine runs linux/%s: slow under emulation, without it not at all", local.Platform, b.plan.Arch))
	}
	return b.refuseContract()
}

// foreign tells whether the image was made for other machines than the engine's, which may emulate them.
func (p *Plan) foreign() bool {
	parts := strings.Split(p.Spec.Image.Platform, "/")
	return len(parts) > 1 && p.Arch != "" && parts[1] != p.Arch
}

// refuseContract refuses servers that need root inside, which no profile here gives.
func (b *builder) refuseContract() error {
	switch b.plan.Contract {
	case agentserver.OpenHandsV0, agentserver.Sagewai:
		return fault.New(fault.Image, "choose an agent-server image: --image workbench",
			"%s: it holds a %s runtime, which needs root inside", b.plan.Spec.Image.Ref, b.plan.Contract)
	}
	return nil
}

// ImageRef gives the reference that the settings mean: one of berth's own images by its short name, a profile's
// image, or what is written.
func ImageRef(s *config.Settings, names map[string]string) string {
	name := cmp.Or(s.Image, s.DefaultImage, agentserver.PublicImage)
	if ref, ok := names[name]; ok {
		return ref
	}
	profile, ok := s.Images[name]
	switch {
	case !ok:
		return name
	case profile.Image != "":
		return profile.Image
	case profile.Repository != "" && profile.Tag != "":
		return profile.Repository + ":" + profile.Tag
	case profile.Repository != "":
		return profile.Repository
	}
	return name
}

func (b *builder) mounts() error {
	view := b.mountHost()
	given, err := givenMounts(b.s, b.in.Host)
	if err != nil {
		return mounts.Explain(err, view)
	}
	found, warnings, err := given.Resolve(view)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		b.plan.Warnings = append(b.plan.Warnings, w.Text)
	}
	for _, m := range found {
		if err := mounts.Unsupported(m); err != nil {
			return err
		}
		if b.shape.Frozen && m.Kind == mounts.Bind && !m.ReadOnly {
			m.ReadOnly = true
			b.plan.Warnings = append(b.plan.Warnings, m.Target+" is read-only, as profile paranoid has every folder: work on a copy, "+
				"cp -r "+m.Target+" ~; --give-up read-only-mounts makes it writable")
		}
		b.plan.Spec.Mounts = append(b.plan.Spec.Mounts, sandbox.Mount{
			Kind: sandbox.MountKind(m.Kind), Source: m.Source, Target: m.Target,
			ReadOnly: m.ReadOnly, NoCopy: m.NoCopy, SELinux: m.SELinux,
		})
		b.plan.Mounts = append(b.plan.Mounts, m)
	}
	b.plan.Warnings = append(b.plan.Warnings, secretsIn(found, b.in.Files)...)
	b.ownMounts()
	return nil
}

// home says where the home lies: as the profile has it, but a user of our choice has none in the image.
func (b *builder) home() hardening.Home {
	if b.shape.Home == hardening.ImagesHome && !b.imagesUser() {
		return hardening.VolumeHome
	}
	return b.shape.Home
}

// imagesUser tells whether the image's own user runs inside, who has a home there already.
func (b *builder) imagesUser() bool {
	asked := b.s.Source("user").Kind != config.FromDefault
	return b.s.User.Mode == "image" || b.shape.ImagesUser && !asked
}

// ownMounts adds what berth itself puts into every sandbox. The image's own user needs no entry in a user database, and
// may want to write there: package managers make users.
func (b *builder) ownMounts() {
	own := []sandbox.Mount{
		{Kind: sandbox.Bind, Source: b.in.Program, Target: insideProgram, ReadOnly: true},
		{Kind: sandbox.Bind, Source: filepath.Join(b.in.Dir, "agent-server.json"), Target: agentserver.ConfigPath, ReadOnly: true},
	}
	if !b.imagesUser() {
		own = append(own,
			sandbox.Mount{Kind: sandbox.Bind, Source: filepath.Join(b.in.Dir, "passwd"), Target: "/etc/passwd", ReadOnly: true},
			sandbox.Mount{Kind: sandbox.Bind, Source: filepath.Join(b.in.Dir, "group"), Target: "/etc/group", ReadOnly: true})
	}
	if b.home() == hardening.VolumeHome {
		own = append(own, sandbox.Mount{Kind: sandbox.Volume, Source: sandbox.HomeVolume(b.in.Name), Target: "/home", NoCopy: true})
	}
	if b.in.Run != "" && !b.plan.Remote {
		b.plan.Run = b.in.Run
		own = append(own, sandbox.Mount{Kind: sandbox.Bind, Source: b.in.Run, Target: insideSocket, ReadOnly: true})
	}
	b.plan.Spec.Mounts = append(b.plan.Spec.Mounts, own...)
}

func (b *builder) mountHost() mounts.Host {
	h := mounts.On(b.in.Host, b.in.Files)
	h.State = b.in.State
	h.Engine = mounts.Engine{
		Podman:  b.engine().Kind == sandbox.Podman || b.engine().Kind == sandbox.PodmanRootless,
		SELinux: slices.Contains(b.engine().Security, "selinux"),
		Root:    b.engine().RootDir,
		Socket:  strings.TrimPrefix(b.engine().Endpoint, "unix://"),
	}
	h.Volumes = map[string]mounts.VolumeInfo{}
	for _, v := range b.in.Observation.Volumes {
		h.Volumes[v.Name] = mounts.VolumeInfo{Driver: v.Driver, Options: v.Options}
	}
	h.Allow = b.s.AllowPaths
	h.Own = []mounts.OwnTarget{{Target: "/home", What: "the home volume"}, {Target: "/tmp", What: "a tmpfs"}}
	h.Lent = b.lent()
	return h
}

// lent lists the folders that other sandboxes can write: what lies below one of them may be swapped for a symlink.
func (b *builder) lent() []string {
	var out []string
	for _, o := range b.in.Observation.Sandboxes {
		for _, m := range o.Spec.Mounts {
			if m.Kind == sandbox.Bind && !m.ReadOnly && !m.Own() && o.Spec.Name != b.in.Name {
				out = append(out, m.Source)
			}
		}
	}
	return out
}

func (b *builder) engine() sandbox.Engine { return b.in.Observation.Engine }

func (b *builder) user() error {
	if b.imagesUser() {
		return b.asTheImage()
	}
	facts := mounts.UserFacts{
		Engine: mountEngine[b.engine().Kind], UID: b.in.Host.UID, GID: b.in.Host.GID,
		SudoUID: b.in.Host.SudoUID, SudoGID: b.in.Host.SudoGID, Namespace: b.s.UserNamespace,
		ImageUID: imageUID(b.plan.Image.User),
	}
	if b.s.User.Mode == "ids" {
		facts.AskedUID = strconv.Itoa(b.s.User.UID)
		if b.s.User.GID >= 0 {
			facts.AskedGID = strconv.Itoa(b.s.User.GID)
		}
	}
	for _, m := range b.plan.Mounts {
		facts.WritableBind = facts.WritableBind || m.Kind == mounts.Bind && !m.ReadOnly
		if m.Stat.UID != 0 && facts.NotRoots == "" {
			facts.NotRoots = m.Source
		}
	}
	facts.GiveUpRoot = slices.ContainsFunc(b.plan.GiveUp, func(g hardening.GiveUp) bool { return g.Rule == "not-host-root" })
	choice, err := mounts.PickUser(facts)
	if err != nil {
		return err
	}
	b.plan.Spec.Process.User = choice.User
	b.plan.Spec.UsernsMode = choice.UsernsMode
	b.plan.User = parseUser(choice)
	b.warnAccess(choice)
	return nil
}

// asTheImage leaves the user to the image. Who that is on the host only the image knows.
func (b *builder) asTheImage() error {
	if !b.shape.ImagesUser {
		return fault.New(fault.Usage, "user = \"uid:gid\", or --profile compat",
			"%s: user = \"image\": only profile compat runs as whoever the image names", b.s.Source("user"))
	}
	user := cmp.Or(b.plan.Image.User, "0:0")
	b.plan.Spec.Process.User = user
	b.plan.User = parseUser(mounts.UserChoice{User: user})
	b.plan.User.Images = true
	b.plan.User.Root = b.plan.User.UID == 0 && (b.engine().Kind == sandbox.Docker || b.engine().Kind == sandbox.Podman)
	for _, m := range b.plan.Mounts {
		if m.Kind == mounts.Bind && !m.ReadOnly {
			b.plan.Warnings = append(b.plan.Warnings, fmt.Sprintf("%s: written as the image's user, %s, whoever that is on this machine",
				m.Source, user))
		}
	}
	return nil
}

// warnAccess says before the launch who will not be able to read or write where.
func (b *builder) warnAccess(choice mounts.UserChoice) {
	if b.engine().Kind == sandbox.DockerDesktop {
		return // it shows every folder as the caller's own
	}
	for _, m := range b.plan.Mounts {
		if w, foreign := mounts.CheckAccess(m, choice.HostOwner, choice.HostGroup); foreign {
			b.plan.Warnings = append(b.plan.Warnings, w.Text)
		}
	}
}

var mountEngine = map[sandbox.EngineKind]mounts.EngineKind{
	sandbox.Docker: mounts.Rootful, sandbox.DockerRootless: mounts.Rootless, sandbox.DockerDesktop: mounts.Desktop,
	sandbox.DockerUserns: mounts.Remapped, sandbox.Podman: mounts.Podman, sandbox.PodmanRootless: mounts.PodmanRootless,
}

func parseUser(choice mounts.UserChoice) User {
	uid, gid, _ := strings.Cut(choice.User, ":")
	u, errU := strconv.Atoi(uid)
	g, errG := strconv.Atoi(gid)
	if errU != nil || errG != nil {
		return User{UID: -1, GID: -1}
	}
	return User{UID: u, GID: g, Root: choice.Root}
}

// imageUID reads the number of an image's user, 0 where it is a name or nobody: only numbers can be compared.
func imageUID(user string) int {
	uid, _, _ := strings.Cut(user, ":")
	n, err := strconv.Atoi(uid)
	if err != nil {
		return 0
	}
	return n
}

func (b *builder) process() error {
	p := &b.plan.Spec.Process
	p.Init = agentserver.NeedsInit(b.plan.Image.Entrypoint)
	p.StopTimeout = b.plan.Contract.Grace()
	p.Cmd = b.plan.Contract.Cmd(b.plan.Image.Entrypoint, b.plan.Image.Cmd, b.s.Publish)
	b.plan.Spec.Labels = map[string]string{
		sandbox.LabelSandbox: b.in.Name, sandbox.LabelID: b.in.ID, sandbox.LabelOwner: b.in.Owner,
		sandbox.LabelProfile: string(b.plan.Profile), sandbox.LabelVersion: b.in.Version,
		sandbox.LabelProject: b.in.Project, sandbox.LabelKind: "sandbox", sandbox.LabelContract: string(b.plan.Contract),
	}
	return nil
}

// secretsIn names files at the top of a mounted folder that look like credentials: the sandbox will read them.
func secretsIn(found []mounts.Mount, files mounts.Files) []string {
	var out []string
	for _, m := range found {
		if m.Kind != mounts.Bind || m.File {
			continue
		}
		names, err := files.ReadDir(m.Source)
		if err != nil {
			continue // Resolve has read it; one that is gone now is found again at create
		}
		for _, entry := range names {
			if looksSecret(entry.Name) {
				out = append(out, filepath.Join(m.Source, entry.Name)+" can be read in the sandbox")
			}
		}
	}
	slices.Sort(out)
	return out
}

func looksSecret(name string) bool {
	for _, pattern := range []string{".env", ".env.*", "*.pem", ".npmrc", ".pypirc", ".netrc", "id_rsa", "id_ed25519"} {
		if ok, _ := path.Match(pattern, name); ok && !strings.HasSuffix(name, ".example") {
			return true
		}
	}
	return false
}
