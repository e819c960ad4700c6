package probe

import (
	"golang.org/x/sys/unix"
)

// nowhere is a path that no sandbox has; nobody a process that cannot be; badFD no descriptor.
const (
	nowhere = "/berth-probe-nowhere"
	nobody  = 0x7ffffffe
	badFD   = -1
)

// callAttacks are single calls whose arguments are wrong on purpose: the kernel checks the right to make them first, or the filter answers before it.
func callAttacks() map[string]attack {
	const here = unix.AT_FDCWD
	calls := map[string]struct {
		number uintptr
		args   []any // uintptr, int or, for a path, string
	}{
		"bpf":                    {unix.SYS_BPF, []any{999, 0, 0}},
		"perf-event-open":        {unix.SYS_PERF_EVENT_OPEN, []any{0, 0, badFD, badFD, 0}},
		"userfaultfd":            {unix.SYS_USERFAULTFD, []any{badFD}},
		"io-uring":               {unix.SYS_IO_URING_SETUP, []any{0, 0}},
		"keyctl":                 {unix.SYS_KEYCTL, []any{999}},
		"add-key":                {unix.SYS_ADD_KEY, []any{0, 0, 0, 0, 0}},
		"kexec-load":             {unix.SYS_KEXEC_LOAD, []any{0, 0, 0, badFD}},
		"init-module":            {unix.SYS_INIT_MODULE, []any{0, 0, 0}},
		"finit-module":           {unix.SYS_FINIT_MODULE, []any{badFD, 0, badFD}},
		"delete-module":          {unix.SYS_DELETE_MODULE, []any{0, 0}},
		"open-by-handle":         {unix.SYS_OPEN_BY_HANDLE_AT, []any{here, 0, 0}},
		"fanotify":               {unix.SYS_FANOTIFY_INIT, []any{0, 0}},
		"acct":                   {unix.SYS_ACCT, []any{nowhere}},
		"swapon":                 {unix.SYS_SWAPON, []any{nowhere, 0}},
		"reboot":                 {unix.SYS_REBOOT, []any{0, 0, 0, 0}},
		"numa-policy":            {unix.SYS_SET_MEMPOLICY, []any{0, 0, 0}},
		"personality":            {unix.SYS_PERSONALITY, []any{0x0040000}}, // ADDR_NO_RANDOMIZE
		"name-to-handle":         {unix.SYS_NAME_TO_HANDLE_AT, []any{here, "/", 0, 0, 0}},
		"vmsplice":               {unix.SYS_VMSPLICE, []any{badFD, 0, 0, 0}},
		"memfd-secret":           {unix.SYS_MEMFD_SECRET, []any{0}},
		"ptrace":                 {unix.SYS_PTRACE, []any{unix.PTRACE_ATTACH, nobody, 0, 0}},
		"read-process-memory":    {unix.SYS_PROCESS_VM_READV, []any{nobody, 0, 0, 0, 0, 0}},
		"steal-descriptor":       {unix.SYS_PIDFD_GETFD, []any{badFD, 0, 0}},
		"compare-kernel-objects": {unix.SYS_KCMP, []any{nobody, nobody, 0, 0, 0}},
		"clone3":                 {unix.SYS_CLONE3, []any{0, 0}},
		"mount":                  {unix.SYS_MOUNT, []any{"none", "/", "berth-no-such-fs", 0, 0}},
		"unmount":                {unix.SYS_UMOUNT2, []any{"/proc/self/fd", 0}}, // not a mount point
		"fsopen":                 {unix.SYS_FSOPEN, []any{"berth-no-such-fs", 0}},
		"open-tree":              {unix.SYS_OPEN_TREE, []any{here, "/", 1}}, // OPEN_TREE_CLONE
		"pivot-root":             {unix.SYS_PIVOT_ROOT, []any{nowhere, nowhere}},
		"chroot":                 {unix.SYS_CHROOT, []any{"/"}},
		"host-name":              {unix.SYS_SETHOSTNAME, []any{"", badFD}},
		"kernel-log":             {unix.SYS_SYSLOG, []any{unix.SYSLOG_ACTION_SIZE_BUFFER, 0, 0}},
		"unshare":                {unix.SYS_UNSHARE, []any{unix.CLONE_NEWUTS}},
		"change-groups":          {unix.SYS_SETGROUPS, []any{0, 0}},
	}
	attacks := map[string]attack{"seccomp-filter": seccompFilter, "foreign-abi": foreignABI}
	for id, c := range calls {
		attacks[id] = func() (Result, string) { return refused(call(c.number, c.args...)) }
	}
	return attacks
}

// socketAttacks open a socket of each kind and close it.
func socketAttacks() map[string]attack {
	attacks := map[string]attack{}
	for id, s := range map[string]struct{ family, kind, protocol int }{
		"socket-packet":        {unix.AF_PACKET, unix.SOCK_RAW, 0},
		"socket-raw":           {unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP},
		"socket-vsock":         {unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		"socket-alg":           {unix.AF_ALG, unix.SOCK_SEQPACKET, 0},
		"socket-key":           {unix.AF_KEY, unix.SOCK_RAW, 2}, // PF_KEY_V2
		"socket-bluetooth":     {unix.AF_BLUETOOTH, unix.SOCK_RAW, 1},
		"socket-can":           {unix.AF_CAN, unix.SOCK_RAW, 1},
		"socket-tipc":          {unix.AF_TIPC, unix.SOCK_RDM, 0},
		"socket-rds":           {unix.AF_RDS, unix.SOCK_SEQPACKET, 0},
		"socket-netlink-other": {unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT},
	} {
		attacks[id] = func() (Result, string) {
			fd, err := unix.Socket(s.family, s.kind|unix.SOCK_CLOEXEC, s.protocol)
			if err != nil {
				// A family without a driver cannot be attacked either, but a filter would have answered first.
				return Closed, err.Error()
			}
			unix.Close(fd)
			return Open, "socket made"
		}
	}
	return attacks
}

// foreignABI makes a 32-bit call in a child: a filter for one architecture kills it, any other lets it come back.
func foreignABI() (Result, string) {
	if !hasForeignABI {
		return Closed, "this architecture has none"
	}
	status, err := inChild(0, foreignCall)
	switch {
	case err != nil:
		return Unknown, err.Error()
	case status.Signaled():
		return Closed, "killed by " + unix.SignalName(status.Signal())
	}
	return Open, "a 32-bit call came back"
}
