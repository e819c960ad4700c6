package attacks

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/e2e/internal/rig"
)

// by is a place on this machine, as a user with no group of his own or others'.
func by(uid, gid int) place {
	return from("setpriv", fmt.Sprintf("--reuid=%d", uid), fmt.Sprintf("--regid=%d", gid), "--clear-groups", "--")
}

// stranger is a user of this machine who is nobody's friend.
const stranger = 64242

// box is a sandbox of this machine's engine, with the weapons at /tools, beside its twin.
type box struct {
	rig.Project
	Image string
	Link  link
	Twin  string // port of the twin on 127.0.0.1
	Argv  string // what stands in the twin's arguments
}

// newBox brings both up. The server of both trusts everybody.
func newBox(t *testing.T, flags ...string) box {
	t.Helper()
	h := rig.New(t)
	rig.Tool(t, "docker")
	b := box{Project: h.Project("shop"), Image: rig.Standin(t), Argv: rig.Unique("argument")}
	h.Write(b.Name+"/README.md", "# Shop\n")
	b.Up(b.Image, append([]string{"-v", b.Dir + ":/workspace", "-v", weapons(t) + ":/tools:ro"}, flags...)...)
	b.Link = apiLink(t, b.Project)
	id := output(t, exec.Command("docker", "run", "--detach", "--publish", "127.0.0.1::8000", "--volume", weapons(t)+":/tools:ro",
		b.Image, "-host", "0.0.0.0", "-say", b.Argv))
	t.Cleanup(func() { output(t, exec.Command("docker", "rm", "-f", "-v", id)) })
	at := output(t, exec.Command("docker", "port", id, "8000/tcp"))
	_, b.Twin, _ = strings.Cut(at, ":")
	rig.Wait(t, 10*time.Second, "answer of the twin", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+b.Twin)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return b
}

// serversKey is the key that berth gave the server, as the engine shows it to its own group.
func (b box) serversKey(t *testing.T) string {
	t.Helper()
	env := output(t, exec.Command("docker", "inspect", "-f", `{{range .Config.Env}}{{.}}{{"\n"}}{{end}}`, "berth-"+b.Name))
	for line := range strings.Lines(env) {
		if key, found := strings.CutPrefix(strings.TrimSpace(line), "SESSION_API_KEY="); found {
			return key
		}
	}
	t.Fatalf("the server has no key: %s", env)
	return ""
}

// TestAnotherUser: who shares this machine with the user, but not the engine, gets no answer from a link, reads no key
// in any process or file, and reaches no socket of berth's.
func TestAnotherUser(t *testing.T) {
	b := newBox(t)
	if err := os.Chmod(b.Home.Dir, 0o755); err != nil { // as most homes are: berth may not count on more
		t.Fatal(err)
	}
	other, owner := by(stranger, stranger), by(b.User.UID, b.User.GID)

	t.Run("links", func(t *testing.T) {
		twin := at("127.0.0.1", b.Twin)
		targets := []string{at("127.0.0.1", b.Link.port())}
		if ipv6() {
			targets = append(targets, at("::1", b.Link.port()))
		}
		got, own := other.tries(t, "dial", append(targets, twin)...), owner.tries(t, "dial", targets...)
		for _, target := range targets {
			if got[target] == "open" {
				t.Errorf("%s answers another user", target)
			}
			if own[target] != "open" {
				t.Errorf("%s does not answer its own user either: %s", target, own[target])
			}
		}
		if got[twin] != "open" {
			t.Errorf("this cannot fail: the twin is %s", got[twin])
		}
	})

	t.Run("files", func(t *testing.T) {
		var secret []string
		err := filepath.WalkDir(b.Path(".local/state/berth"), func(path string, _ os.DirEntry, err error) error {
			secret = append(secret, path)
			return err
		})
		if err != nil || len(secret) < 5 {
			t.Fatalf("berth keeps only %v: %v", secret, err)
		}
		for path, got := range other.tries(t, "read", secret...) {
			if got != "closed" {
				t.Errorf("%s is %s", path, got)
			}
		}
		for path, got := range other.tries(t, "write", b.Path(".local/state/berth"), b.Path(".local/state/berth/run"), b.Dir) {
			if got != "closed" {
				t.Errorf("something can be put into %s", path)
			}
		}
		twin := filepath.Join(b.Dir, "README.md")
		if got := other.tries(t, "read", twin); got[twin] != "open" {
			t.Errorf("this cannot fail: the project is %s", got[twin])
		}
		if got := other.tries(t, "write", "/tmp"); got["/tmp"] != "open" {
			t.Errorf("this cannot fail: /tmp is %s", got["/tmp"])
		}
	})

	t.Run("sockets", func(t *testing.T) {
		sockets, err := filepath.Glob(b.Path(".local/state/berth/run/*.sock"))
		if err != nil || len(sockets) != 1 {
			t.Fatalf("the gateway's sockets are %v, %v", sockets, err)
		}
		twin := filepath.Join(weapons(t), "twin.sock")
		l, err := net.Listen("unix", twin)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() //nolint:errcheck // nobody came
		if err := os.Chmod(twin, 0o777); err != nil {
			t.Fatal(err)
		}
		got := other.tries(t, "unix", sockets[0], twin)
		if got[sockets[0]] != "closed" || got[twin] != "open" {
			t.Errorf("the gateway's socket is %s, the twin's %s", got[sockets[0]], got[twin])
		}
		if got := owner.tries(t, "unix", sockets[0]); got[sockets[0]] != "open" {
			t.Errorf("for its own user the gateway's socket is %s", got[sockets[0]])
		}
	})

	t.Run("processes", func(t *testing.T) {
		_, minted, _ := strings.Cut(b.Link.URL, "#k=")
		text := other(t, "processes")
		for what, key := range map[string]string{"the server's key": b.serversKey(t), "the client key": b.Link.Key, "the link's key": minted} {
			if len(key) != 64 || strings.Contains(text, key) {
				t.Errorf("%s (%d digits) stands in a process's arguments or environment", what, len(key))
			}
		}
		if !strings.Contains(text, b.Argv) {
			t.Error("this cannot fail: the twin's argument is not seen")
		}
		if !strings.Contains(text, "gateway "+b.Name) {
			t.Error("the gateway's process is not seen, so nothing is said of its arguments")
		}
	})
}
