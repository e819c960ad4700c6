package launch

import (
	"io/fs"
	"net/netip"
	"slices"
	"testing"
	"time"

	"berth/hardening"
	"berth/internal/config"
	"berth/internal/fault"
	"berth/internal/golden"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/state"
)

// shopFiles is a home with a project and data in it.
type shopFiles map[string]host.File

var shop = shopFiles{
	"/":               {Kind: host.Dir, Mode: 0o755, Device: 1, Inode: 1},
	"/home":           {Kind: host.Dir, Mode: 0o755, Device: 1, Inode: 2},
	"/home/me":        {Kind: host.Dir, Mode: 0o755, UID: 1000, GID: 1000, Device: 1, Inode: 3},
	"/home/me/shop":   {Kind: host.Dir, Mode: 0o755, UID: 1000, GID: 1000, Device: 1, Inode: 4},
	"/home/me/data":   {Kind: host.Dir, Mode: 0o755, UID: 1000, GID: 1000, Device: 1, Inode: 5},
	"/home/me/theirs": {Kind: host.Dir, Mode: 0o755, UID: 33, GID: 33, Device: 1, Inode: 6},
}

func (s shopFiles) Lstat(path string) (host.File, error) {
	if file, ok := s[path]; ok {
		return file, nil
	}
	return host.File{}, fs.ErrNotExist
}

func (s shopFiles) Readlink(string) (string, error) { return "", fs.ErrInvalid }

func (s shopFiles) ReadDir(path string) ([]host.DirEntry, error) {
	if path == "/home/me/shop" {
		return []host.DirEntry{{Name: ".env", Kind: host.Regular}, {Name: ".env.example", Kind: host.Regular}, {Name: "main.go", Kind: host.Regular}}, nil
	}
	return nil, nil
}

// planInput is a launch on a made-up machine; a test changes what it is about.
func planInput(t *testing.T, volumes string, flags ...config.Flag) Input {
	t.Helper()
	environ := host.Env{"SANDBOX_VOLUMES": volumes}
	settings, err := config.Load(config.Input{WorkDir: "/home/me/shop", Home: "/home/me", Environ: environ,
		Flags: append([]config.Flag{{Key: "image", Name: "--image", Values: []string{"acme/agent:1"}}}, flags...)})
	if err != nil {
		t.Fatal(err)
	}
	return Input{
		Settings: settings, Files: shop, Name: "shop", ID: "0123456789abcdef", Owner: "me", Project: "/home/me/shop", Version: "1.0.0",
		Host: host.Facts{UID: 1000, GID: 1000, Home: "/home/me", Homes: []string{"/home/me"}, Cwd: "/home/me/shop", OS: "linux", Arch: "amd64", Env: environ},
		Keys: state.Keys{Session: secret.New("5e551017"), Secret: secret.New("5ec7e7")}, Ports: [3]uint16{8010, 8011, 8012},
		Names:  map[string]string{"starter": "localhost/berth/starter:1.0.0"},
		Subnet: netip.MustParsePrefix("10.83.0.0/28"), Dir: "/home/me/.local/state/berth/sandboxes/shop", Program: "/home/me/.cache/berth/inside",
		Observation: sandbox.Observation{Engine: fakeEngine, Images: map[string]sandbox.LocalImage{"acme/agent:1": {
			Image:      sandbox.Image{Ref: "acme/agent:1", ID: "sha256:9b1f42c000000000000000000000000000000000000000000000000000000000", Platform: "linux/amd64"},
			Entrypoint: []string{"tini", "--", "/usr/local/bin/openhands-agent-server"}, User: "10001",
		}}},
	}
}

func TestAnImageForOtherMachinesIsWarnedAbout(t *testing.T) {
	for platform, warned := range map[string]bool{"linux/amd64": false, "linux/arm64/v8": true, "": false} {
		in := planInput(t, "")
		image := in.Observation.Images["acme/agent:1"]
		image.Platform = platform
		in.Observation.Images["acme/agent:1"] = image
		plan, err := NewPlan(in)
		if err != nil {
			t.Fatal(err)
		}
		want := "the image is made for " + platform + ", and the engine runs linux/amd64: slow under emulation, without it not at all"
		if got := slices.Contains(plan.Warnings, want); got != warned {
			t.Errorf("%q: %v", platform, plan.Warnings)
		}
	}
}

