package mounts

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/host"
)

// onMachine gives a machine of the shared vectors with more files, each "path what".
func onMachine(t *testing.T, name string, files ...string) Host {
	t.Helper()
	v, ok := readVectors(t, "testdata/mounts.json")
	if !ok {
		t.Fatal("testdata/mounts.json holds no machines")
	}
	m := v.machine(name)
	more := machine{Files: map[string]string{}}
	for _, file := range files {
		space := strings.LastIndex(file, " ")
		more.Files[file[:space]] = file[space+1:]
	}
	return more.inherit(m).host(nil)
}

// told gives mounts and warnings, or the error with its hint, as lines.
func told(mounts []Mount, warnings []Warning, err error) []string {
	if err != nil {
		return []string{err.Error(), "hint: " + fault.HintOf(err)}
	}
	var out []string
	for _, m := range mounts {
		mode := Mode{ReadOnly: m.ReadOnly, Overlay: m.Kind == Overlay, SELinux: m.SELinux, NoCopy: m.NoCopy}
		out = append(out, fmt.Sprintf("%s %s -> %s %s", m.Kind, m.Source, m.Target, mode))
	}
	for _, w := range warnings {
		out = append(out, string(w.Kind)+": "+w.Text)
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// rows are values of SANDBOX_VOLUMES on one machine; "V" in an expectation stands for `SANDBOX_VOLUMES: entry `.
type row struct {
	value string
	want  []string
}

func checkRows(t *testing.T, h Host, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.value, func(t *testing.T) {
			t.Helper()
			for i := range r.want {
				r.want[i] = strings.ReplaceAll(r.want[i], "V#", "SANDBOX_VOLUMES: entry ")
			}
			expect(t, told(Given{Env: host.Env{"SANDBOX_VOLUMES": r.value}, Cwd: h.Cwd}.Resolve(h)), r.want...)
		})
	}
}

func TestCommasPartEntriesAndModes(t *testing.T) {
	checkRows(t, onMachine(t, "linux"), []row{
		{"/p:/w:ro,z", []string{"bind /p -> /w ro,z"}},
		{"/p:/w:ro , z , /d:/x", []string{"bind /p -> /w ro,z", "bind /d -> /x rw"}},
		{"/p:/w:ro,,z", []string{"bind /p -> /w ro,z"}},
		{"/p:/w:ro,,/d:bad", []string{`V#2 ("/d:bad"): container path "bad" is not absolute`, "hint: write /workspace/bad"}},
		{"/p:/w:ro\nz", []string{`V#2 ("z"): no container path`, "hint: write z:/workspace"}},
		{"/p:/w,ro", []string{`V#2 ("ro"): no container path`, `hint: write ro:/workspace, or /p:/w\,ro if the comma belongs to the path`}},
		{"\r\n /p:/w\r\n\r\n/d:/x\r\n", []string{"bind /p -> /w rw", "bind /d -> /x rw"}},
		{"/p:/w:ro,Z,z", []string{`V#1 ("/p:/w:ro,Z,z"): mode "ro,Z,z": z and Z contradict each other`, "hint: drop z or Z"}},
		{"/p:/w:ro,RSLAVE", []string{`V#1 ("/p:/w:ro,RSLAVE"): mode "RSLAVE": a folder mounted later on the host would appear in the sandbox`, "hint: drop rslave"}},
		{"/p:/w:nocopy", []string{`V#1 ("/p:/w:nocopy"): mode "nocopy": nocopy is for volumes, and the source is a path`, "hint: drop nocopy"}},
		{"/p:/w:overlai", []string{`V#1 ("/p:/w:overlai"): unknown mode "overlai"`, "hint: write overlay"}},
		{"/p:/w:exec", []string{`V#1 ("/p:/w:exec"): unknown mode "exec"`, "hint: write ro"}},
		{"/p:/w:u", []string{`V#1 ("/p:/w:u"): unknown mode "u"`, "hint: write ro"}},
	})
}

func TestQuotesAroundTheValueOrAnEntryAreTakenOff(t *testing.T) {
	checkRows(t, onMachine(t, "linux"), []row{
		{`"/p:/w,/d:/x"`, []string{"bind /p -> /w rw", "bind /d -> /x rw", `quoted: V#1 ("/p:/w"): the quotes around it were removed`}},
		{`'/p:/w',/d:/x`, []string{"bind /p -> /w rw", "bind /d -> /x rw", `quoted: V#1 ("/p:/w"): the quotes around it were removed`}},
		{`"/p:/w","/d:/x"`, []string{"bind /p -> /w rw", "bind /d -> /x rw",
			`quoted: V#1 ("/p:/w"): the quotes around it were removed`, `quoted: V#2 ("/d:/x"): the quotes around it were removed`}},
		{`"/p:/w`, []string{`V#1 (""/p:/w"): /home/me/proj/"/p does not exist`, `hint: mkdir -p '/home/me/proj/"/p'`}},
	})
}

