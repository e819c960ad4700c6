package hardening

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/agentserver"
	"berth/internal/sandbox"
)

// identityRules say who and what runs.
var identityRules = []Rule{
	{
		ID: "identity", Class: Fixed,
		Why:    "labels of the image must never pass for berth's own: each is set, if only to nothing",
		clause: identity.clause(),
	},
	{
		ID: "engine-closed", Class: Fixed,
		Why:    "who reaches an engine over TCP without TLS is root on its machine",
		Fix:    "docker context create NAME --docker host=ssh://USER@HOST",
		clause: engineClosed.clause(),
	},
	{
		ID: "image-by-id", Class: Fixed,
		Why:    "a name can be moved to another image between the plan and the start, an id cannot",
		clause: imageID.clause(),
	},
	{
		ID: "not-host-root", Class: Overridable,
		Why:    "who is root inside and breaks out would be root on the host",
		Fix:    "run berth as an ordinary user, or --give-up not-host-root for folders that root owns",
		clause: user.clause(),
	},
	{
		ID: "root-on-mount", Class: Overridable,
		only:   func(p policy) bool { return p.imagesUser },
		Why:    "root inside can leave a setuid program in a writable folder, which then runs as root on the host",
		Fix:    "--profile standard, a read-only mount, or --give-up root-on-mount",
		clause: rootOnMount.clause(),
	},
	{
		ID: "groups", Class: Tightenable,
		Why:    "a group can own the engine's socket or a disk",
		clause: field(func(s *spec) *[]string { return &s.Process.Groups }, be[[]string](nil)).clause(),
	},
	{
		ID: "command", Class: Fixed,
		Why:    "what runs is what the plan showed",
		clause: command.clause(),
	},
	{
		ID: "init", Class: Fixed,
		Why:    "somebody must collect ended children, or the limit of processes fills with dead ones",
		clause: field(func(s *spec) *bool { return &s.Process.Init }, needsInit).clause(),
	},
	{
		ID: "no-tty", Class: Fixed,
		Why:    "a terminal would mix output with control sequences and answer them",
		clause: field(func(s *spec) *bool { return &s.Process.TTY }, be(false)).clause(),
	},
	{
		ID: "stop-signal", Class: Tightenable,
		Why:    "an image must not choose a signal that its server ignores",
		clause: field(func(s *spec) *string { return &s.Process.StopSignal }, be("SIGTERM")).clause(),
	},
	{
		ID: "stop-timeout", Class: Tightenable,
		Why:    "stopping takes seconds, whatever the image says",
		clause: stopTimeout.clause(),
	},
	{
		ID: "healthcheck", Class: Fixed,
		Why:    "the image's health check is a command of a stranger's, run for ever; ours only looks whether the server's port answers",
		clause: health.clause(),
	},
}

type labelled struct {
	name   string
	labels map[string]string
}

var identity = part[labelled]{
	get: func(s *spec, _ *scope) labelled { return labelled{s.Name, s.Labels} },
	set: func(s *spec, _ *scope, v labelled) { s.Name, s.Labels = v.name, v.labels },
	want: func(had labelled, s *scope) labelled {
		labels := maps.Clone(had.labels)
		if labels == nil {
			labels = map[string]string{}
		}
		for name := range s.facts.Image.Labels {
			if _, ok := labels[name]; !ok && strings.HasPrefix(name, sandbox.LabelPrefix) {
				labels[name] = ""
			}
		}
		labels[sandbox.LabelSandbox], labels[sandbox.LabelProfile] = had.name, string(s.profile)
		return labelled{had.name, labels}
	},
	show: func(v labelled) string { return fmt.Sprintf("%s, %d labels", v.name, len(v.labels)) },
	differ: func(want, got labelled) (string, string) {
		return want.without(got), got.without(want)
	},
}

// without says what v has otherwise than w, or not at all.
func (v labelled) without(w labelled) string {
	out := map[string]string{}
	for name, value := range v.labels {
		if have, ok := w.labels[name]; !ok || have != value {
			out[name] = value
		}
	}
	if v.name != w.name {
		return v.name + ", " + briefMap(out)
	}
	return briefMap(out)
}

var imageIDForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

var imageID = part[sandbox.Image]{
	get:  func(s *spec, _ *scope) sandbox.Image { return s.Image },
	set:  func(s *spec, _ *scope, v sandbox.Image) { s.Image = v },
	want: same[sandbox.Image],
	refuse: func(v sandbox.Image, _ *scope) string {
		if !imageIDForm.MatchString(v.ID) {
			return fmt.Sprintf("%q is not the id of an image", v.ID)
		}
		return ""
	},
	show: func(v sandbox.Image) string { return strings.TrimSpace(v.Ref + " " + v.ID + " " + v.Platform) },
}

// user is decided by the planner, who knows the host; the rule says whom it may not be.
var user = part[string]{
	get:    func(s *spec, _ *scope) string { return s.Process.User },
	set:    func(s *spec, _ *scope, v string) { s.Process.User = v },
	want:   same[string],
	refuse: refuseUser,
	show:   func(v string) string { return cmp.Or(v, "the image's") },
}

