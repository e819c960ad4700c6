//go:build linux

package mounts

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"berth/internal/fault"
	"berth/internal/host"
)

// disk is the real file system with a home and a project of the test's own.
type disk struct {
	t    *testing.T
	root string
	host Host
}

func newDisk(t *testing.T) disk {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := disk{t: t, root: root}
	home := d.dir("home")
	d.dir("home/.ssh/keys")
	d.dir("home/project")
	d.host = On(host.Facts{OS: "linux", Home: home, Homes: []string{home}, Cwd: d.at("home/project"), UID: os.Getuid()}, host.Disk{})
	return d
}

func (d disk) at(name string) string { return filepath.Join(d.root, name) }

func (d disk) dir(name string) string {
	d.t.Helper()
	if err := os.MkdirAll(d.at(name), 0o755); err != nil {
		d.t.Fatal(err)
	}
	return d.at(name)
}

func (d disk) link(to, name string) {
	d.t.Helper()
	if err := os.Symlink(to, d.at(name)); err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) resolve(volumes string) ([]Mount, []Warning, error) {
	return Given{Env: host.Env{"SANDBOX_VOLUMES": volumes}}.Resolve(d.host)
}

// refused checks the whole text of an error; ROOT stands for the test's folder.
func (d disk) refused(volumes, want string) {
	d.t.Helper()
	_, _, err := d.resolve(volumes)
	if err == nil {
		d.t.Errorf("%s was accepted", volumes)
		return
	}
	got := strings.ReplaceAll(err.Error(), d.root, "ROOT")
	if _, reason, ok := strings.Cut(got, `"): `); !ok || reason != want {
		d.t.Errorf("%s\n got %s\nwant %s", volumes, got, want)
	}
}

func TestOnDiskALinkIntoADeniedFolderIsRefused(t *testing.T) {
	d := newDisk(t)
	d.link("home/.ssh", "innocent")
	d.link("innocent/keys", "deeper")
	d.link(d.at("home"), "house")
	d.refused(d.at("innocent")+":/w", "ROOT/home/.ssh holds SSH keys and is not mounted")
	d.refused(d.at("deeper")+":/w", "ROOT/home/.ssh/keys lies inside ROOT/home/.ssh, which holds SSH keys and is not mounted")
	d.refused(d.at("house")+":/w", "ROOT/home is a home folder and is never mounted")
	d.refused(d.root+":/w", "ROOT contains ROOT/home, which is a home folder and is never mounted")
}

func TestOnDiskAMemberThatIsItselfALinkProtectsWhereItLeads(t *testing.T) {
	d := newDisk(t)
	d.dir("vault/aws")
	d.link(d.at("vault/aws"), "home/.aws")
	d.refused(d.at("vault/aws")+":/w", "ROOT/vault/aws holds credentials and is not mounted")
	d.refused(d.at("vault")+":/w", "ROOT/vault contains ROOT/home/.aws, which holds credentials and is not mounted")
}

func TestOnDiskWhatIsNotThereIsSaid(t *testing.T) {
	d := newDisk(t)
	d.link("gone", "dangling")
	d.link("b", "a")
	d.link("a", "b")
	d.refused(d.at("no/such")+":/w", "ROOT/no/such does not exist")
	d.refused(d.at("dangling")+":/w", "ROOT/dangling is a symlink to ROOT/gone, which does not exist")
	d.refused(d.at("a")+":/w", "ROOT/a does not exist: its symlinks go round in a loop")
	d.refused(d.at("home/$PROJECT")+":/w", "ROOT/home/$PROJECT does not exist, and berth expands no variables")
	_, _, err := d.resolve(d.at("it's new") + ":/w")
	if want := "mkdir -p '" + d.at(`it'\''s new`) + "'"; fault.HintOf(err) != want {
		t.Errorf("hint %s, want %s", fault.HintOf(err), want)
	}
}