func TestTheFirstTextErrorComesBeforeAnyOfTheHosts(t *testing.T) {
	checkRows(t, onMachine(t, "linux"), []row{
		{"/p:workspace", []string{`V#1 ("/p:workspace"): container path "workspace" is not absolute`, "hint: write /workspace"}},
		{"/nosuch:/w,/d:data,/e:e", []string{`V#2 ("/d:data"): container path "data" is not absolute`, "hint: write /workspace/data"}},
		{"/nosuch:/w,~/.ssh:/x", []string{`V#1 ("/nosuch:/w"): /nosuch does not exist`, "hint: mkdir -p /nosuch"}},
		{"/p:/w,/d:/w,/nosuch:/x", []string{`V#2 ("/d:/w"): container path "/w" is taken by V#1 ("/p:/w")`, "hint: write another container path"}},
		{"/p:data,/run/docker.sock:/x", []string{`V#1 ("/p:data"): container path "data" is not absolute`, "hint: write /workspace/data"}},
		{"/run/docker.sock:/proc:ro:ro", []string{`V#1 ("/run/docker.sock:/proc:ro:ro"): /run/docker.sock is a socket: whoever reaches it commands what listens there`, "hint: "}},
		{"/a:b", []string{`V#1 ("/a:b"): /a:b exists, and the colon in it needs a backslash`, `hint: write /a\:b:/workspace`}},
		{"/p:b:/w", []string{`V#1 ("/p:b:/w"): container path "b:/w" is a Windows path`, "hint: set MSYS_NO_PATHCONV=1 if Git Bash made it of /workspace, or write /workspace"}},
	})
}

func TestWhatAnEntryOfTheWrongShapeGets(t *testing.T) {
	long := strings.Repeat("n", 256)
	checkRows(t, onMachine(t, "linux"), []row{
		{":", []string{`V#1 (":"): no host path before the colon`, "hint: set the variable that stood there, or write /host/path:"}},
		{"/p::ro", []string{`V#1 ("/p::ro"): no container path after the colon`, "hint: write /p:/workspace"}},
		{"/p:/w\rx", []string{`V#1 ("/p:/w\x0dx"): "/w\x0dx" holds a line break or a zero byte`, "hint: write /workspace"}},
		{"/" + long + ":/w", []string{`V#1 ("/` + long + `:/w"): a name of 256 bytes, and 255 is the limit`, "hint: rename it"}},
		{"volume:a/b:/w", []string{`V#1 ("volume:a/b:/w"): "a/b" is neither a path nor a volume's name`, "hint: write a name of two or more letters, digits, or _ . -"}},
		{"volume:cache", []string{`V#1 ("volume:cache"): no container path`, "hint: write volume:cache:/workspace"}},
		{".git:/w", []string{`V#1 (".git:/w"): ".git" is neither a path nor a volume's name`, "hint: write ./.git for a folder here"}},
		{"/p:/workspace/../..", []string{`V#1 ("/p:/workspace/../.."): container path "/workspace/../.." is the root of the sandbox`, "hint: write /workspace"}},
		{"/p:/w/../lib64/x", []string{`V#1 ("/p:/w/../lib64/x"): container path "/w/../lib64/x" lies in /lib64, which belongs to the system inside`, "hint: write /workspace, or a folder below it"}},
		{"/p:/library", []string{"bind /p -> /library rw"}},
		{`/p:\w`, []string{`V#1 ("/p:\w"): container path "\w" is not absolute`, `hint: write /workspace/\w`}},
	})
}

func TestAnEntryTooManyIsNamed(t *testing.T) {
	var list []string
	for i := range 65 {
		list = append(list, fmt.Sprintf("/p:/w%d", i))
	}
	h := onMachine(t, "linux")
	want := []string{`SANDBOX_VOLUMES: entry 65 ("/p:/w64"): more than 64 entries`, "hint: mount a folder that holds them"}
	expect(t, told(Given{Env: host.Env{"SANDBOX_VOLUMES": strings.Join(list, ",")}}.Resolve(h)), want...)
	want[0] = `-v: entry 1 ("/d:/d"): more than 64 entries`
	expect(t, told(Given{Env: host.Env{"SANDBOX_VOLUMES": strings.Join(list[:64], ",")}, Flags: []string{"/d:/d"}}.Resolve(h)), want...)
}

