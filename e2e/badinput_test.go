package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
)

// bad is one row of bad input: what is wrong, how berth is called then, and what it says. HOME in the texts stands for
// the home folder, PROJECT for the project's.
type bad struct {
	name string
	make func(t *testing.T, p rig.Project) // what is wrong, if it is not in the words alone
	env  []string
	args []string // nil: up with the starter
	code int
	says string // pattern of the message
	hint string // pattern of the hint; "" is none
}

var badInputs = []bad{
	{name: "no engine", env: []string{"DOCKER_HOST=unix:///nonexistent/docker.sock"}, code: 3,
		says: `DOCKER_HOST=unix:///nonexistent/docker.sock: there is no such socket`, hint: `start one.*`},
	{name: "no engine for a list", env: []string{"DOCKER_HOST=unix:///nonexistent/docker.sock"}, args: []string{"ls"}, code: 3,
		says: `DOCKER_HOST=unix:///nonexistent/docker.sock: there is no such socket`, hint: `start one.*`},
	{name: "an engine that is none", env: []string{"DOCKER_HOST=gopher://x"}, args: []string{"ls"}, code: 3,
		says: `DOCKER_HOST=gopher://x: .*`, hint: `.*`},

	{name: "a folder that is missing", env: []string{"SANDBOX_VOLUMES=HOME/none:/workspace"}, code: 2,
		says: `SANDBOX_VOLUMES: entry 1 \("HOME/none:/workspace"\): HOME/none does not exist`, hint: `mkdir -p HOME/none`},
	{name: "a socket", make: listening, env: []string{"SANDBOX_VOLUMES=HOME/socket:/workspace"}, code: 2,
		says: `SANDBOX_VOLUMES: entry 1 \("HOME/socket:/workspace"\): HOME/socket is a socket: .*`},
	{name: "a folder that cannot be read", make: unreadableFolder, env: []string{"SANDBOX_VOLUMES=HOME/locked:/workspace"}, code: 2,
		says: `SANDBOX_VOLUMES: entry 1 \("HOME/locked:/workspace"\): HOME/locked cannot be read: .*`, hint: `.+`},

	{name: "broken TOML", make: config("volumes = ["), code: 2, says: `~/.config/berth/config.toml:1:\d+: .*`},
	{name: "an unknown key", make: config("volumess = []"), code: 2, says: `~/.config/berth/config.toml:1:1: unknown key "volumess"`, hint: `did you mean "volumes"\?`},
	{name: "a wrong type", make: config("\nvolumes = 3"), code: 2, says: `~/.config/berth/config.toml:2:\d+: volumes: want .*`},
	{name: "a wrong value", make: config("profile = \"loose\""), code: 2, says: `~/.config/berth/config.toml:1:\d+: profile: .*`},
	{name: "a folder for a file", make: func(_ *testing.T, p rig.Project) { p.Folder(".config/berth/config.toml") }, code: 2,
		says: `~/.config/berth/config.toml: is a folder, not a file`, hint: `.+`},
	{name: "a file that cannot be read", make: unreadableConfig, code: 2, says: `~/.config/berth/config.toml: permission denied`, hint: `make it readable.*`},
	{name: "a file that is named and missing", args: []string{"--config", "nowhere.toml", "up", "--plain"}, code: 2, says: `nowhere.toml: no such file or directory`},
	{name: "a project's file that nobody has trusted", make: func(_ *testing.T, p rig.Project) {
		p.Write(p.Name+"/.berth.toml", "volumes = [\"/usr/share:/share\"]\n")
	}, code: 2, says: `.*\.berth\.toml.*`, hint: `.*berth trust.*`},

	{name: "an image that is missing", args: up2("localhost:1/none:1"), code: 4, says: `localhost:1/none:1: nothing answers at the registry's address`, hint: `.*--image workbench.*--image starter.*`},
	{name: "an image without a name", args: up2("No Name"), code: 2, says: `flag --image: "No Name": not the name of an image`, hint: `.+`},

	{name: "a port that is taken", make: takenPort, code: 7, says: `links.port = \d+: ports \d+ to \d+ are not all free`, hint: `set links.port to another port, or leave it out`},
	{name: "a port that is none", env: []string{"BERTH_LINKS_PORT=port"}, code: 2, says: `BERTH_LINKS_PORT: .*`},
	{name: "a name that cannot be", args: []string{"up", "--plain", "--image", "starter", "No_Name"}, code: 2, says: `.*No_Name.*`, hint: `.*`},

	{name: "a flag that is not there", args: []string{"up", "--imge", "starter"}, code: 2, says: `.*--imge.*`, hint: `.*--image.*`},
	{name: "a command that is not there", args: []string{"pu"}, code: 2, says: `.*pu.*`, hint: `.*berth up.*`},
	{name: "a sandbox that is not there", args: []string{"stop", "nobody"}, code: 6, says: `nobody: no such sandbox`, hint: `berth up nobody`},
	{name: "a wish for all addresses", args: []string{"up", "--publish=0.0.0.0", "--image", "starter"}, code: 2, says: `.*`, hint: `.*`},
}

