package hardening

import (
	"fmt"
	"slices"
	"strings"
)

// isolationRules keep the sandbox in: no privilege, own namespaces, few system calls.
var isolationRules = []Rule{
	{
		ID: "no-privileged", Class: Fixed,
		Why:    "a privileged container has every capability and device, which is root on the host",
		clause: field(func(s *spec) *bool { return &s.Privileged }, be(false)).clause(),
	},
	{
		ID: "cap-drop", Class: Overridable,
		Why:    "code without capabilities can do only what any user can, also when it runs as root inside",
		clause: field(func(s *spec) *[]string { return &s.CapDrop }, be([]string{"ALL"})).clause(),
	},
	{
		ID: "cap-add", Class: Overridable,
		Why:    "each capability given back is a part of root's power",
		clause: capAdd.clause(),
	},
	{
		ID: "no-new-privileges", Class: Overridable,
		only:   func(p policy) bool { return p.noNewPrivileges },
		Why:    "setuid programs, also those in a mounted folder, must give nobody more than they had",
		clause: field(func(s *spec) *bool { return &s.NoNewPrivileges }, be(true)).clause(),
	},
	{
		ID: "seccomp", Class: Overridable, Needs: Needs{Security: []string{"seccomp"}, Refuse: Standard},
		Why:    "most holes in a kernel lie behind system calls that no ordinary program makes",
		Fix:    "use an engine whose kernel filters system calls, or --profile compat",
		clause: seccompFilter.clause(),
	},
	{
		ID: "lsm", Class: Fixed, Needs: Needs{Security: []string{"apparmor", "selinux"}},
		Why:    "the engine's own AppArmor or SELinux profile is a second wall; it is kept, never loosened",
		clause: lsm.clause(),
	},
	{
		ID: "pid-namespace", Class: Fixed,
		Why:    "the sandbox must not see or signal other processes",
		clause: field(func(s *spec) *string { return &s.PidMode }, be("")).shown("its own").clause(),
	},
	{
		ID: "uts-namespace", Class: Fixed,
		Why:    "the host's name is not the sandbox's to read or change",
		clause: field(func(s *spec) *string { return &s.UTSMode }, be("")).shown("its own").clause(),
	},
	{
		ID: "ipc-namespace", Class: Fixed,
		Why:    "shared memory of other programs must stay out of reach",
		clause: field(func(s *spec) *string { return &s.IpcMode }, be("private")).clause(),
	},
	{
		ID: "cgroup-namespace", Class: Fixed,
		Why:    "the host's tree of control groups must not show; on cgroup v1 engines share it unless told",
		clause: field(func(s *spec) *string { return &s.CgroupnsMode }, be("private")).clause(),
	},
	{
		ID: "user-namespace", Class: Overridable,
		Why:    "where the engine maps users, root inside stays nobody outside",
		clause: usernsMode.shown("the engine's").clause(),
	},
	{
		ID: "cgroup-parent", Class: Fixed,
		Why:    "limits set for another group must not be joined",
		clause: field(func(s *spec) *string { return &s.CgroupParent }, be("")).shown("the engine's").clause(),
	},
	{
		ID: "no-links", Class: Fixed,
		Why:    "a link tells another container's addresses and variables",
		clause: field(func(s *spec) *[]string { return &s.Links }, be[[]string](nil)).clause(),
	},
	{
		ID: "no-volumes-from", Class: Fixed,
		Why:    "folders of other containers are not the plan's",
		clause: field(func(s *spec) *[]string { return &s.VolumesFrom }, be[[]string](nil)).clause(),
	},
	{
		ID: "no-devices", Class: Overridable,
		Why:    "a device is a door into the host's kernel",
		clause: devices.clause(),
	},
	{
		ID: "no-gpu", Class: Overridable,
		Why:    "a graphics driver is a large part of the host's kernel, open to the sandbox",
		clause: field(func(s *spec) *bool { return &s.GPU }, be(false)).clause(),
	},
	{
		ID: "runtime", Class: Overridable,
		Why:    "the engine's own runtime is the one that was tried with these rules",
		Fix:    "ask for less, or use another engine",
		clause: ociRuntime.shown("the engine's").clause(),
	},
	{
		ID: "sysctls", Class: Fixed,
		Why:    "kernel settings are not the sandbox's to make",
		clause: field(func(s *spec) *map[string]string { return &s.Sysctls }, be[map[string]string](nil)).clause(),
	},
	{
		ID: "no-restart", Class: Fixed,
		Why:    "a sandbox that the engine starts again by itself was audited by nobody",
		clause: field(func(s *spec) *string { return &s.Restart }, be("no")).clause(),
	},
	{
		ID: "no-auto-remove", Class: Fixed,
		Why:    "logs and changes must outlive a crash, so that somebody can look at them",
		clause: field(func(s *spec) *bool { return &s.AutoRemove }, be(false)).clause(),
	},
}