func TestMountsInsideMounts(t *testing.T) {
	h := onMachine(t, "linux", "/p/sub/f file", "/p/away link:/etc")
	checkRows(t, h, []row{
		{"/d:/w/sub,/p:/w:ro", []string{"bind /p -> /w ro", "bind /d -> /w/sub rw"}},
		{"/p:/w:overlay,/d:/w/new", []string{"overlay /p -> /w overlay", "bind /d -> /w/new rw"}},
		{"cache:/w,/d:/w/new", []string{"volume cache -> /w rw", "bind /d -> /w/new rw"}},
		{"/p:/w,/d:/w/secrets,/p/file.txt:/w/secrets/f", []string{"bind /p -> /w rw", "bind /d -> /w/secrets rw", "bind /p/file.txt -> /w/secrets/f rw",
			`file: V#3 ("/p/file.txt:/w/secrets/f"): /p/file.txt is a single file: an editor that saves by renaming leaves the sandbox with the old one`,
			`creates-mountpoint: V#3 ("/p/file.txt:/w/secrets/f"): /d/f does not exist: berth makes it, as you, for /w/secrets/f`}},
		{"/p:/w:ro,/p/file.txt:/w/new:ro", []string{`V#2 ("/p/file.txt:/w/new:ro"): /p/new does not exist, and /w is read-only`, "hint: touch /p/new"}},
		{"/p:/w,/d:/w/file.txt", []string{`V#2 ("/d:/w/file.txt"): /p/file.txt is a file, and a folder cannot be mounted on it`, "hint: write another container path"}},
		{"/p:/w,/p/file.txt:/w/sub", []string{`V#2 ("/p/file.txt:/w/sub"): /p/sub is a folder, and a file cannot be mounted on it`, "hint: write another container path"}},
		{"/p/file.txt:/w,/d:/w/x", []string{`V#2 ("/d:/w/x"): container path "/w/x" lies below V#1 ("/p/file.txt:/w"), which is a file`, "hint: write another container path"}},
		{"/p:/w,/d:/w/away/x", []string{`V#2 ("/d:/w/away/x"): /p/away/x leads through a symlink, and the mount would land elsewhere`, "hint: write a container path without it"}},
	})
	mounts, _, err := Given{Env: host.Env{"SANDBOX_VOLUMES": "/p:/w,/d:/w/a/b"}}.Resolve(h)
	if want := (Mountpoint{Root: "/p", Rel: "a/b"}); err != nil || mounts[1].Mountpoint != want {
		t.Errorf("%+v, %v, want %+v", mounts, err, want)
	}
}

func TestAReadOnlyMountThatCanBeWrittenElsewhereIsAHole(t *testing.T) {
	h := onMachine(t, "linux", "/alias same:/p")
	hole := func(entry, source, ro, rw string) string {
		return fmt.Sprintf("ro-hole: V#2 (%q): %s is read-only at %s, and can be written through %s", entry, source, ro, rw)
	}
	checkRows(t, h, []row{
		{"/p:/w,/p/secrets:/x:ro", []string{"bind /p -> /w rw", "bind /p/secrets -> /x ro", hole("/p/secrets:/x:ro", "/p/secrets", "/x", "/w")}},
		{"/p:/w,/p/secrets:/w/secrets:ro", []string{"bind /p -> /w rw", "bind /p/secrets -> /w/secrets ro"}}, // an island covers the way to it
		{"/p:/w,/alias/secrets:/x:ro", []string{"bind /p -> /w rw", "bind /alias/secrets -> /x ro", hole("/alias/secrets:/x:ro", "/alias/secrets", "/x", "/w")}},
		{"/p/secrets:/w,/p:/x:ro", []string{"bind /p/secrets -> /w rw", "bind /p -> /x ro"}}, // what is above is not written
		{"/p:/w:overlay,/p:/x:ro", []string{"overlay /p -> /w overlay", "bind /p -> /x ro"}},
	})
}