func up2(image string) []string { return []string{"up", "--plain", "-y", "--image", image} }

// TestBadInput: each row ends with its code and one clear message, and leaves nothing.
func TestBadInput(t *testing.T) {
	rig.Need(t)
	for _, row := range badInputs {
		t.Run(row.name, func(t *testing.T) {
			h := rig.New(t)
			p := h.Project("bad")
			if row.make != nil {
				row.make(t, p)
			}
			places := strings.NewReplacer("HOME", h.Dir, "PROJECT", p.Dir)
			args := row.args
			if args == nil {
				args = up2(rig.Starter)
			}
			c := p.Command(args...)
			for _, pair := range row.env {
				c.With(places.Replace(pair))
			}
			says(t, c.Run().Exits(row.code), places.Replace(row.says), places.Replace(row.hint))
			h.Gone()
		})
	}
}

// says demands one message and at most one hint, both of them whole.
func says(t *testing.T, r rig.Result, message, hint string) {
	t.Helper()
	var messages, hints []string
	for line := range strings.Lines(r.Err) {
		line = strings.TrimSuffix(line, "\n")
		if text, ok := strings.CutPrefix(line, "berth: hint: "); ok {
			hints = append(hints, text)
		} else if text, ok := strings.CutPrefix(line, "berth: "); ok {
			messages = append(messages, text)
		}
	}
	if len(messages) != 1 || !whole(message, messages[0]) {
		t.Errorf("it says %q, want %q", messages, message)
	}
	if len(hints) > 1 || hint == "" && len(hints) > 0 || hint != "" && (len(hints) == 0 && !whole(hint, "") || len(hints) == 1 && !whole(hint, hints[0])) {
		t.Errorf("its hint is %q, want %q", hints, hint)
	}
	if strings.Contains(r.Err+r.Out, "goroutine ") || strings.Contains(r.Err, "%!") {
		t.Errorf("that is no message for people: %s", r.Err)
	}
}

func config(text string) func(*testing.T, rig.Project) {
	return func(_ *testing.T, p rig.Project) { p.Write(".config/berth/config.toml", text+"\n") }
}

func unreadableConfig(t *testing.T, p rig.Project) {
	locked(t, p.Write(".config/berth/config.toml", "\n"))
}

func unreadableFolder(t *testing.T, p rig.Project) { locked(t, p.Folder("locked")) }

// locked takes a path's mode away until the test ends.
func locked(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(path, 0o700) }) // so that it can be removed
}

