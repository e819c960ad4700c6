package probe

// table holds all probes. Rule names follow package hardening; what runs stands in attacks, under the same ID.
var table = []Probe{
	// Who the sandbox is, and whether it can become somebody else.
	{"caps-effective", Identity, "cap-drop", Standard, Standard, false, "a capability is a piece of root"},
	{"caps-permitted", Identity, "cap-drop", Standard, Standard, false, "a permitted capability can be made effective"},
	{"caps-bounding", Identity, "cap-drop", Standard, Standard, false, "a file with capabilities could give them back"},
	{"caps-ambient", Identity, "cap-add", Compat, Compat, false, "an ambient capability passes to every program it starts"},
	{"new-privileges", Identity, "no-new-privileges", Standard, Standard, false, "a setuid program would make it root"},
	{"become-other-user", Identity, "cap-drop", Standard, Standard, false, "root, or another user of a mounted folder"},
	{"change-groups", Identity, "cap-drop", Standard, Standard, false, "a group that may read more"},
	{"give-file-away", Identity, "cap-drop", Standard, Standard, false, "files of other users on the host"},
	{"setuid-file", Identity, "no-new-privileges", Standard, Standard, false, "a setuid program of the image that works"},
	{"main-process-root", Identity, "not-host-root", Standard, Standard, false, "files in mounted folders would belong to the host's root"},

	// Namespaces of its own give capabilities in them, and reach kernel code that was never meant for strangers.
	{"new-user-namespace", Namespaces, "seccomp", Compat, Compat, false, "all capabilities, in a namespace of its own"},
	{"new-mount-namespace", Namespaces, "seccomp", Compat, Compat, false, "mounts of its own"},
	{"new-net-namespace", Namespaces, "seccomp", Compat, Compat, false, "network devices of its own"},
	{"new-pid-namespace", Namespaces, "seccomp", Compat, Compat, false, "a process tree of its own"},
	{"unshare", Namespaces, "seccomp", Compat, Compat, false, "the same by another call"},
	{"join-namespace", Namespaces, "seccomp", Compat, Compat, false, "another container's namespace"},
	{"clone3", Namespaces, "seccomp", Compat, Compat, false, "namespaces by a call whose flags no filter can see"},
	{"host-processes", Namespaces, "pid-namespace", Compat, Compat, false, "the host's processes"},
	{"host-name", Namespaces, "uts-namespace", Compat, Compat, false, "the name other programs know this machine by"},

	// What it sees of the host's files and devices, and whether it can rearrange them.
	{"mount", Mounts, "seccomp", Compat, Compat, false, "a file system over the ones that protect it"},
	{"unmount", Mounts, "seccomp", Compat, Compat, false, "what lies under masks and read-only mounts"},
	{"fsopen", Mounts, "seccomp", Compat, Compat, false, "the same by the newer calls"},
	{"open-tree", Mounts, "seccomp", Compat, Compat, false, "a copy of a mount without its flags"},
	{"pivot-root", Mounts, "seccomp", Compat, Compat, false, "another root folder"},
	{"chroot", Mounts, "seccomp", Compat, Compat, false, "another root folder"},
	{"make-device", Mounts, "cap-drop", Compat, Compat, false, "a disk of the host as a file"},
	{"devices", Mounts, "no-devices", Compat, Compat, false, "hardware of the host"},
	{"kernel-settings", Mounts, "read-only-paths", Compat, Compat, false, "a program the host's kernel runs as root (core_pattern)"},
	{"sysrq", Mounts, "read-only-paths", Compat, Compat, false, "crash or restart of the host"},
	{"sysfs-writable", Mounts, "no-privileged", Compat, Compat, false, "settings of the host's devices"},
	{"cgroup-writable", Mounts, "cgroup-namespace", Compat, Compat, false, "its own limits (and, on cgroup v1, a program run by the host)"},
	{"engine-socket", Mounts, "no-engine-socket", Compat, Compat, false, "the engine, which is root"},
	{"shared-mounts", Mounts, "mounts", Compat, Compat, false, "mounts that appear on the host"},

	// What it learns about the host's kernel.
	{"kernel-memory", Kernel, "masked-paths", Compat, Compat, false, "the host's memory"},
	{"kernel-keys", Kernel, "masked-paths", Compat, Compat, false, "names of keys that the host's kernel holds"},
	{"kernel-timers", Kernel, "masked-paths", Compat, Compat, false, "processes and addresses of the host"},
	{"kernel-addresses", Kernel, "masked-paths", Compat, Compat, false, "where to aim an exploit"},
	{"kernel-log", Kernel, "seccomp", Compat, Compat, false, "addresses and devices of the host"},
	{"firmware", Kernel, "masked-paths", Compat, Compat, false, "tables of the host's firmware"},
	{"kernel-debug", Kernel, "masked-paths", Compat, Compat, false, "the kernel's debugging and tracing files"},
	{"cgroup-path", Kernel, "cgroup-namespace", Compat, Compat, false, "where on the host it runs"},
	{"interrupts", Kernel, "masked-paths", Strict, Strict, false, "timing of what the host's user types"},
	{"disks", Kernel, "masked-paths", Strict, Strict, false, "names and sizes of the host's disks"},
	{"machine-identity", Kernel, "masked-paths", Strict, Strict, false, "model and serial numbers of the host"},
	{"kernel-modules", Kernel, "masked-paths", Strict, Strict, false, "which drivers to attack"},

	// Files it must not change.
	{"write-root", Files, "read-only-root", Standard, Strict, false, "files that berth or another user of the image trusts"},
	{"write-etc", Files, "read-only-root", Standard, Strict, false, "users, name resolution, start-up of programs"},
	{"write-programs", Files, "read-only-root", Standard, Strict, false, "programs that others run"},
	{"write-passwd", Files, "own-mounts-readonly", Standard, Standard, false, "the user that programs take it for"},
	{"write-berth", Files, "own-mounts-readonly", Compat, Compat, false, "the program that proves all this"},
	{"setuid-in-tmp", Files, "tmpfs", Strict, Strict, false, "a setuid program of its own making"},
	{"exec-in-tmp", Files, "tmpfs", Paranoid, Paranoid, false, "programs it has loaded"},

	// Calls that programs in a sandbox do not need.
	{"seccomp-filter", Syscalls, "seccomp", Compat, Compat, false, "every call of the kernel"},
	{"foreign-abi", Syscalls, "seccomp", Standard, Standard, false, "32-bit calls, past the filter's conditions"},
	{"bpf", Syscalls, "seccomp", Compat, Compat, false, "code in the kernel"},
	{"perf-event-open", Syscalls, "seccomp", Compat, Compat, false, "counters that leak what others compute"},
	{"userfaultfd", Syscalls, "seccomp", Compat, Compat, false, "races in the kernel that it wins every time"},
	{"io-uring", Syscalls, "seccomp", Compat, Compat, false, "calls that no filter sees"},
	{"keyctl", Syscalls, "seccomp", Compat, Compat, false, "keys of other containers of the same user"},
	{"add-key", Syscalls, "seccomp", Compat, Compat, false, "kernel memory without a limit"},
	{"kexec-load", Syscalls, "seccomp", Compat, Compat, false, "another kernel"},
	{"init-module", Syscalls, "seccomp", Compat, Compat, false, "code in the kernel"},
	{"finit-module", Syscalls, "seccomp", Compat, Compat, false, "code in the kernel"},
	{"delete-module", Syscalls, "seccomp", Compat, Compat, false, "drivers of the host gone"},
	{"open-by-handle", Syscalls, "seccomp", Compat, Compat, false, "any file of the host's disk"},
	{"fanotify", Syscalls, "seccomp", Compat, Compat, false, "what others open"},
	{"acct", Syscalls, "seccomp", Compat, Compat, false, "a file written by the host's kernel"},
	{"swapon", Syscalls, "seccomp", Compat, Compat, false, "the host's memory on a file of its own"},
	{"reboot", Syscalls, "seccomp", Compat, Compat, false, "restart of the host"},
	{"numa-policy", Syscalls, "seccomp", Compat, Compat, false, "kernel code with a bad record"},
	{"personality", Syscalls, "seccomp", Compat, Compat, false, "programs without address randomisation"},
	{"name-to-handle", Syscalls, "seccomp", Strict, Strict, false, "handles for open-by-handle"},
	{"vmsplice", Syscalls, "seccomp", Strict, Strict, false, "kernel code with a bad record"},
	{"memfd-secret", Syscalls, "seccomp", Strict, Strict, false, "memory that nobody can inspect"},

	// Kinds of sockets: each is another driver of the kernel.
	{"socket-packet", Sockets, "seccomp", Compat, Compat, false, "frames of its networks, and forged ones"},
	{"socket-raw", Sockets, "cap-drop", Standard, Standard, false, "forged packets"},
	{"socket-vsock", Sockets, "seccomp", Compat, Compat, false, "services of the machine below a virtual one"},
	{"socket-alg", Sockets, "seccomp", Compat, Compat, false, "the kernel's crypto drivers"},
	{"socket-key", Sockets, "seccomp", Compat, Compat, false, "the kernel's IPsec keys"},
	{"socket-bluetooth", Sockets, "seccomp", Compat, Compat, false, "devices nearby"},
	{"socket-can", Sockets, "seccomp", Compat, Compat, false, "buses of the machine"},
	{"socket-tipc", Sockets, "seccomp", Compat, Compat, false, "kernel code with a bad record"},
	{"socket-rds", Sockets, "seccomp", Compat, Compat, false, "kernel code with a bad record"},
	{"socket-netlink-other", Sockets, "seccomp", Strict, Strict, false, "kernel interfaces beside routing"},

	// Other processes.
	{"ptrace", Tracing, "seccomp", Paranoid, Paranoid, false, "memory and actions of its other processes"},
	{"read-process-memory", Tracing, "seccomp", Paranoid, Paranoid, false, "secrets of its other processes"},
	{"steal-descriptor", Tracing, "seccomp", Compat, Compat, false, "open files of its other processes"},
	{"compare-kernel-objects", Tracing, "seccomp", Compat, Compat, false, "order of kernel addresses"},

	// How much it can use up.
	{"limit-memory", Resources, "limit-memory", Compat, Compat, false, "all memory of the host"},
	{"limit-swap", Resources, "limit-swap", Compat, Compat, false, "all swap of the host"},
	{"limit-pids", Resources, "limit-pids", Compat, Compat, false, "all process numbers of the host"},
	{"limit-cpus", Resources, "limit-cpus", Compat, Compat, false, "all processors of the host"},
	{"limit-core", Resources, "limit-core", Compat, Compat, false, "disk, by core dumps"},
	{"limit-nofile", Resources, "limit-nofile", Compat, Compat, false, "kernel memory, by open files"},
	{"limit-shm", Resources, "limit-shm", Compat, Compat, false, "memory, by /dev/shm"},
	{"real-time", Resources, "cap-drop", Compat, Compat, false, "processor time before all others"},
	{"survive-oom", Resources, "oom-score", Compat, Compat, false, "that the host kills something else"},

	// What is not its own to know.
	{"host-variables", Secrets, "", Compat, Compat, false, "sockets and settings of the host's user"},
	{"mounted-secrets", Secrets, "", Compat, Compat, false, "credentials that an orchestrator mounted"},
	{"host-agents", Secrets, "mounts", Compat, Compat, false, "the host user's ssh, gpg or desktop session"},

	// Where it reaches without berth.
	{"interfaces", Network, "own-network", Standard, Standard, true, "any network but its own loopback"},
	{"metadata-service", Network, "own-network", Standard, Standard, true, "credentials of the cloud machine"},
	{"host-gateway", Network, "own-network", Standard, Standard, true, "services of the host"},
	{"name-resolution", Network, "dns", Standard, Standard, true, "a way out by DNS"},
}
