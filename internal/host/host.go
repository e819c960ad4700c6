// Package host reads the machine berth runs on, its user, folders and file system, and hands them on as values; it knows nothing of Docker.
package host

import (
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Env is an environment as a value; a name that is not in it is not set.
type Env map[string]string

// Facts is what planning may know of the machine and of who started berth.
type Facts struct {
	UID, GID         int    // of the process; -1 on Windows
	SudoUID, SudoGID int    // who called sudo; 0 when nobody did
	Username         string // "" for a uid without a name
	Home             string // $HOME, else the home of the user's passwd entry; "" when neither is there
	Homes            []string
	// Homes holds every home whose secrets are the user's: Home, the passwd
	// entry's (they differ when HOME is set by hand) and that of who called sudo.
	Cwd      string // "" when it was removed
	Hostname string
	OS, Arch string // as GOOS and GOARCH
	WSL      WSL    // zero outside WSL
	Env      Env
	Mounts   []MountPoint   // empty where the system has no mountinfo
	Routes   []netip.Prefix // IPv4 ranges this machine has routes to, the default left out; empty where unknown
}

// Read asks the machine. What cannot be found is left empty: whoever needs it says so.
func Read() Facts {
	env := environ(os.Environ())
	f := Facts{UID: os.Getuid(), GID: os.Getgid(), OS: runtime.GOOS, Arch: runtime.GOARCH, Env: env}
	f.SudoUID, f.SudoGID = id(env["SUDO_UID"]), id(env["SUDO_GID"])
	f.Cwd, _ = os.Getwd()
	f.Hostname, _ = os.Hostname()
	f.WSL = readWSL(env)
	f.Mounts = readMountInfo()
	f.Routes = readRoutes()
	f.fillUser()
	return f
}

func environ(list []string) Env {
	env := Env{}
	for _, pair := range list {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}

// id reads a uid or gid; 0 for anything that is not one.
func id(text string) int {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

func (f *Facts) fillUser() {
	f.Home = f.Env["HOME"]
	if f.OS == "windows" {
		f.Home = f.Env["USERPROFILE"]
	}
	if !filepath.IsAbs(f.Home) {
		f.Home = ""
	}
	var passwd string
	if u, err := user.LookupId(strconv.Itoa(f.UID)); err == nil {
		f.Username, passwd = u.Username, u.HomeDir
	} else if u, err := user.Current(); err == nil {
		f.Username, passwd = u.Username, u.HomeDir
	}
	if f.Home == "" && filepath.IsAbs(passwd) {
		f.Home = passwd
	}
	f.Homes = homes(f.Home, passwd, f.sudoHome())
}

func (f *Facts) sudoHome() string {
	if f.SudoUID == 0 {
		return ""
	}
	u, err := user.LookupId(strconv.Itoa(f.SudoUID))
	if err != nil {
		return ""
	}
	return u.HomeDir
}

// homes keeps each folder once. "/" is no home: system users have it, and the deny list holds it anyway.
func homes(candidates ...string) []string {
	var out []string
	for _, dir := range candidates {
		if filepath.IsAbs(dir) && filepath.Clean(dir) != "/" && !slices.Contains(out, filepath.Clean(dir)) {
			out = append(out, filepath.Clean(dir))
		}
	}
	return out
}