// listening makes a socket that somebody listens on.
func listening(t *testing.T, p rig.Project) {
	t.Helper()
	l, err := net.Listen("unix", p.Path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

// takenPort asks for ports of which the second is somebody's.
func takenPort(t *testing.T, p rig.Project) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	config("links.port = "+strconv.Itoa(l.Addr().(*net.TCPAddr).Port-1))(t, p)
}

// elsewhere are the vectors that this test cannot play, and why.
var elsewhere = map[string]string{
	"m088": "needs a bind alias, which mounts has a test for", "m126": "needs a bind alias, which mounts has a test for",
	"m097": "needs a volume made by an administrator",
}

// TestEachWrongSANDBOX_VOLUMES: the vectors of the grammar, on the real program and real folders.
func TestEachWrongSANDBOX_VOLUMES(t *testing.T) {
	h := rig.New(t)
	p := h.Project("volumes")
	for _, name := range []string{p.Name + "/data", "p/secrets", "p/sub", "d", "a,b", "a:b", "me/p", ".ssh/keys", ".config/gh", ".config/nvim"} {
		h.Folder(name)
	}
	h.Write("p/file.txt", "x")
	for link, to := range map[string]string{"etclink": "/etc", "dangling": "/nowhere"} {
		if err := os.Symlink(to, h.Path(link)); err != nil {
			t.Fatal(err)
		}
	}
	fifo(t, h.Path("p/fifo"))
	var vectors struct {
		Cases []struct {
			ID, Machine string
			Env         map[string]string
			Expect      struct {
				Error *struct {
					Variable string
					Entry    int
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../mounts/testdata/mounts.json")), &vectors); err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, v := range vectors.Cases {
		if v.Expect.Error == nil || v.Machine != "linux" || elsewhere[v.ID] != "" {
			continue
		}
		played++
		t.Run(v.ID, func(t *testing.T) {
			c := p.Command("up", "--plan", "--image", rig.Starter)
			for name, value := range v.Env {
				c.With(name + "=" + here(value, h.Dir))
			}
			where := v.Expect.Error.Variable + ` \(.*\): `
			if v.Expect.Error.Entry > 0 {
				where = v.Expect.Error.Variable + ": entry " + strconv.Itoa(v.Expect.Error.Entry) + ` \(.*\): `
			}
			says(t, c.Run().Exits(2), where+".+", ".*")
		})
	}
	if played < 40 {
		t.Errorf("only %d vectors were played", played)
	}
}

// vectorPath are the places of the vectors' machine that this test has made.
var vectorPath = regexp.MustCompile(`(^|,)(?:/home/me(/|:)|(/(?:p|d|a,b|a:b|a|etclink|dangling|nosuch)\b))`)

// here moves the sources of a vector's value below the home.
func here(value, home string) string {
	return vectorPath.ReplaceAllString(value, "${1}"+home+"${2}${3}")
}

// TestANameThatIsTaken: another user's sandbox is not this user's to use.
func TestANameThatIsTaken(t *testing.T) {
	first, second := rig.New(t), rig.New(t)
	name := rig.Unique("taken")
	a, b := rig.Project{Name: name, Dir: first.Folder(name), Home: first}, rig.Project{Name: name, Dir: second.Folder(name), Home: second}
	a.Up(rig.Starter)
	says(t, b.Berth(up2(rig.Starter)...).Exits(7), name+": another user of this engine has a sandbox of that name", "berth up "+name+"-2")
	says(t, b.Berth("stop", name).Exits(6), name+": no such sandbox", "berth up "+name)
	second.Gone()
	a.Berth("audit", name).Exits(0)
}

// TestTwoBerthsOnOneName: the second is told what the first does.
func TestTwoBerthsOnOneName(t *testing.T) {
	h := rig.New(t)
	p := h.Project("both")
	up, _ := launching(p, rig.Standin(t, slowly...), "ready")
	r := p.Berth(up2(rig.Starter)...)
	up.Wait().Exits(0)
	says(t, r.Exits(7), p.Name+": .*", ".*")
}

// TestALineBreakInAFolder: such a name would make two lines of one wherever it is shown, so it is refused.
func TestALineBreakInAFolder(t *testing.T) {
	h := rig.New(t)
	dir := filepath.Join(h.Dir, "new\nline")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h.User.Own(t, dir)
	c := h.Command(up2(rig.Starter)...)
	c.Dir = dir
	says(t, c.Run().Exits(2), `current folder \(".*/new\\x0aline"\): .* holds a line break or a zero byte`, "rename it")
	h.Gone()
}

// TestOddFolders: names that a shell, a URL or the engine's own grammar would trip over.
func TestOddFolders(t *testing.T) {
	for name, sandbox := range map[string]string{
		"with space": "with-space", `quo"te'd`: "quo-te-d", "com,ma": "com-ma", "co:lon": "co-lon",
		"emo🚢ji": "emo-ji", "日本": "sandbox", "-dash": "dash", "back\\slash": "back-slash", "$HOME": "home", "a b:c,d": "a-b-c-d",
	} {
		t.Run(sandbox, func(t *testing.T) {
			h := rig.New(t)
			dir := filepath.Join(h.Dir, name)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			h.User.Own(t, dir)
			c := h.Command("up", "--json", "--image", rig.Starter)
			c.Dir = dir
			var up struct{ Name string }
			c.Run().Exits(0).JSON(&up)
			if base := strings.TrimRight(up.Name, "-0123456789"); base != sandbox {
				t.Errorf("the sandbox's name is %s, want %s", up.Name, sandbox)
			}
			h.Berth("exec", up.Name, "--", "sh", "-c", "echo here > /workspace/proof").Exits(0)
			if got := read(t, filepath.Join(dir, "proof")); got != "here\n" {
				t.Errorf("the file holds %q", got)
			}
			if r := h.Berth("ls"); strings.Count(r.Out, "\n") != 2 {
				t.Errorf("ls has not one line for it: %q", r.Out)
			}
			h.Berth("rm", "-f", up.Name).Exits(0)
			h.Gone()
		})
	}
}
