package rig

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"berth/internal/state"
)

// Home is a home folder of an ordinary user, in which berth keeps everything of one test. Its sandboxes have an owner
// of their own, so tests side by side do not clear each other's things.
type Home struct {
	Dir   string
	Owner string // value of the label dev.berth.owner on all that is made here
	User  User
	Env   []string // of every command; a later one wins
	Host  string   // of the engine; "" is the usual one
	t     testing.TB
}

// New makes a home. When the test ends, everything made in it must be gone after berth's own rm and prune.
func New(t testing.TB) *Home {
	t.Helper()
	Need(t)
	h := NewFor(t, Ordinary(t))
	t.Cleanup(h.end)
	return h
}

// NewFor makes a home for a user, for tests that clean up in their own way.
func NewFor(t testing.TB, u User) *Home {
	t.Helper()
	dir, err := os.MkdirTemp("", "berth-home-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if u.by != nil {
			_ = AsRoot(t, "rm", "-rf", dir).Run() // what is left shows below
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("what a sandbox wrote is not the user's: %v", err)
		}
	})
	h := &Home{Dir: dir, User: u, t: t}
	h.Folder("tmp")
	u.Own(t, dir)
	h.Env = []string{
		"HOME=" + dir, "USER=" + u.Name, "LOGNAME=" + u.Name, "TMPDIR=" + h.Path("tmp"), "LANG=C.UTF-8", "TERM=dumb",
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "BERTH_NO_BROWSER=1",
	}
	h.On(os.Getenv("DOCKER_HOST"))
	h.Owner = h.owner()
	return h
}

// On has the home use another engine than the usual one; "" changes nothing.
func (h *Home) On(host string) {
	if h.Host = host; host != "" {
		h.Env = append(h.Env, "DOCKER_HOST="+host)
	}
}

// owner is what berth writes into the label of everything it makes with this home's state folder.
func (h *Home) owner() string {
	h.t.Helper()
	machine, err := os.Hostname()
	h.must(err)
	store, err := state.Open(state.Places{State: h.Path(".local/state/berth"), Runtime: h.t.TempDir()}, machine, h.User.UID)
	h.must(err)
	h.must(os.RemoveAll(h.Path(".local"))) // it was made in passing; berth shall make it, as the user
	return store.Owner()
}

// Path gives a path below the home.
func (h *Home) Path(below string) string { return filepath.Join(h.Dir, below) }

// Folder makes a folder below the home, the user's own, and gives its path.
func (h *Home) Folder(below string) string {
	h.t.Helper()
	path := h.Dir
	for _, part := range parts(below) {
		path = filepath.Join(path, part)
		if err := os.Mkdir(path, 0o755); err != nil && !os.IsExist(err) {
			h.t.Fatal(err)
		}
		h.User.Own(h.t, path)
	}
	return path
}

func parts(path string) []string {
	dir, name := filepath.Split(filepath.Clean(path))
	if dir == "" {
		return []string{name}
	}
	return append(parts(dir), name)
}

// Write makes a file below the home, the user's own, and gives its path.
func (h *Home) Write(below, text string) string {
	h.t.Helper()
	if dir := filepath.Dir(below); dir != "." {
		h.Folder(dir)
	}
	path := h.Path(below)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	h.User.Own(h.t, path)
	return path
}

// Project is a folder that a sandbox is made for. Its name is the sandbox's name, and nobody else's on this engine.
type Project struct {
	Name string
	Dir  string
	*Home
}

// Project makes a folder whose name begins with word.
func (h *Home) Project(word string) Project {
	h.t.Helper()
	name := Unique(word)
	return Project{Name: name, Dir: h.Folder(name), Home: h}
}

// Unique gives a name for a sandbox that no other test has.
func Unique(word string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return word + "-x" + hex.EncodeToString(b[:])
}

// Berth starts a command of berth's in the project's folder and waits for its end.
func (p Project) Berth(args ...string) Result {
	p.t.Helper()
	return p.Command(args...).Run()
}

// Up brings the project's sandbox up with an image and further flags, which must work.
func (p Project) Up(image string, flags ...string) Result {
	p.t.Helper()
	return p.Berth(append([]string{"up", "--plain", "-y", "--image", image}, flags...)...).Exits(0)
}

// Command prepares a command of berth's in the project's folder.
func (p Project) Command(args ...string) *Command {
	c := p.Home.Command(args...)
	c.Dir = p.Dir
	return c
}

// end removes what the test left by berth's own means and looks that nothing remains.
func (h *Home) end() {
	h.t.Helper()
	h.Command("rm", "-f", "--all").Run()
	h.Command("prune").Run()
	h.Gone()
	h.sweep()
}

// Give hands all that was made in the home so far to its user, where that is another than the test's.
func (h *Home) Give() {
	h.t.Helper()
	out, err := AsRoot(h.t, "chown", "-R", fmt.Sprintf("%d:%d", h.User.UID, h.User.GID), h.Dir).CombinedOutput()
	if err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
}
