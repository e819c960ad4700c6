package host

import (
	"slices"
	"testing"
)

func TestEnvironmentIsReadAsTheListSaysIt(t *testing.T) {
	got := environ([]string{"A=1", "B=", "C=x=y", "broken", "=C:=C:\\"})
	want := Env{"A": "1", "B": "", "C": "x=y"}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for name, value := range want {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s = %q, %v, want %q", name, v, ok, value)
		}
	}
}

func TestSudoNumbersThatAreNoneCountAsNobody(t *testing.T) {
	for text, want := range map[string]int{"1000": 1000, "": 0, "me": 0, "-1": 0, "99999999999": 0} {
		if got := id(text); got != want {
			t.Errorf("id(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestHomesAreEachKeptOnceAndTheRootIsNone(t *testing.T) {
	got := homes("/home/me/", "/home/me", "", "relative", "/", "/srv/other")
	if want := []string{"/home/me", "/srv/other"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReadFindsThisProcess(t *testing.T) {
	t.Setenv("HOME", "relative")
	t.Setenv("SUDO_UID", "1234")
	f := Read()
	if f.Cwd == "" || f.OS == "" || f.Env["SUDO_UID"] != "1234" || f.SudoUID != 1234 {
		t.Errorf("got %+v", f)
	}
	if f.Home == "relative" {
		t.Error("a relative HOME was taken")
	}
}

func TestWSLIsToldByTheKernelNotByAVariable(t *testing.T) {
	env := Env{"WSL_DISTRO_NAME": "Ubuntu"}
	if w := wslFrom("6.1.0-13-amd64\n", "", env); w.Present() {
		t.Errorf("an ordinary kernel gave %+v", w)
	}
	if w := wslFrom("5.15.153.1-microsoft-standard-WSL2\n", "", env); w != (WSL{Distro: "Ubuntu", Automount: "/mnt/"}) {
		t.Errorf("got %+v", w)
	}
}

func TestAutomountRootIsReadFromItsSectionOnly(t *testing.T) {
	for conf, want := range map[string]string{
		"":                                    "/mnt/",
		"[automount]\nroot = /windir/\n":      "/windir/",
		"[automount]\n# x\nRoot=\"/win\"\r\n": "/win/",
		"[network]\nroot=/no\n":               "/mnt/",
		"[automount]\nroot=/\n":               "/",
		"[automount]\nenabled=true\n[user]\nroot=/no": "/mnt/",
	} {
		if got := automountRoot(conf); got != want {
			t.Errorf("%q gave %q, want %q", conf, got, want)
		}
	}
}

func TestMountInfoIsReadWithItsEscapes(t *testing.T) {
	text := "22 28 0:21 / /proc rw,nosuid shared:14 - proc proc rw\n" +
		"36 28 254:0 /home/me/.ssh/a\\040b /mnt/k\\134x rw - ext4 /dev/vda rw,errors=remount-ro\n" +
		"short line\n"
	want := []MountPoint{
		{Point: "/proc", Device: "0:21", Root: "/", FSType: "proc"},
		{Point: `/mnt/k\x`, Device: "254:0", Root: "/home/me/.ssh/a b", FSType: "ext4"},
	}
	if got := parseMountInfo(text); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
