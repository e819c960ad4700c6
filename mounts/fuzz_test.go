package mounts

import (
	"hash/fnv"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"berth/internal/host"
)

// everything is a file system in which every path is a folder, but for those that end in "!".
type everything struct{}

func (everything) Lstat(p string) (host.File, error) {
	if strings.HasSuffix(p, "!") {
		return host.File{}, fs.ErrNotExist
	}
	hash := fnv.New64()
	hash.Write([]byte(p))
	return host.File{Kind: host.Dir, Device: 1, Inode: hash.Sum64()}, nil
}
func (everything) Readlink(string) (string, error)         { return "", fs.ErrInvalid }
func (everything) ReadDir(string) ([]host.DirEntry, error) { return nil, nil }

// An accepted value prints and parses to the same mounts; a refused one says where, with a piece that stands there.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"/p:/workspace", "/p:/w:ro,z,/d:/x", `/a\,b:/w`, `/a\\,b:/w\\:ro`, `/a\ :/w`, `"/p:/w","x y:/z"`, `"./a:/w":ro`, "'~/p':/w",
		`C:\dir\:/w`, `\\wsl$\U\x:/w`, "volume:ca:/c:nocopy", "volume:/w", "a/b\r\n:/w", "/p:/w:ro,,z", "/p:b:/w", "$X:/w", "%A%:/w", ":::", "/p!:/w:O", "./ a:/w", "\xff:/w", "/p:/w:,"} {
		f.Add(seed)
	}
	machines := []Host{
		{Files: everything{}, OS: "linux", Home: "/home/me", Cwd: "/home/me/p"},
		{Files: everything{}, OS: "linux", Home: "/home/me", Cwd: "/home/me/p", WSL: host.WSL{Distro: "U", Automount: "/mnt/"}},
		{Files: everything{}, OS: "windows", Home: `C:\Users\me`, Cwd: `C:\Users\me\p`},
	}
	f.Fuzz(func(t *testing.T, value string) {
		entries, err := Parse(value, Origin{Variable: "V"})
		if err != nil {
			checkPlace(t, value, err)
			return
		}
		again, err := Parse(printed(entries), Origin{Variable: "V"})
		if err != nil {
			t.Fatalf("%q prints as %q, which is refused: %v", value, printed(entries), err)
		}
		for _, h := range machines {
			first, second := outcome(t, value, entries, h), outcome(t, value, again, h)
			if !slices.Equal(first, second) {
				t.Fatalf("%q prints as %q on %s\n got %q\nwant %q", value, printed(entries), h.OS, second, first)
			}
		}
	})
}

func printed(entries []Entry) string {
	var out []string
	for _, e := range entries {
		out = append(out, e.String())
	}
	return strings.Join(out, ",")
}

// outcome is what a list of entries comes to: its mounts, or the kind of its error.
func outcome(t *testing.T, value string, entries []Entry, h Host) []string {
	mounts, _, err := Resolve(entries, h)
	if err != nil {
		p, _ := problemOf(err)
		if !utf8.ValidString(p.Error()) || strings.ContainsAny(p.Error(), "\n\r\x00\x1b") {
			t.Fatalf("%q: the message %q is not one plain line", value, p.Error())
		}
		return []string{string(p.Kind)}
	}
	var out []string
	for _, m := range mounts {
		if !strings.HasPrefix(m.Target, "/") || m.Target == "/" || m.Source == "" {
			t.Fatalf("%q gave the mount %+v", value, m)
		}
		out = append(out, strings.Join([]string{string(m.Kind), m.Source, m.Target, Mode{ReadOnly: m.ReadOnly, SELinux: m.SELinux, NoCopy: m.NoCopy}.String()}, "\x00"))
	}
	return out
}

func checkPlace(t *testing.T, value string, err error) {
	p, ok := problemOf(err)
	if !ok || p.Kind == "" || p.Entry < 1 {
		t.Fatalf("%q gave an error without a place: %v", value, err)
	}
	if !strings.HasPrefix(string([]rune(value)[p.Column-1:]), string([]rune(p.Token))) {
		t.Fatalf("%q: column %d does not begin with %q", value, p.Column, p.Token)
	}
	if !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
		t.Fatalf("%q: the message %q is not one plain line", value, err.Error())
	}
}