// capabilities are what Linux has, by capabilities(7).
var capabilities = strings.Fields(`AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN
	DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD
	NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT
	SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM`)

var capAdd = part[[]string]{
	get:    func(s *spec, _ *scope) []string { return s.CapAdd },
	set:    func(s *spec, _ *scope, v []string) { s.CapAdd = v },
	want:   func(_ []string, s *scope) []string { return slices.Clone(s.policy.capAdd) },
	always: true,
	parse: func(value string) ([]string, error) {
		names := strings.Split(strings.ToUpper(value), ",")
		for i, name := range names {
			names[i] = strings.TrimPrefix(name, "CAP_")
			if !slices.Contains(capabilities, names[i]) {
				return nil, fmt.Errorf("%q is no capability", name)
			}
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	},
}

var seccompFilter = part[string]{
	get:    func(s *spec, _ *scope) string { return s.Seccomp },
	set:    func(s *spec, _ *scope, v string) { s.Seccomp = v },
	want:   func(_ string, s *scope) string { return Seccomp(s.policy.seccomp) },
	show:   seccompName,
	always: true,
	parse: func(value string) (string, error) {
		if text := Seccomp(value); text != "" {
			return text, nil
		}
		return "", fmt.Errorf("there are %s", strings.Join(SeccompNames(), ", "))
	},
}

// lsm is no value to choose: the engine knows its own profile.
var lsm = part[string]{
	get: func(s *spec, _ *scope) string {
		return strings.Join(append(slices.Clone(s.SELinuxLabels), s.AppArmor), " ")
	},
	set:  func(s *spec, _ *scope, _ string) { s.AppArmor, s.SELinuxLabels = "", nil },
	want: be(""),
}.shown("the engine's")

// usernsMode leaves the mapping to the engine; only where an engine maps users can a sandbox leave it.
var usernsMode = part[string]{
	get:    func(s *spec, _ *scope) string { return s.UsernsMode },
	set:    func(s *spec, _ *scope, v string) { s.UsernsMode = v },
	want:   be(""),
	always: true,
	parse: func(value string) (string, error) {
		if value == "host" || value == "keep-id" || strings.HasPrefix(value, "keep-id:") {
			return value, nil
		}
		return "", fmt.Errorf("there are host and keep-id")
	},
}

var devices = part[[]string]{
	get:    func(s *spec, _ *scope) []string { return s.Devices },
	set:    func(s *spec, _ *scope, v []string) { s.Devices = v },
	want:   be[[]string](nil),
	always: true,
	parse: func(value string) ([]string, error) {
		if value != "kvm" {
			return nil, fmt.Errorf("the only device to be had is kvm")
		}
		return []string{"/dev/kvm:/dev/kvm:rw"}, nil
	},
}

var ociRuntime = part[string]{
	get: func(s *spec, _ *scope) string { return s.Runtime },
	set: func(s *spec, _ *scope, v string) { s.Runtime = v },
	want: func(_ string, s *scope) string {
		switch e := s.facts.Engine; {
		case s.policy.gvisor && !isPodman(e.Kind) && slices.Contains(e.Runtimes, "runsc") && !s.gaveUp("home"): // with a home come desktops, which die in it
			return "runsc"
		case isPodman(e.Kind): // it may refuse its own runtime's name, and lists what is not installed
			return ""
		default:
			return e.DefaultRuntime
		}
	},
	refuse: func(v string, s *scope) string {
		has := s.facts.Engine.Runtimes
		if v == "" || len(has) == 0 || slices.Contains(has, v) {
			return ""
		}
		return fmt.Sprintf("the engine has no runtime %q; it has %s", v, strings.Join(has, ", "))
	},
	always: true,
	parse: func(value string) (string, error) {
		if value == "" {
			return "", fmt.Errorf("a runtime has a name")
		}
		return value, nil
	},
}
