package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// User is who runs berth in a test.
type User struct {
	Name       string
	UID, GID   int
	Groups     []uint32
	credential *syscall.Credential // nil: the user of the test itself, or by sudo
	by         []string            // words that lead to this user from root, where a credential will not do
}

// ordinary is the user whom set-up makes for a test that root runs.
const ordinary = "berth"

// Ordinary gives the user of the test; of a test that root runs, the user berth, since root may not own a sandbox.
func Ordinary(t testing.TB) User {
	t.Helper()
	if os.Geteuid() != 0 {
		me, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		u := User{Name: me.Username, UID: os.Getuid(), GID: os.Getgid()}
		ids, err := os.Getgroups()
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			u.Groups = append(u.Groups, uint32(id))
		}
		return u
	}
	account, err := user.Lookup(ordinary)
	if err != nil {
		t.Skipf("root may not own a sandbox, and there is no user %s: make test makes one", ordinary)
	}
	u := User{Name: account.Username, UID: number(account.Uid), GID: number(account.Gid)}
	ids, err := account.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		u.Groups = append(u.Groups, uint32(number(id)))
	}
	return u.as()
}

// As gives a user by numbers alone, who need not be in any list of users. It needs root, or sudo that does not ask.
func As(t testing.TB, uid, gid int, groups ...uint32) User {
	t.Helper()
	AsRoot(t, "true")
	u := User{UID: uid, GID: gid, Groups: groups}
	if os.Geteuid() == 0 {
		return u.as()
	}
	return u.Through()
}

// Through gives the same user, who comes from root by some words such as those that lead into a namespace.
func (u User) Through(words ...string) User {
	groups := "--clear-groups"
	if len(u.Groups) > 0 {
		groups = "--groups=" + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(u.Groups)), ","), "[]")
	}
	u.by = append(words, "setpriv", "--reuid="+strconv.Itoa(u.UID), "--regid="+strconv.Itoa(u.GID), groups, "--")
	u.credential = nil
	return u
}

// become wraps a command so that it runs as this user in dir with exactly this environment. Only this user may be able to enter dir.
func (u User) become(dir string, env []string, program string, args []string) *exec.Cmd {
	if u.by == nil {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Env = dir, env
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: u.credential}
		return cmd
	}
	words := append(slices.Concat(u.by, []string{"env", "-i", "--chdir=" + dir}, env, []string{program}), args...)
	if os.Geteuid() != 0 {
		words = append([]string{"sudo", "-n", "--"}, words...)
	}
	return exec.Command(words[0], words[1:]...)
}

// Become has a command that the test starts itself run as this user, and end with the test.
func (u User) Become(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: u.credential, Pdeathsig: syscall.SIGKILL}
}

// Client gives what asks over HTTP as this user: a gateway looks at whose the connections are, and a socket's owner is
// who made it or, if root says so, another. Every name below localhost is this machine, and no redirect is followed.
func (u User) Client() *http.Client {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var refused error
		err := raw.Control(func(fd uintptr) { refused = u.take(fd) })
		return errors.Join(err, refused)
	}}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err == nil && strings.HasSuffix(host, ".localhost") {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Client{
		Timeout:       time.Minute,
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// take makes a socket of the test this user's, by sudo where the test is not root's.
func (u User) take(fd uintptr) error {
	switch os.Geteuid() {
	case u.UID:
		return nil
	case 0:
		return syscall.Fchown(int(fd), u.UID, u.GID)
	}
	socket := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
	said, err := exec.Command("sudo", "-n", "--", "chown", fmt.Sprintf("%d:%d", u.UID, u.GID), socket).CombinedOutput()
	if err != nil {
		return fmt.Errorf("chown %s: %w: %s", socket, err, said)
	}
	return nil
}

func (u User) as() User {
	u.credential = &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID), Groups: u.Groups}
	return u
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err) // Linux has numbers only
	}
	return n
}

// Own gives files to the user of a test that root runs.
func (u User) Own(t testing.TB, paths ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	for _, path := range paths {
		if err := os.Lchown(path, u.UID, u.GID); err != nil {
			t.Fatal(err)
		}
	}
}

// GroupOf gives the group that owns a file, as the engine's socket is owned.
func GroupOf(t testing.TB, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Gid)
}

// AsRoot runs a command as root, by sudo if it asks nothing; a test that may not is skipped.
func AsRoot(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() == 0 {
		return exec.Command(name, args...)
	}
	if err := exec.Command("sudo", "-n", "true").Run(); err != nil {
		t.Skip("needs root, or sudo that does not ask")
	}
	return exec.Command("sudo", append([]string{"-n", "--", name}, args...)...)
}

// Tool skips a test when a program is not installed.
func Tool(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err == nil {
			return path
		}
		if !errors.Is(err, exec.ErrNotFound) {
			t.Fatal(err)
		}
	}
	t.Skipf("needs %s: make test installs it", names[0])
	return ""
}