func TestOneContainerPathIsUsedOnce(t *testing.T) {
	h := onMachine(t, "linux", "/again link:/p")
	h.Own = []OwnTarget{{"/home", "the home volume"}, {"/tmp", "a tmpfs"}}
	checkRows(t, h, []row{
		{"/p:/w,/again:/w/", []string{"bind /p -> /w rw", `symlink: V#2 ("/again:/w/"): /again leads through a symlink: /p is mounted`, `repeated: V#2 ("/again:/w/"): says the same as V#1 ("/p:/w")`}},
		{"/p:/w,/p:/w:ro", []string{`V#2 ("/p:/w:ro"): container path "/w" is taken by V#1 ("/p:/w")`, "hint: write another container path"}},
		{"/p:/tmp", []string{`V#1 ("/p:/tmp"): container path "/tmp" is taken by a tmpfs`, "hint: write another container path"}},
		{"/p:/tmp/x", []string{"bind /p -> /tmp/x rw"}},
	})
}

func TestFoldersTheImageFillsAreWarnedOf(t *testing.T) {
	checkRows(t, onMachine(t, "linux"), []row{
		{"/p:/opt", []string{"bind /p -> /opt rw", `hides-image: V#1 ("/p:/opt"): what the image has at /opt is hidden`}},
		{"cache:/home/agent/x", []string{"volume cache -> /home/agent/x rw", `hides-image: V#1 ("cache:/home/agent/x"): what the image has at /home/agent/x is hidden`}},
		{"/p:/opt/x", []string{"bind /p -> /opt/x rw"}},
	})
}

func TestAVolumeMayBeABindInDisguise(t *testing.T) {
	h := onMachine(t, "linux")
	h.Volumes["fine"] = VolumeInfo{Driver: "local", Options: map[string]string{"o": "bind", "device": "/p"}}
	h.Volumes["disk"] = VolumeInfo{Driver: "local", Options: map[string]string{"type": "ext4", "device": "/dev/sda1"}}
	h.Volumes["layers"] = VolumeInfo{Options: map[string]string{"type": "overlay", "device": "overlay", "o": "lowerdir=/p:/home/me/.ssh,upperdir=/d"}}
	h.Volumes["nfs"] = VolumeInfo{Driver: "local", Options: map[string]string{"type": "nfs", "o": "addr=10.0.0.1", "device": ":/export"}}
	h.Volumes["plugin"] = VolumeInfo{Driver: "ceph", Options: map[string]string{"device": "/etc"}}
	refused := func(entry, name, reason string) []string {
		return []string{fmt.Sprintf("V#1 (%q): the volume %q is a folder of the host: %s", entry, name, reason), "hint: "}
	}
	checkRows(t, h, []row{
		{"fine:/w", []string{"volume fine -> /w rw"}},
		{"nfs:/w", []string{"volume nfs -> /w rw"}},
		{"plugin:/w", []string{"volume plugin -> /w rw"}},
		{"brandnew:/w", []string{"volume brandnew -> /w rw"}},
		{"disk:/w", refused("disk:/w", "disk", "/dev/sda1 lies inside /dev, which belongs to the system and is never mounted")},
		{"volume:layers:/w", refused("volume:layers:/w", "layers", "/home/me/.ssh holds SSH keys and is not mounted")},
	})
	h.Allow = []string{"/home/me/.ssh"}
	checkRows(t, h, []row{{"layers:/w", []string{"volume layers -> /w rw"}}})
}

func TestAllowPathsGivesUpExactlyOnePathAndIsShown(t *testing.T) {
	h := onMachine(t, "linux")
	h.Allow = []string{"/home/me/.ssh/", "/home/me", "/home/me/.local/state/berth"}
	mounts, _, err := Given{Env: host.Env{"SANDBOX_VOLUMES": "~/.ssh:/s:ro"}}.Resolve(h)
	if want := "/home/me/.ssh holds SSH keys and is not mounted"; err != nil || mounts[0].Softened != want {
		t.Errorf("%+v, %v, want softened %q", mounts, err, want)
	}
	checkRows(t, h, []row{
		{"~/.ssh/keys:/s:ro", []string{`V#1 ("~/.ssh/keys:/s:ro"): /home/me/.ssh/keys lies inside /home/me/.ssh, which holds SSH keys and is not mounted`,
			`hint: --allow-path /home/me/.ssh/keys, or allow_paths = ["/home/me/.ssh/keys"] in your own configuration`}},
		{"~:/h", []string{`V#1 ("~:/h"): /home/me is a home folder and is never mounted`, "hint: "}},
		{"~/.local/state/berth:/h", []string{`V#1 ("~/.local/state/berth:/h"): /home/me/.local/state/berth is berth's own and is never mounted`, "hint: "}},
	})
}