func TestOnDiskSocketsAndFifosAreRefused(t *testing.T) {
	d := newDisk(t)
	d.dir("home/project/run")
	socket := d.at("home/project/run/s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := syscall.Mkfifo(d.at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.refused(socket+":/w", "ROOT/home/project/run/s is a socket: whoever reaches it commands what listens there")
	d.refused(socket, "ROOT/home/project/run/s is a socket: whoever reaches it commands what listens there")
	d.refused(d.at("fifo")+":/w", "ROOT/fifo is a fifo, and only folders and files are mounted")
	d.refused(d.at("home/project")+":/w", "ROOT/home/project contains the socket ROOT/home/project/run/s, through which the host may be reached")

	d.host.Allow = []string{d.at("home/project")}
	got, _, err := d.resolve(d.at("home/project") + ":/w")
	if err != nil || got[0].Softened != d.at("home/project")+" contains the socket "+socket {
		t.Errorf("got %+v, %v", got, err)
	}

	d.host.Sockets = []string{socket} // an agent's, under whatever name
	d.refused(d.at("home/project")+":/w", "ROOT/home/project contains the socket ROOT/home/project/run/s: whoever reaches it commands this machine")
}

func TestOnDiskAnUnreadableFolderIsRefused(t *testing.T) {
	d := newDisk(t)
	shut := d.dir("shut")
	d.host.Files = denying{d.host.Files, shut}
	_, _, err := d.resolve(shut + ":/w")
	want := `SANDBOX_VOLUMES: entry 1 ("` + shut + `:/w"): ` + shut + " cannot be read: it belongs to "
	if err == nil || !strings.HasPrefix(err.Error(), want) || fault.HintOf(err) != "run berth as the user who owns it" {
		t.Errorf("got %v (%s)", err, fault.HintOf(err))
	}
	_, _, err = d.resolve(shut + "/inside:/w")
	if want := shut + "/inside cannot be reached: permission denied"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want …%s", err, want)
	}
}

// denying is a file system in which one folder may not be entered: as root the real one refuses nothing.
type denying struct {
	Files
	shut string
}

func (f denying) Lstat(p string) (host.File, error) {
	if p != f.shut && within(p, f.shut) {
		return host.File{}, &os.PathError{Op: "lstat", Path: p, Err: syscall.EACCES}
	}
	return f.Files.Lstat(p)
}

func (f denying) ReadDir(p string) ([]host.DirEntry, error) {
	if p == f.shut {
		return nil, &os.PathError{Op: "open", Path: p, Err: syscall.EACCES}
	}
	return f.Files.ReadDir(p)
}

func TestOnDiskAwkwardNamesAreMountedAsTheyAre(t *testing.T) {
	d := newDisk(t)
	for _, name := range []string{"two words", "it's", `say "hi"`, "a,b", "a:b", "a\\", "ro", "🚢 wharf", "données", "tab\there", "$HOME", "-rf"} {
		dir := d.dir("odd/" + name)
		value := escape(dir) + ":/w"
		got, warnings, err := d.resolve(value)
		if err != nil || len(got) != 1 || got[0].Source != dir || len(warnings) != 0 {
			t.Errorf("%s: %+v, %v, %v", value, got, warnings, err)
		}
		got, _, err = Given{Cwd: dir}.Resolve(d.host)
		if err != nil || got[0].Source != dir || got[0].Target != "/workspace" {
			t.Errorf("current folder %q: %+v, %v", dir, got, err)
		}
	}
}

func TestOnDiskNamesThatNoEngineCarriesAreRefused(t *testing.T) {
	d := newDisk(t)
	d.dir("two\nlines")
	d.dir("bad\xffbytes")
	d.link("two\nlines", "link")
	d.refused(d.at("link")+":/w", `"ROOT/two\x0alines" holds a line break or a zero byte`)
	d.refused(d.at("bad\xffbytes")+":/w", `"ROOT/bad`+"\uFFFD"+`bytes" is not UTF-8, and engines take nothing else`)
	d.host.Cwd = d.at("two\nlines")
	if _, _, err := (Given{Cwd: d.host.Cwd}).Resolve(d.host); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), `two\x0alines`) {
		t.Errorf("got %q", err)
	}
}

