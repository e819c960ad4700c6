package hardening

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	reference "github.com/moby/profiles/seccomp"

	"berth/internal/golden"
)

// The reference is what engines ship, for a container without capabilities on amd64.
func TestBaseAllowsWhatEnginesAllowWithoutCapabilities(t *testing.T) {
	onlyIn(t, "the reference", referenceNames(), native(t, "base"), "")
	onlyIn(t, "base", native(t, "base"), referenceNames(), "")
}

func TestEachStricterFilterDropsTheseNames(t *testing.T) {
	for _, step := range []struct{ from, to, drops, adds string }{
		{"compat", "base", "", ""},
		{"base", "strict", "fanotify_mark memfd_secret modify_ldt name_to_handle_at remap_file_pages vmsplice", ""},
		{"strict", "paranoid", "mknod mknodat process_vm_readv process_vm_writev ptrace setgroups", ""},
		{"strict", "userns", "", "chroot clone3 setns unshare"},
	} {
		onlyIn(t, step.from, native(t, step.from), native(t, step.to), step.drops)
		onlyIn(t, step.to, native(t, step.to), native(t, step.from), step.adds)
	}
}

func TestHowManySystemCallsEachFilterAllows(t *testing.T) {
	known := linux61(t)
	for name, want := range map[string]int{"compat": 294, "base": 294, "strict": 288, "paranoid": 282, "userns": 292} {
		n := 0
		for _, call := range native(t, name) {
			if slices.Contains(known, call) {
				n++
			}
		}
		if n != want {
			t.Errorf("%s allows %d of the %d system calls of Linux 6.1, not %d", name, n, len(known), want)
		}
	}
}

// Named one by one, since a name that slips into a table must be noticed.
func TestNoFilterAllowsThese(t *testing.T) {
	refused := strings.Fields(`bpf perf_event_open userfaultfd kcmp pidfd_getfd process_madvise lookup_dcookie
		io_uring_setup io_uring_enter io_uring_register add_key request_key keyctl open_by_handle_at fanotify_init
		mount umount umount2 pivot_root mount_setattr move_mount open_tree fsopen fsmount fsconfig fspick quotactl
		quotactl_fd init_module finit_module delete_module create_module query_module get_kernel_syms kexec_load
		kexec_file_load reboot swapon swapoff acct settimeofday clock_settime clock_settime64 stime iopl ioperm
		sethostname setdomainname vhangup syslog mbind get_mempolicy set_mempolicy set_mempolicy_home_node
		migrate_pages move_pages _sysctl sysfs ustat uselib nfsservctl vserver tuxcall security afs_syscall getpmsg
		putpmsg`)
	for _, name := range SeccompNames() {
		for _, call := range allowed(document(t, name), "") {
			if slices.Contains(refused, call) {
				t.Errorf("%s allows %s", name, call)
			}
		}
	}
}

// A 32-bit program is filtered by the names of its own system calls, of which socketcall hides the family of a socket.
func TestOnlyCompatLets32BitProgramsRun(t *testing.T) {
	for _, name := range SeccompNames() {
		d := document(t, name)
		if has := len(d.ArchMap) > 0; has != (name == "compat") {
			t.Errorf("%s: other architectures: %v", name, has)
		}
		if slices.Contains(allowed(d, ""), "socketcall") != (name == "compat") {
			t.Errorf("%s: socketcall", name)
		}
	}
}

func TestFiltersAreAsReviewed(t *testing.T) {
	for _, name := range SeccompNames() {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(Seccomp(name)), "", "\t"); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		golden.Check(t, filepath.Join("testdata", "seccomp", name+".json"), pretty.Bytes())
	}
}

func TestAnUnknownFilterIsEmptyRatherThanOpen(t *testing.T) {
	if text := Seccomp("none"); text != "" {
		t.Errorf("%q", text)
	}
}

func document(t *testing.T, name string) seccompDocument {
	t.Helper()
	var d seccompDocument
	if err := json.Unmarshal([]byte(Seccomp(name)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// allowed lists what a filter allows, with or without a condition, but for the names of 32-bit programs in except.
func allowed(d seccompDocument, except string) []string {
	var out []string
	for _, r := range d.Syscalls {
		if r.Action == allow {
			out = append(out, r.Names...)
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(call string) bool {
		return slices.Contains(strings.Fields(except), call)
	})
}

func native(t *testing.T, name string) []string { return allowed(document(t, name), in32Bit) }

func referenceNames() []string {
	var out []string
	for _, s := range reference.DefaultProfile().Syscalls {
		if s.Action == allow && (s.Includes == nil || len(s.Includes.Caps) == 0 && ours(s.Includes.Arches)) {
			out = append(out, s.Names...)
		}
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(call string) bool {
		return slices.Contains(strings.Fields(in32Bit+" riscv_hwprobe"), call)
	})
}

func ours(arches []string) bool {
	return len(arches) == 0 || slices.Contains(arches, "amd64") || slices.Contains(arches, "arm64")
}

// linux61 are the system calls in the headers of Linux 6.1 on amd64.
func linux61(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/linux-6.1-amd64.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

func onlyIn(t *testing.T, who string, a, b []string, want string) {
	t.Helper()
	extra := slices.DeleteFunc(slices.Clone(a), func(call string) bool { return slices.Contains(b, call) })
	if !slices.Equal(extra, strings.Fields(want)) {
		t.Errorf("only %s has %v, not [%s]", who, extra, want)
	}
}