func TestMountsBelowASourceAreLeftOutOrRefuseIt(t *testing.T) {
	h := onMachine(t, "linux", "/srv/data dir", "/srv/in/keys dir")
	h.Mounts = append(h.Mounts, host.MountPoint{Point: "/srv/data", Device: "8:1", Root: "/"})
	checkRows(t, h, []row{
		{"/srv:/w", []string{"bind /srv -> /w rw", `submount: V#1 ("/srv:/w"): /srv/data is a mount of its own and left out: give it an entry of its own`}},
		{"/srv/data:/w", []string{"bind /srv/data -> /w rw"}},
	})
	h.Mounts = append(h.Mounts, host.MountPoint{Point: "/srv/in/keys", Device: "254:0", Root: "/home/me/.ssh/keys"})
	checkRows(t, h, []row{{"/srv/in:/w", []string{
		`V#1 ("/srv/in:/w"): /srv/in contains /srv/in/keys, which is also /home/me/.ssh/keys, which lies inside /home/me/.ssh, which holds SSH keys and is not mounted`,
		`hint: --allow-path /srv/in, or allow_paths = ["/srv/in"] in your own configuration`}}})
}

func TestAFolderInsideWhatASandboxWritesIsRefused(t *testing.T) {
	h := onMachine(t, "linux")
	h.Lent = []string{"/p"}
	checkRows(t, h, []row{
		{"/p:/w", []string{"bind /p -> /w rw"}},
		{"/p/sub:/w", []string{`V#1 ("/p/sub:/w"): /p/sub lies inside /p, which a sandbox can write and may have swapped: mount /p itself`, "hint: "}},
	})
}

func TestSocketsTwoLevelsDeepRefuseTheFolder(t *testing.T) {
	hint := `hint: --allow-path /p, or allow_paths = ["/p"] in your own configuration`
	for files, want := range map[string][]string{
		"/p/a/s socket":                           {`V#1 ("/p:/w"): /p contains the socket /p/a/s, through which the host may be reached`, hint},
		"/p/sda device":                           {`V#1 ("/p:/w"): /p contains the device /p/sda, through which the host may be reached`, hint},
		"/p/a/b/s socket":                         {"bind /p -> /w rw"},
		"/p/.git/fsmonitor--daemon.ipc socket":    {"bind /p -> /w rw"},
		"/p/renamed same:/run/docker.sock":        {`V#1 ("/p:/w"): /p contains the socket /p/renamed: whoever reaches it commands this machine`, "hint: "},
		"/p/sub/fsmonitor--daemon.ipc socket":     {`V#1 ("/p:/w"): /p contains the socket /p/sub/fsmonitor--daemon.ipc, through which the host may be reached`, hint},
		"/home/me/.gnupg/S.gpg-agent socket":      {"bind /p -> /w rw"},
		"/p/agent same:/home/me/p/agent.sock.dir": {"bind /p -> /w rw"},
	} {
		h := onMachine(t, "linux", files)
		checkRows(t, h, []row{{"/p:/w", want}})
	}
}

func TestPodmanTakesCommasTheOlderWayAndNoColonBesideThem(t *testing.T) {
	h := onMachine(t, "podman", "/a,b:c dir", "/d:e dir")
	checkRows(t, h, []row{
		{`/d\:e:/w`, []string{"bind /d:e -> /w rw"}},
		{`/a\,b\:c:/w`, []string{`V#1 ("/a\,b\:c:/w"): /a,b:c has a colon beside a comma or quote, and Podman can take only one of them`, "hint: "}},
	})
}

func TestLabelsAreGuardedWhereSELinuxIsOn(t *testing.T) {
	h := onMachine(t, "linux", "/m dir")
	h.Engine.SELinux = true
	h.Mounts = append(h.Mounts, host.MountPoint{Point: "/m", Device: "8:1", Root: "/"})
	checkRows(t, h, []row{
		{"/p:/w", []string{"bind /p -> /w rw", `selinux: V#1 ("/p:/w"): SELinux may deny access to /p: if so, write /p:/w:rw,z`}},
		{"/p:/w:Z", []string{"bind /p -> /w rw,Z", `selinux: V#1 ("/p:/w:Z"): SELinux labels of /p and all below are changed for good`}},
		{"/m:/w:ro,z", []string{`V#1 ("/m:/w:ro,z"): mode "z" would relabel /m, which is a whole file system`, "hint: "}},
	})
	h.UID = 1001
	checkRows(t, h, []row{{"/p:/w:z", []string{`V#1 ("/p:/w:z"): mode "z" would relabel /p, which belongs to user 1000`, "hint: "}}})
}