func TestThePlanPrintsItself(t *testing.T) {
	old := fakeEngine
	old.Version, old.API, old.CgroupVersion = "20.10.24", "1.41", "1"
	for name, change := range map[string]func(*Input){
		"two-mounts":    func(*Input) {},
		"before-28":     func(in *Input) { in.Observation.Engine = old },
		"image-to-pull": func(in *Input) { in.Observation.Images = nil },
		"starter":       func(in *Input) { in.Settings.Image = "starter"; in.Observation.Images = nil },
		"no-desktop":    func(in *Input) { in.Settings.VNC = "off" },
		"rule-given-up": func(in *Input) { in.Settings.GiveUp = []string{"limit-nofile=8192"} },
		"no-workspace":  func(in *Input) { in.Host.Env = host.Env{"SANDBOX_VOLUMES": "~/data:/data:ro"} },
		"profile-compat": func(in *Input) {
			in.Settings.Profile, in.Settings.GiveUp = "compat", []string{"root-on-mount"}
		},
		"profile-strict":   func(in *Input) { in.Settings.Profile = "strict" },
		"profile-paranoid": func(in *Input) { in.Settings.Profile = "paranoid" },
		"somebody-elses":   func(in *Input) { in.Host.Env = host.Env{"SANDBOX_VOLUMES": "~/theirs:/workspace"} },
	} {
		t.Run(name, func(t *testing.T) {
			in := planInput(t, "~/shop:/workspace,~/data:/data:ro")
			change(&in)
			plan, err := NewPlan(in)
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/plan/"+name+".golden", []byte(plan.String()))
		})
	}
}