func TestOnDiskAHardLinkIsMentioned(t *testing.T) {
	d := newDisk(t)
	a, b := d.at("home/project/a"), d.at("b")
	if err := errors.Join(os.WriteFile(a, nil, 0o600), os.Link(a, b)); err != nil {
		t.Fatal(err)
	}
	got, warnings, err := d.resolve(b + ":/w/file:ro")
	if err != nil || !got[0].File || len(warnings) != 1 || !strings.HasSuffix(warnings[0].Text, "it has 2 names, and what another name shows is written too") {
		t.Errorf("%+v, %v, %v", got, warnings, err)
	}
}

// A hard link to a folder cannot be made here; a bind alias is one as far as device and inode go.
func TestOnDiskAnotherNameOfADeniedFolderIsFoundByItsInode(t *testing.T) {
	d := newDisk(t)
	d.dir("alias/keys")
	d.host.Files = aliasing{d.host.Files, d.at("alias"), d.at("home/.ssh")}
	d.refused(d.at("alias")+":/w", "ROOT/alias is ROOT/home/.ssh, which holds SSH keys and is not mounted")
	d.refused(d.at("alias/keys")+":/w", "ROOT/alias/keys lies inside ROOT/home/.ssh, which holds SSH keys and is not mounted")
}

// aliasing shows the folder original at alias too, as a bind mount does.
type aliasing struct {
	Files
	alias, original string
}

func (f aliasing) Lstat(p string) (host.File, error) {
	if within(p, f.alias) {
		p = f.original + strings.TrimPrefix(p, f.alias)
	}
	return f.Files.Lstat(p)
}

// The bind mounts are made in a mount namespace of the test's own: nothing is left, and no root is needed.
func TestOnDiskARealBindAliasIsRefused(t *testing.T) {
	const inside = "BERTH_TEST_IN_NAMESPACE"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
			t.Skipf("this machine allows no user namespaces: %v", err)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	d := newDisk(t)
	for from, to := range map[string]string{"home/.ssh": "alias", "home/.ssh/keys": "child"} {
		if err := syscall.Mount(d.at(from), d.dir(to), "", syscall.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		defer syscall.Unmount(d.at(to), 0)
	}
	d.host.Mounts = host.Read().Mounts
	d.refused(d.at("alias")+":/w", "ROOT/alias is ROOT/home/.ssh, which holds SSH keys and is not mounted")
	d.refused(d.at("child")+":/w", "ROOT/child is also ROOT/home/.ssh/keys, which lies inside ROOT/home/.ssh, which holds SSH keys and is not mounted")
}

func TestOnDiskTheCurrentFolderMustBeSane(t *testing.T) {
	d := newDisk(t)
	if _, _, err := (Given{Cwd: d.host.Cwd}).Resolve(d.host); err != nil {
		t.Errorf("a project: %v", err)
	}
	for cwd, want := range map[string]string{
		d.at("home"):      `current folder ("ROOT/home"): ROOT/home is a home folder and is never mounted`,
		d.at("home/.ssh"): `current folder ("ROOT/home/.ssh"): ROOT/home/.ssh holds SSH keys and is not mounted`,
		"/":               `current folder ("/"): / is the whole machine and is never mounted`,
		"/opt":            `current folder ("/opt"): /opt holds the system's programs and is not mounted`,
		"":                `current folder (""): it was removed`,
	} {
		_, _, err := Given{Cwd: cwd}.Resolve(d.host)
		if err == nil || strings.ReplaceAll(err.Error(), d.root, "ROOT") != want {
			t.Errorf("%s\n got %v\nwant %s", cwd, err, want)
		}
		if want := "cd into a project folder, or name one: -v ~/project:/workspace"; fault.HintOf(err) != want || fault.KindOf(err) != fault.Usage {
			t.Errorf("hint %q, want %q", fault.HintOf(err), want)
		}
	}
}