func refuseUser(v string, s *scope) string {
	uid, err := strconv.Atoi(strings.Split(v+":", ":")[0])
	switch {
	case s.policy.imagesUser && v == s.facts.Image.User, v == "" && s.facts.Engine.Kind == sandbox.DockerDesktop:
		return ""
	case err != nil || !userForm.MatchString(v):
		return fmt.Sprintf("user %q is not a numeric uid:gid", v)
	case uid != 0 || isRootless(s.facts.Engine.Kind):
		return ""
	case s.gaveUp("not-host-root"):
		return othersFolder(s)
	case s.policy.imagesUser:
		return ""
	}
	return "the sandbox would run as root of the host"
}

var userForm = regexp.MustCompile(`^[0-9]+:[0-9]+$`)

// othersFolder names a writable folder that root does not own: root inside would leave files there that its owner
// cannot remove.
func othersFolder(s *scope) string {
	for _, m := range s.spec.Mounts {
		uid, known := s.facts.Owners[m.Source]
		if m.Kind == sandbox.Bind && !m.ReadOnly && (uid != 0 || !known) {
			return fmt.Sprintf("%s does not belong to root", m.Source)
		}
	}
	return ""
}

// engineClosed owns nothing of the Spec: it refuses an engine.
var engineClosed = refusing("TLS, ssh or a socket", func(_ struct{}, s *scope) string {
	if openTCP(s.facts.Engine) {
		return "anybody can reach " + s.facts.Engine.Endpoint
	}
	return ""
})

// rootOnMount owns nothing either: it refuses one combination.
var rootOnMount = refusing("no writable folder of the host", func(_ struct{}, s *scope) string {
	writable := slices.ContainsFunc(s.spec.Mounts, func(m sandbox.Mount) bool { return m.Kind == sandbox.Bind && !m.ReadOnly })
	if !writable || s.gaveUp("root-on-mount") || (s.facts.Engine.Kind != sandbox.Docker && s.facts.Engine.Kind != sandbox.Podman) {
		return ""
	}
	return "the image's user may become root, and a folder of the host is writable"
})

type commandLine struct {
	Entrypoint, Cmd []string
	WorkDir         string
}

var command = part[commandLine]{
	get: func(s *spec, _ *scope) commandLine {
		return commandLine{s.Process.Entrypoint, s.Process.Cmd, s.Process.WorkDir}
	},
	set: func(s *spec, _ *scope, v commandLine) {
		s.Process.Entrypoint, s.Process.Cmd, s.Process.WorkDir = v.Entrypoint, v.Cmd, v.WorkDir
	},
	want: wantCommand,
	show: func(v commandLine) string {
		return strings.Join(slices.Concat(v.Entrypoint, v.Cmd, []string{"in", cmp.Or(v.WorkDir, "/")}), " ")
	},
}

// wantCommand writes out what the image would add, so that what runs stands in the plan and can be compared.
func wantCommand(had commandLine, s *scope) commandLine {
	if had.Entrypoint == nil {
		had.Entrypoint = orNil(s.facts.Image.Entrypoint)
		if had.Cmd == nil {
			had.Cmd = orNil(s.facts.Image.Cmd)
		}
	}
	if had.WorkDir == "" {
		had.WorkDir = cmp.Or(s.facts.Image.WorkDir, "/")
	}
	return had
}

// needsInit tells whether the engine's init goes in front: unless the image brings one.
func needsInit(_ bool, s *scope) bool {
	p := s.spec.Process
	command := wantCommand(commandLine{p.Entrypoint, p.Cmd, p.WorkDir}, s)
	return agentserver.NeedsInit(slices.Concat(command.Entrypoint, command.Cmd))
}

var stopTimeout = part[time.Duration]{
	get: func(s *spec, _ *scope) time.Duration { return s.Process.StopTimeout },
	set: func(s *spec, _ *scope, v time.Duration) { s.Process.StopTimeout = v },
	want: func(had time.Duration, _ *scope) time.Duration {
		return time.Duration(tighter(int64(had), int64(8*time.Second)))
	},
	parse: func(value string) (time.Duration, error) {
		d, err := time.ParseDuration(value)
		if err != nil || d < time.Second || d%time.Second != 0 {
			return 0, fmt.Errorf("%q is not a time in whole seconds, such as 20s", value)
		}
		return d, nil
	},
	show: func(v time.Duration) string { return v.String() },
}

// insideProgram is where berth's program is mounted.
const insideProgram = "/.berth/inside"

// health is berth's own check where berth's program is mounted, else none.
var health = part[*sandbox.Health]{
	get: func(s *spec, _ *scope) *sandbox.Health { return s.Process.Health },
	set: func(s *spec, _ *scope, v *sandbox.Health) { s.Process.Health = v },
	want: func(had *sandbox.Health, s *scope) *sandbox.Health {
		switch {
		case !slices.ContainsFunc(s.spec.Mounts, func(m sandbox.Mount) bool { return m.Target == insideProgram }):
			return nil
		case had != nil && len(had.Command) > 0 && had.Command[0] == insideProgram:
			return had
		}
		return &sandbox.Health{Command: []string{insideProgram, "health"}, Interval: time.Minute, Timeout: 5 * time.Second}
	},
	show: func(v *sandbox.Health) string {
		if v == nil {
			return "none"
		}
		return fmt.Sprintf("%s every %s", strings.Join(v.Command, " "), v.Interval)
	},
}