func TestOneInputGivesOnePlan(t *testing.T) {
	first, err := NewPlan(planInput(t, "~/shop:/workspace"))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := NewPlan(planInput(t, "~/shop:/workspace"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := sandbox.Diff(first.Spec, again.Spec); len(diff) > 0 || first.Spec.Hash() != again.Spec.Hash() || first.String() != again.String() {
			t.Fatalf("the same input gave another plan: %v", diff)
		}
	}
}

func TestWhatThisVersionDoesNotHaveIsRefusedByName(t *testing.T) {
	const want = "~/shop: copy-on-write (overlay) comes with a later version"
	_, err := NewPlan(planInput(t, "~/shop:/workspace:overlay"))
	if err == nil || err.Error() != want || fault.KindOf(err) != fault.Usage {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWhatAProfileCannotHaveIsRefusedByName(t *testing.T) {
	for _, c := range []struct {
		volumes, want, hint string
		change              func(*config.Settings)
	}{
		{"~/shop:/workspace", "profile compat: rule root-on-mount: the image's user may become root, and a folder of the host is writable",
			"--profile standard, a read-only mount, or --give-up root-on-mount",
			func(s *config.Settings) { s.Profile = "compat" }},
		{"~/shop:/workspace", "default: vnc = on: a desktop runs programs from its home, which profile paranoid forbids; strict has one",
			"--profile strict",
			func(s *config.Settings) { s.Profile, s.VNC = "paranoid", "on" }},
		{"~/shop:/workspace", `default: user = "image": only profile compat runs as whoever the image names`,
			`user = "uid:gid", or --profile compat`,
			func(s *config.Settings) { s.User.Mode = "image" }},
		{"~/shop:/workspace", "default: kvm = true: only profile compat hands a device in",
			"--profile compat, or --give-up no-devices=kvm",
			func(s *config.Settings) { s.KVM = true }},
		{"~/shop:/workspace", `profile "strickt": there are compat, standard, strict, paranoid`, "did you mean strict?",
			func(s *config.Settings) { s.Profile = "strickt" }},
		{"~/shop:/workspace", `give up "limit-pid": no such rule`, "did you mean limit-pids?",
			func(s *config.Settings) { s.GiveUp = []string{"limit-pid"} }},
	} {
		in := planInput(t, c.volumes)
		c.change(in.Settings)
		_, err := NewPlan(in)
		if err == nil || err.Error() != c.want || fault.KindOf(err) != fault.Usage || fault.HintOf(err) != c.hint {
			t.Errorf("got %v (%s), want %s", err, fault.HintOf(err), c.want)
		}
	}
}

// The home decides which steps there are, what the server is told, and what a removal takes away.
func TestTheHomeIsTheProfiles(t *testing.T) {
	for _, c := range []struct {
		profile, home string
		giveUp        []string
		volume        bool
	}{
		{"compat", "", nil, false},
		{"standard", agentHome, nil, true},
		{"strict", agentHome, nil, true},
		{"paranoid", agentHome, nil, false},
		{"paranoid", agentHome, []string{"home"}, true},
	} {
		in := planInput(t, "~/shop:/workspace:ro")
		in.Settings.Profile, in.Settings.GiveUp = c.profile, c.giveUp
		plan, err := NewPlan(in)
		if err != nil {
			t.Fatal(err)
		}
		made := slices.ContainsFunc(plan.Steps, func(s Step) bool { return s.Kind == StepVolume || s.Kind == StepHome })
		if plan.homeVolume() != c.volume || made != c.volume {
			t.Errorf("%s %v: a volume %t, made %t", c.profile, c.giveUp, plan.homeVolume(), made)
		}
		if has := hasEnv(plan.Spec.Env, "HOME", agentHome); has != (c.home != "") {
			t.Errorf("%s: HOME is set: %t", c.profile, has)
		}
	}
}

// A key that opens one thing is a rule given up for another value, and shown as one.
func TestAKeyThatOpensOneThingGivesItsRuleUp(t *testing.T) {
	in := planInput(t, "~/shop:/workspace:ro")
	in.Settings.Profile, in.Settings.Seccomp, in.Settings.KVM = "compat", "userns", true
	plan, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Spec.Seccomp != hardening.Seccomp("userns") || !slices.Equal(plan.Spec.Devices, []string{"/dev/kvm:/dev/kvm:rw"}) {
		t.Errorf("devices %v, and another filter", plan.Spec.Devices)
	}
	want := []hardening.GiveUp{{Rule: "seccomp", Value: "userns", Source: "default"}, {Rule: "no-devices", Value: "kvm", Source: "default"}}
	if !slices.Equal(plan.GiveUp, want) {
		t.Errorf("given up: %v", plan.GiveUp)
	}
}

// A user of the host's has no home in the image, whatever the profile says of homes.
func TestUnderCompatTheImagesUserRunsUnlessAnotherIsAskedFor(t *testing.T) {
	in := planInput(t, "~/shop:/workspace:ro")
	in.Settings.Profile = "compat"
	plan, err := NewPlan(in)
	if err != nil || plan.Spec.Process.User != "10001" || plan.mountsUsers() {
		t.Errorf("%v: user %q, a user database of berth's: %t", err, plan.Spec.Process.User, plan.mountsUsers())
	}
	in = planInput(t, "~/shop:/workspace:ro", config.Flag{Key: "user", Name: "--user", Values: []string{"1000:1000"}},
		config.Flag{Key: "profile", Name: "--profile", Values: []string{"compat"}})
	if plan, err = NewPlan(in); err != nil || plan.Spec.Process.User != "1000:1000" || !plan.mountsUsers() || !plan.homeVolume() {
		t.Errorf("asked for: %v: user %q", err, plan.Spec.Process.User)
	}
}

func TestAVariableOfTheHostIsTakenByNameAndNeverASecret(t *testing.T) {
	in := planInput(t, "")
	in.Settings.EnvFromHost = []string{"EDITOR"}
	if _, err := NewPlan(in); err == nil || err.Error() != `default: env_from_host "EDITOR": it is not set` {
		t.Errorf("got %v", err)
	}
	in.Host.Env["EDITOR"] = "vi"
	plan, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	if !hasEnv(plan.Spec.Env, "EDITOR", "vi") {
		t.Errorf("EDITOR is not there: %v", plan.Spec.Env)
	}
	in.Settings.EnvFromHost = []string{"GITHUB_TOKEN"}
	if _, err := NewPlan(in); fault.KindOf(err) != fault.Usage {
		t.Errorf("a token goes in: %v", err)
	}
}

func TestAnEnvFileIsReadAsDockerReadsIt(t *testing.T) {
	in := planInput(t, "")
	in.EnvFiles = map[string]string{"/home/me/shop/.env": "# a comment\nA=1 # not one\n\n  B=\"quoted\"\r\nC=\n"}
	plan, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"A": "1 # not one", "B": `"quoted"`, "C": ""} {
		if !hasEnv(plan.Spec.Env, name, value) {
			t.Errorf("%s is not %q", name, value)
		}
	}
	in.EnvFiles = map[string]string{"/home/me/shop/.env": "A=1\nnonsense here\n"}
	if _, err := NewPlan(in); err == nil || err.Error() != `/home/me/shop/.env:2: "nonsense here" is not a variable` {
		t.Errorf("got %v", err)
	}
}

func hasEnv(env []sandbox.Env, name, value string) bool {
	for _, v := range env {
		if v.Name == name {
			return v.Value == value
		}
	}
	return false
}

func TestTheUsersTimeLimitIsThePlans(t *testing.T) {
	in := planInput(t, "")
	in.Settings.ReadyTimeout = 5 * time.Second
	plan, err := NewPlan(in)
	if err != nil || plan.ReadyTimeout != 5*time.Second {
		t.Errorf("got %v, %v", plan.ReadyTimeout, err)
	}
}
