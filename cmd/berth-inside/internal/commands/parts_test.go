package commands

import (
	"archive/tar"
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// do runs a command in this process, on texts.
func do(name, stdin string, args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	p := &Proc{Name: name, Args: args, In: strings.NewReader(stdin), Out: bufio.NewWriter(&o), Err: &e}
	code = Find(name)(p)
	return code, o.String(), e.String()
}

func TestTranslate(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		extended bool
		want     string
	}{
		{`a+b`, false, `a\+b`}, {`a\+b`, false, `a+b`}, {`a+b`, true, `a+b`},
		{`\(a\)\|b`, false, `(a)|b`}, {`(a)|b`, false, `\(a\)\|b`}, {`(a)|b`, true, `(a)|b`},
		{`a\{2\}`, false, `a{2}`}, {`a{2}`, false, `a\{2\}`}, {`a{2}`, true, `a{2}`}, {`a{x`, true, `a\{x`},
		{`*a`, false, `\*a`}, {`\(*a\)`, false, `(\*a)`}, {`^*a`, false, `^\*a`}, {`a*`, false, `a*`},
		{`a^b`, false, `a\^b`}, {`a$b`, false, `a\$b`}, {`^a$`, false, `^a$`},
		{`[a\]`, false, `[a\\]`}, {`[]a]`, false, `[\]a]`}, {`[^]a]`, false, `[^\]a]`}, {`[[:alpha:]_]`, false, `[[:alpha:]_]`}, {`[a[]`, false, `[a\[]`},
		{`\<a\>`, false, `\ba\b`}, {`\.`, false, `\.`}, {`a.c`, false, `a.c`}, {`\/`, false, `/`}, {`a|*b`, true, `a|\*b`},
	} {
		if got, err := translate(c.pattern, c.extended); err != nil || got != c.want {
			t.Errorf("%s (extended %v): got %s, want %s, %v", c.pattern, c.extended, got, c.want, err)
		}
	}
	for pattern, want := range map[string]string{`[a`: "unmatched [ in [a", `a\`: `trailing backslash in a\`, `\(a\)\1`: errBackReference.Error()} {
		if _, err := translate(pattern, false); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

func TestGetopt(t *testing.T) {
	for _, c := range []struct {
		spec, args string
		letters    string // letters found, with values
		rest       string
		complaint  string
	}{
		{"ab:c", "-a -b x y", "a b=x", "y", ""},
		{"ab:c", "-abx y", "a b=x", "y", ""},
		{"ab:c", "y -c z", "c", "y z", ""},
		{"+ab:c", "y -c z", "", "y -c z", ""},
		{"ab:c", "-a -- -c", "a", "-c", ""},
		{"ab:c", "- -a", "a", "-", ""},
		{"ab: all=a bytes=b", "--all --bytes=3 --bytes 4", "a b=3,4", "", ""},
		{"a include=1:", "--include=x", "1=x", "", ""},
		{"a", "-q", "", "", "t: invalid option -- 'q'\n"},
		{"b:", "-b", "", "", "t: option requires an argument -- 'b'\n"},
		{"a", "--nope", "", "", "t: unrecognized option '--nope'\n"},
		{"b: bytes=b", "--bytes", "", "", "t: option '--bytes' requires an argument\n"},
	} {
		var e bytes.Buffer
		p := &Proc{Name: "t", Args: strings.Fields(c.args), Out: bufio.NewWriter(&e), Err: &e}
		o, rest, ok := p.getopt(c.spec)
		var letters []string
		for _, letter := range []byte("abc1") {
			if o.has(letter) {
				letters = append(letters, strings.TrimSuffix(string(letter)+"="+strings.Join(o[letter], ","), "="))
			}
		}
		if got := strings.Join(letters, " "); got != c.letters || strings.Join(rest, " ") != c.rest || e.String() != c.complaint || ok != (c.complaint == "") {
			t.Errorf("%q of %q: %q, rest %q, %q", c.args, c.spec, got, rest, e.String())
		}
	}
}

func TestNewMode(t *testing.T) {
	for _, c := range []struct {
		from fs.FileMode
		text string
		dir  bool
		want fs.FileMode
	}{
		{0o644, "755", false, 0o755}, {0o644, "u+x", false, 0o744}, {0o777, "go-w", false, 0o755}, {0o600, "a=r", false, 0o444},
		{0o644, "+X", false, 0o644}, {0o644, "a+X", true, 0o755}, {0o744, "g+X", false, 0o754}, {0o644, "u=rwx,go=", false, 0o700},
		{0o755, "1777", true, 0o777 | fs.ModeSticky}, {0o755, "4755", false, 0o755 | fs.ModeSetuid},
	} {
		if got, err := newMode(c.from, c.text, c.dir); err != nil || got != c.want {
			t.Errorf("%v %s: got %v, want %v, %v", c.from, c.text, got, c.want, err)
		}
	}
	for _, bad := range []string{"", "zz", "u?x", "u+q", "99999"} {
		if _, err := newMode(0o644, bad, false); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestHumanSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1023: "1023", 1024: "1.0K", 1025: "1.1K", 10 << 10: "10K", 1536 << 10: "1.5M", 5 << 30: "5.0G"} {
		if got := human(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestModeText(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{
		0o644: "-rw-r--r--", fs.ModeDir | 0o755: "drwxr-xr-x", fs.ModeSymlink | 0o777: "lrwxrwxrwx", 0o755 | fs.ModeSetuid: "-rwsr-xr-x",
		0o644 | fs.ModeSetgid: "-rw-r-Sr--", fs.ModeDir | fs.ModeSticky | 0o777: "drwxrwxrwt", fs.ModeDevice | fs.ModeCharDevice | 0o666: "crw-rw-rw-",
	} {
		if got := modeText(mode); got != want {
			t.Errorf("%o: got %s, want %s", mode, got, want)
		}
	}
}

func TestReadDate(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"@86400": "1970-01-02 00:00:00", "now": "2026-11-21 12:00:00", "yesterday": "2026-11-20 12:00:00", "2 days ago": "2026-11-19 12:00:00",
		"+1 hour": "2026-11-21 13:00:00", "-3 weeks": "2026-10-31 12:00:00", "1 month": "2026-12-21 12:00:00", "2024-02-29": "2024-02-29 00:00:00",
		"2024-02-29T10:20:30Z": "2024-02-29 10:20:30",
	} {
		if got, err := readDate(text, time.UTC, now); err != nil || got.UTC().Format(time.DateTime) != want {
			t.Errorf("%s: got %v %v, want %s", text, got, err, want)
		}
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]string{"1": "1", "2-3": "23", "-2": "12", "4-": "45", "1,5": "15"} {
		list, err := spans(text)
		got := ""
		for n := 1; n <= 5; n++ {
			if within(list, n) {
				got += string(rune('0' + n))
			}
		}
		if err != nil || got != want {
			t.Errorf("%s: got %s, want %s, %v", text, got, want, err)
		}
	}
	for _, bad := range []string{"", "0", "3-2", "x", "-", "1,"} {
		if _, err := spans(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestSplitWords(t *testing.T) {
	words, err := splitWords("a 'b c' \"d e\" f\\ g ''\n")
	if got := strings.Join(words, "|"); err != nil || got != "a|b c|d e|f g|" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := splitWords("'open"); err == nil {
		t.Error("an open quote was taken")
	}
}

func TestAnArchiveCannotLeaveItsFolder(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []*tar.Header{
		{Name: "../up", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "link", Typeflag: tar.TypeSymlink, Linkname: outside},
		{Name: "link/through", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "/absolute", Typeflag: tar.TypeReg, Mode: 0o644},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	code, _, errOut := do("tar", b.String(), "-x", "-C", inside)
	if code == 0 || !strings.Contains(errOut, "../up") || !strings.Contains(errOut, "link/through") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	for _, name := range []string{filepath.Join(inside, "..", "up"), filepath.Join(outside, "through"), "/absolute"} {
		if _, err := os.Lstat(name); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if _, err := os.Lstat(filepath.Join(inside, "absolute")); err != nil {
		t.Errorf("an absolute name belongs inside: %v", err)
	}
}

func TestAFailedWriteIsAFailure(t *testing.T) {
	var e bytes.Buffer
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	p := &Proc{Name: "seq", Args: []string{"3"}, In: strings.NewReader(""), Out: bufio.NewWriter(full), Err: &e}
	if code := Find("seq")(p); code != 1 || e.String() != "seq: write error: No space left on device\n" {
		t.Errorf("exit %d: %s", code, e.String())
	}
}
