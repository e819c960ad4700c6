package probe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEveryProbeHasItsAttackAndNoAttackIsLost(t *testing.T) {
	for _, p := range All() {
		if attacks[p.ID] == nil {
			t.Errorf("%s has no attack", p.ID)
		}
	}
	for id := range attacks {
		if _, known := ByID(id); !known {
			t.Errorf("attack %s is in no probe", id)
		}
	}
}

func TestARunIsWhatParseReadsAndTakesLessThanASecond(t *testing.T) {
	begin := time.Now()
	outcomes := Run()
	if took := time.Since(begin); took > time.Second {
		t.Errorf("took %v", took)
	}
	text, err := json.Marshal(outcomes)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(text)
	if err != nil || len(got) != len(All()) {
		t.Errorf("%d outcomes of %d, %v", len(got), len(All()), err)
	}
	for _, o := range outcomes {
		if o.Evidence == "" {
			t.Errorf("%s: %s without evidence", o.ID, o.Result)
		}
	}
}

func TestARunLeavesTheProcessAsItWas(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name, _ := os.Hostname()
	before := state()
	Run()
	if after := state(); after != before {
		t.Errorf("before %v, after %v", before, after)
	}
	if now, _ := os.Hostname(); now != name {
		t.Errorf("the host's name changed from %s to %s", name, now)
	}
	for _, folder := range []string{"/tmp", "/dev/shm", "/var/tmp", "/run"} {
		if left, _ := filepath.Glob(filepath.Join(folder, ".berth-probe*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

type snapshot struct {
	uid, gid int
	root     uint64
	fds      int
}

func state() snapshot {
	var st syscall.Stat_t
	_ = syscall.Stat("/", &st)
	fds, _ := os.ReadDir("/proc/self/fd")
	return snapshot{os.Getuid(), os.Getgid(), st.Ino, len(fds)}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		err      error
		result   Result
		evidence string
	}{
		{nil, Open, "allowed"},
		{unix.EPERM, Closed, "EPERM"},
		{unix.ENOSYS, Closed, "ENOSYS"},
		{unix.EINVAL, Open, "reached the kernel: EINVAL"},
		{os.ErrClosed, Unknown, "file already closed"},
	} {
		if result, evidence := refused(c.err); result != c.result || evidence != c.evidence {
			t.Errorf("%v: got %s %q, want %s %q", c.err, result, evidence, c.result, c.evidence)
		}
	}
}

func TestAFileIsWritableOrNot(t *testing.T) {
	dir := t.TempDir()
	if result, evidence := writable(filepath.Join(dir, "missing"), dir)(); result != Open || evidence != dir {
		t.Errorf("got %s %q", result, evidence)
	}
	if result, _ := writable(filepath.Join(dir, "missing"))(); result != Closed {
		t.Error("what is not there cannot be written")
	}
}

func TestAMaskShowsNothing(t *testing.T) {
	dir := t.TempDir()
	empty, full := filepath.Join(dir, "empty"), filepath.Join(dir, "full")
	for name, content := range map[string]string{empty: "", full: "x"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{empty: false, full: true, dir: true, t.TempDir(): false, filepath.Join(dir, "no"): false} {
		if shows(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

func TestIsLimit(t *testing.T) {
	for value, want := range map[string]bool{"max": false, "-1": false, "9223372036854771712": false, "4294967296": true, "1024": true, "": false} {
		if isLimit(value) != want {
			t.Errorf("%q: want %v", value, want)
		}
	}
}
