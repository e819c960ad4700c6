package text

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestStrip(t *testing.T) {
	rows := []struct{ what, in, want string }{
		{"plain", "hello, wörld\n\tx", "hello, wörld\n\tx"},
		{"colour", "\x1b[1;31mred\x1b[0m", "red"},
		{"title", "a\x1b]0;owned\ab", "ab"},
		{"title with ST", "a\x1b]0;owned\x1b\\b", "ab"},
		{"clipboard", "\x1b]52;c;ZXZpbA==\x1b\\x", "x"},
		{"link", "\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"DCS, SOS, PM, APC", "1\x1bPq\x1b\\2\x1bXs\x1b\\3\x1b^p\x1b\\4\x1b_a\x1b\\5", "12345"},
		{"8-bit CSI, OSC, DCS", "1\u009b31m2\u009d0;t\u009c3\u0090q\u009c4", "1234"},
		{"two-character sequences", "a\x1b7b\x1b(Bc\x1b#8d\x1b=e", "abcde"},
		{"reset", "\x1bcx", "x"},
		{"not finished", "a\x1b[31", "a"},
		{"a string that is not closed ends with its line", "a\x1b]0;hidden\nseen", "a\nseen"},
		{"a sequence inside a sequence", "a\x1b[3\x1b[1mb", "ab"},
		{"a sequence inside a string", "a\x1b]0;t\x1b[1mb", "ab"},
		{"cancel", "a\x1b[3\x18b", "ab"},
		{"bell, backspace, return, NUL, DEL", "a\a\b\r\x00\x7fb", "ab"},
		{"other C1", "a\u0085\u008db", "ab"},
		{"raw C1 bytes are not UTF-8", "a\x9b31mb", "a\uFFFD31mb"},
		{"bad UTF-8", "a\xff\xc3", "a\uFFFD\uFFFD"},
		{"bidi", "a\u202eevil\u2066\u2069\u200f\u061cb", "aevilb"},
		{"zero width", "s\u200bh\u200co\u200dp\ufeff\u2060", "shop"},
		{"tags", "a\U000e0041\U000e007fb", "ab"},
		{"line separators", "a\u2028b\u2029c", "abc"},
		{"wide and combining stay", "日本 👍 e\u0301", "日本 👍 e\u0301"},
		{"a letter after a broken sequence stays", "\x1b[é", "é"},
	}
	for _, r := range rows {
		if got := Strip(r.in); got != r.want {
			t.Errorf("%s: Strip(%q) = %q, want %q", r.what, r.in, got, r.want)
		}
	}
}

func TestLineStaysOnOneLine(t *testing.T) {
	if got := Line("a\nb\tc\x1b[1md"); got != "a b cd" {
		t.Errorf("%q", got)
	}
}

func TestLongLinesAreCutAndSaySo(t *testing.T) {
	long := strings.Repeat("é", LineLimit)
	rows := []struct{ in, want string }{
		{long, long},
		{long + "xy", long + "…"},
		{long + "xy\nnext", long + "…\nnext"},
		{long + "\x1b[1m\nnext", long + "\nnext"},
	}
	for i, r := range rows {
		if got := Strip(r.in); got != r.want {
			t.Errorf("row %d: %d characters, want %d", i, len([]rune(got)), len([]rune(r.want)))
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestTheErrorOfTheWriterBehindIsGiven(t *testing.T) {
	if _, err := NewWriter(broken{}).Write([]byte("x")); err == nil || err.Error() != "gone" {
		t.Errorf("%v", err)
	}
}

// For any text and any division into two writes: no control character but line feed and tab comes out, nothing
// invisible, valid UTF-8, lines within the limit; stripping again changes nothing; the division does not matter.
func FuzzStrip(f *testing.F) {
	for _, seed := range []string{"a\x1b[31mb", "\x1b]0;t\x1b\\x", "\u009b1m", "\xe2\x80", "é\x1b", "\x1bP\x1b\x1b\\q", "\u202e", strings.Repeat("x", LineLimit+3)} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, at int) {
		whole := Strip(string(in))
		for _, r := range whole {
			if r != '\n' && r != '\t' && (unicode.Is(unicode.Cc, r) || unicode.Is(invisible, r)) {
				t.Fatalf("%q lets %U out", in, r)
			}
		}
		for _, line := range strings.Split(whole, "\n") {
			if len([]rune(line)) > LineLimit+1 {
				t.Fatalf("a line of %d characters", len([]rune(line)))
			}
		}
		if again := Strip(whole); again != whole {
			t.Fatalf("not idempotent: %q, then %q", whole, again)
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		cut := min(max(at, 0), len(in))
		for _, part := range [][]byte{in[:cut], in[cut:]} {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := w.Flush(); err != nil || out.String() != whole {
			t.Fatalf("cut at %d: %q, want %q", cut, out.String(), whole)
		}
	})
}
