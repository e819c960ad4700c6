package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entry is one of an archive that a hostile sandbox sends.
type entry struct {
	kind       byte
	name, text string // text is the target of a link, or the content
}

func archiveOf(t *testing.T, entries []entry) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		head := tar.Header{Typeflag: e.kind, Name: e.name, Mode: 0o644}
		if e.kind == tar.TypeSymlink {
			head.Linkname = e.text
		}
		if e.kind == tar.TypeReg {
			head.Size = int64(len(e.text))
		}
		if err := w.WriteHeader(&head); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := w.Write([]byte(e.text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestAnArchiveWritesNothingBesideWhatWasAskedFor(t *testing.T) {
	folder := func(name string) entry { return entry{tar.TypeDir, name, ""} }
	link := func(name, target string) entry { return entry{tar.TypeSymlink, name, target} }
	file := func(name string) entry { return entry{tar.TypeReg, name, "evil"} }
	linkOut, onTheWay := "all is copied but the links that lead out of the folder: ", ": a link is on the way to it, and links are not followed"
	for name, c := range map[string]struct {
		entries []entry
		refused string // the sentence; from a slash on, behind the folder's own path
	}{
		"a link in place of the file":   {[]entry{link("x", ".bashrc"), file("x")}, "/x: it is a link; copy what it leads to"},
		"a link beside the folder":      {[]entry{folder("x"), link("x/a", "../.bashrc"), file("x/a")}, linkOut + "a"},
		"an absolute link":              {[]entry{folder("x"), link("x/a", "/etc"), file("x/b")}, linkOut + "a"},
		"a link that another one lifts": {[]entry{folder("x"), folder("x/d"), folder("x/d/e"), link("x/d/e/up", "../.."), link("x/w", "d/e/up/..")}, linkOut + "w"},
		"a file behind a link":          {[]entry{folder("x"), folder("x/d"), link("x/l", "d"), file("x/l/f")}, "/x/l/f" + onTheWay},
		"a file without its folder":     {[]entry{file("x/f")}, "/x/f: the sandbox sent no folder for it"},
		"a file over a link in it":      {[]entry{folder("x"), folder("x/d"), link("x/d/l", "../kept"), file("x/d/l")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			precious := filepath.Join(home, ".bashrc")
			if err := os.WriteFile(precious, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := unpack(archiveOf(t, c.entries), home, "x", "x")
			want := c.refused
			if strings.HasPrefix(want, "/") {
				want = home + want
			}
			if want != "" && (err == nil || err.Error() != want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if text, err := os.ReadFile(precious); err != nil || string(text) != "mine" {
				t.Errorf(".bashrc holds %q, %v", text, err)
			}
		})
	}
}

func TestALinkOfTheUsersIsNeitherFollowedNorReplaced(t *testing.T) {
	home := t.TempDir()
	if err := os.Symlink(".bashrc", filepath.Join(home, "x")); err != nil {
		t.Fatal(err)
	}
	err := unpack(archiveOf(t, []entry{{tar.TypeReg, "x", "text"}}), home, "x", "x")
	if want := home + "/x: a link lies there; name another target"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAFolderIsCopiedWithTheLinksInIt(t *testing.T) {
	home := t.TempDir()
	err := unpack(archiveOf(t, []entry{
		{tar.TypeDir, "x/", ""}, {tar.TypeDir, "x/d/", ""}, {tar.TypeReg, "x/d/f", "text"}, {tar.TypeSymlink, "x/d/l", "../d/f"}, {tar.TypeSymlink, "x/top", "."},
	}), home, "x", "y")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(home, "y", "top", "d", "l")); err != nil || string(text) != "text" {
		t.Errorf("got %q, %v", text, err)
	}
}