func TestWindowsPathsMeanWhatTheyMeanThere(t *testing.T) {
	wsl := onMachine(t, "wsl", "/mnt/c/Users/me/.ssh dir", "/mnt/d/work dir", "/mnt/c/Users/me/rel dir")
	wsl.Cwd = "/mnt/c/Users/me"
	checkRows(t, wsl, []row{
		{`D:\work:/w`, []string{"bind /mnt/d/work -> /w rw"}},
		{`d:/work:/w:ro`, []string{"bind /mnt/d/work -> /w ro"}},
		{`./rel:/w`, []string{"bind /mnt/c/Users/me/rel -> /w rw"}},
		{`C:\:/w`, []string{`V#1 ("C:\:/w"): /mnt/c is a whole drive and is never mounted`, "hint: "}},
		{`C:\Users:/w`, []string{`V#1 ("C:\Users:/w"): /mnt/c/Users holds everybody's home and is never mounted`, "hint: "}},
		{`C:\Users\me\.ssh:/w`, []string{`V#1 ("C:\Users\me\.ssh:/w"): /mnt/c/Users/me/.ssh holds SSH keys and is not mounted`,
			`hint: --allow-path /mnt/c/Users/me/.ssh, or allow_paths = ["/mnt/c/Users/me/.ssh"] in your own configuration`}},
		{`C:\Users\me\AppData\Roaming:/w`, []string{`V#1 ("C:\Users\me\AppData\Roaming:/w"): /mnt/c/Users/me/AppData/Roaming lies inside /mnt/c/Users/me/AppData, which holds programs' sign-ins and is not mounted`,
			`hint: --allow-path /mnt/c/Users/me/AppData/Roaming, or allow_paths = ["/mnt/c/Users/me/AppData/Roaming"] in your own configuration`}},
		{`\\WSL$\ubuntu\p:/w`, []string{"bind /p -> /w rw"}},
	})
	windows := onMachine(t, "windows", `C:\Users\me\p\sub dir`, `C:\Users\me\.ssh dir`)
	checkRows(t, windows, []row{
		{`.\sub:/w`, []string{`bind C:\Users\me\p\sub -> /w rw`}},
		{`~\p:/w`, []string{`bind C:\Users\me\p -> /w rw`}},
		{`c:/users/ME/p:/w`, []string{`bind c:\users\ME\p -> /w rw`}},
		{`C:\Users\me:/w`, []string{`V#1 ("C:\Users\me:/w"): C:\Users\me is a home folder and is never mounted`, "hint: "}},
		{`c:\users\ME\.ssh:/w`, []string{`V#1 ("c:\users\ME\.ssh:/w"): c:\users\ME\.ssh holds SSH keys and is not mounted`,
			`hint: --allow-path 'c:\users\ME\.ssh', or allow_paths = ["c:\users\ME\.ssh"] in your own configuration`}},
		{`C:\:/w`, []string{`V#1 ("C:\:/w"): C:\ is a whole drive and is never mounted`, "hint: "}},
		{`\\wsl$\Ubuntu\p:/w`, []string{`V#1 ("\\wsl$\Ubuntu\p:/w"): "\\wsl$\Ubuntu\p" names a WSL distribution, and this is not WSL`, "hint: write the full path of a folder on this machine"}},
	})
}

