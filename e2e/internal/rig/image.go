package rig

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The images that berth makes itself.
const (
	Starter   = "starter"
	Workbench = "workbench"
)

var workbench struct {
	once sync.Once
	why  string
}

// Image makes sure that an image can be used: the starter always can; the workbench is built once and then kept by
// the engine. A test of an image that cannot be built here is skipped.
func Image(t testing.TB, name string) string {
	t.Helper()
	if name != Workbench {
		return name
	}
	workbench.once.Do(func() {
		h := NewFor(t, Ordinary(t))
		build := h.Command("build", Workbench, "--plain").With(os.Environ()...).With(h.Env...)
		build.Limit = 40 * time.Minute
		if r := build.Run(); r.Code != 0 {
			lines := strings.Split(strings.TrimSpace(r.Err), "\n")
			workbench.why = "the workbench cannot be built here: " + strings.Join(lines[max(0, len(lines)-2):], "; ")
		}
	})
	if workbench.why != "" {
		t.Skip(workbench.why)
	}
	return name
}