func TestLayersReplaceAndAdd(t *testing.T) {
	h := onMachine(t, "linux")
	files, err := Parse("/d:/file", Origin{File: "/home/me/.config/berth/config.toml", Line: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		given Given
		want  []string
	}{
		{"nothing: the current folder", Given{}, []string{"bind /home/me/proj -> /workspace rw"}},
		{"a file", Given{Files: files}, []string{"bind /d -> /file rw"}},
		{"a file that asks for nothing", Given{Files: []Entry{}}, nil},
		{"the environment replaces the file's", Given{Files: files, Env: host.Env{"SANDBOX_VOLUMES": "/p:/env"}}, []string{"bind /p -> /env rw"}},
		{"even when empty", Given{Files: files, Env: host.Env{"SANDBOX_VOLUMES": ""}}, nil},
		{"BERTH_VOLUMES beats SANDBOX_VOLUMES", Given{Env: host.Env{"SANDBOX_VOLUMES": "/p:/s", "BERTH_VOLUMES": "/p:/b"}}, []string{"bind /p -> /b rw"}},
		{"a flag adds", Given{Files: files, Flags: []string{"/p:/flag"}}, []string{"bind /d -> /file rw", "bind /p -> /flag rw"}},
		{"a flag alone", Given{Flags: []string{"/p:/flag"}}, []string{"bind /p -> /flag rw"}},
		{"flags are numbered through", Given{Flags: []string{"/p:/flag", "/d:/e,bad"}},
			[]string{`-v: entry 3 ("bad"): no container path`, `hint: write bad:/workspace, or /d:/e\,bad if the comma belongs to the path`}},
		{"a file's error has its line", Given{Files: append(files, files[0]), Flags: []string{"/p:/file"}},
			[]string{`-v: entry 1 ("/p:/file"): container path "/file" is taken by /home/me/.config/berth/config.toml:3: entry 1 ("/d:/file")`, "hint: write another container path"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.given.Cwd = h.Cwd
			expect(t, told(c.given.Resolve(h)), c.want...)
		})
	}
}

func TestTablesSayTheSameWithoutEscapes(t *testing.T) {
	h := onMachine(t, "linux", "/cfg/sub dir", "/a,b:c dir", "/cfg/ lead dir")
	origin := Origin{File: "/cfg/config.toml", Line: 7, Entry: 2}
	for _, c := range []struct {
		table Table
		want  []string
	}{
		{Table{Source: "/a,b:c", Target: "/w", Mode: []string{"ro", "z"}}, []string{"bind /a,b:c -> /w ro,z"}},
		{Table{Source: "./sub", Target: "/w"}, []string{"bind /cfg/sub -> /w rw"}},
		{Table{Source: " lead", Target: "/w"}, []string{"bind /cfg/ lead -> /w rw"}},
		{Table{Source: "cache", Target: "/w", Mode: []string{"nocopy"}}, []string{"volume cache -> /w rw,nocopy"}},
		{Table{Source: "volume:cache", Target: "/w"}, []string{"volume cache -> /w rw"}},
		{Table{Source: "/p", Target: "w"}, []string{`/cfg/config.toml:7: entry 2 ("/p:w"): container path "w" is not absolute`, "hint: write /workspace/w"}},
		{Table{Source: "/p\n/d", Target: "/w"}, []string{`/cfg/config.toml:7: entry 2 ("/p\x0a/d:/w"): "/p\x0a/d" holds a line break or a zero byte`, "hint: rename it"}},
		{Table{Source: "/p", Target: "/w", Mode: []string{"readonly"}}, []string{`/cfg/config.toml:7: entry 2 ("/p:/w:readonly"): unknown mode "readonly"`, "hint: write ro"}},
	} {
		e, err := c.table.Entry(origin)
		if err != nil {
			expect(t, told(nil, nil, err), c.want...)
			continue
		}
		expect(t, told(Resolve([]Entry{e}, h)), c.want...)
	}
}

func TestDeprecatedNamesHoldOnePathEach(t *testing.T) {
	h := onMachine(t, "linux", "/x/sub dir")
	for _, c := range []struct {
		name string
		env  host.Env
		want []string
	}{
		{"a colon is a colon", host.Env{"WORKSPACE_BASE": "/a:b"},
			[]string{"bind /a:b -> /workspace rw", `deprecated: WORKSPACE_BASE ("/a:b"): the name is deprecated: write SANDBOX_VOLUMES='/a\:b:/workspace'`}},
		{"a bare word is a folder", host.Env{"WORKSPACE_MOUNT_PATH": "data"},
			[]string{"bind /home/me/proj/data -> /workspace rw", `deprecated: WORKSPACE_MOUNT_PATH ("data"): the name is deprecated: write SANDBOX_VOLUMES=./data:/workspace`}},
		{"the first match is rewritten", host.Env{"WORKSPACE_BASE": "/app/sub", "WORKSPACE_MOUNT_REWRITE": "/app:/x"},
			[]string{"bind /x/sub -> /workspace rw", `deprecated: WORKSPACE_BASE ("/app/sub"): the name is deprecated: write SANDBOX_VOLUMES=/x/sub:/workspace`,
				`deprecated: WORKSPACE_MOUNT_REWRITE ("/app:/x"): the name is deprecated: write SANDBOX_VOLUMES=/x/sub:/workspace`}},
		{"a rewrite has two sides", host.Env{"WORKSPACE_BASE": "/p", "WORKSPACE_MOUNT_REWRITE": "/a:/b:/c"},
			[]string{`WORKSPACE_MOUNT_REWRITE ("/a:/b:/c"): not of the form from:to`, "hint: write SANDBOX_VOLUMES=/host/path:/workspace instead"}},
		{"the target is checked", host.Env{"WORKSPACE_BASE": "/p", "WORKSPACE_MOUNT_PATH_IN_SANDBOX": "/usr/x"},
			[]string{`WORKSPACE_MOUNT_PATH_IN_SANDBOX ("/usr/x"): container path "/usr/x" lies in /usr, which belongs to the system inside`, "hint: write /workspace, or a folder below it"}},
		{"the path is checked", host.Env{"WORKSPACE_BASE": "~bob/x"},
			[]string{`WORKSPACE_BASE ("~bob/x"): "~bob/x": only ~ and ~/ mean a home folder`, "hint: write the full path"}},
		{"a target without a path counts for nothing", host.Env{"WORKSPACE_MOUNT_PATH_IN_SANDBOX": "/w"},
			[]string{"bind /home/me/proj -> /workspace rw", `ignored: WORKSPACE_MOUNT_PATH_IN_SANDBOX ("/w"): it is ignored, because neither WORKSPACE_MOUNT_PATH nor WORKSPACE_BASE is set`}},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, told(Given{Env: c.env, Cwd: h.Cwd}.Resolve(h)), c.want...) })
	}
}

func TestSocketsOfTheEnvironmentAreKnown(t *testing.T) {
	got := socketsNamed(host.Env{"SSH_AUTH_SOCK": "/tmp/ssh/agent.1", "DOCKER_HOST": "unix:///x/d.sock", "CONTAINER_HOST": "tcp://1.2.3.4:1", "XDG_RUNTIME_DIR": "/run/user/7",
		"WAYLAND_DISPLAY": "wayland-3", "DISPLAY": ":5.0"})
	for _, want := range []string{"/tmp/ssh/agent.1", "/x/d.sock", "/run/user/7/wayland-3", "/run/user/7/podman/podman.sock", "/tmp/.X11-unix/X5"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing from %v", want, got)
		}
	}
	if slices.ContainsFunc(got, func(p string) bool { return !strings.HasPrefix(p, "/") }) {
		t.Errorf("not all are paths: %v", got)
	}
}

func TestOnlyOverlayAndVolumesComeLater(t *testing.T) {
	for _, m := range []Mount{{Kind: Overlay, Given: "./p"}, {Kind: Volume, Given: "cache"}} {
		if err := Unsupported(m); err == nil || fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "comes with a later version") && !strings.Contains(err.Error(), "come with a later version") {
			t.Errorf("%s: %v", m.Kind, err)
		}
	}
	if err := Unsupported(Mount{Kind: Bind, ReadOnly: true}); err != nil {
		t.Errorf("a bind: %v", err)
	}
}

func TestAccessGoesByOwnerAndBits(t *testing.T) {
	for _, c := range []struct {
		mode     fs.FileMode
		uid, gid int
		ro       bool
		want     string
	}{
		{0o755, 1000, 1000, false, ""},
		{0o755, 1001, 1000, false, "can read it and not write it"},
		{0o755, 1001, 1001, true, ""},
		{0o700, 1001, 1000, true, "cannot read it"},
		{0o744, 1001, 1001, true, "cannot read it"}, // no search bit
		{0o775, 1001, 1000, false, ""},
		{0o700, 0, 0, false, "cannot read it"}, // root without capabilities
	} {
		m := Mount{Kind: Bind, Source: "/p", ReadOnly: c.ro, Origin: Origin{Variable: "V", Entry: 1, Text: "/p:/w"}, Stat: host.File{Kind: host.Dir, UID: 1000, GID: 1000, Mode: c.mode}}
		w, warned := CheckAccess(m, c.uid, c.gid)
		want := fmt.Sprintf(`V: entry 1 ("/p:/w"): /p belongs to 1000:1000, mode %04o: the sandbox runs as %d:%d and %s`, c.mode, c.uid, c.gid, c.want)
		if warned != (c.want != "") || warned && w.Text != want {
			t.Errorf("%04o as %d:%d: %v %q, want %q", c.mode, c.uid, c.gid, warned, w.Text, want)
		}
	}
}
