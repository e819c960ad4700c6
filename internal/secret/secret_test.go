package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestASecretIsNotPrintedByAccident(t *testing.T) {
	s := New("hunter2")
	asJSON, err := json.Marshal(map[string]any{"k": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{s.String(), fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s),
		fmt.Sprintf("%v %+v %#v", struct{ S String }{s}, []String{s}, &s), string(asJSON)} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("%s", shown)
		}
	}
	if s.Reveal() != "hunter2" || s.Empty() || !New("").Empty() || New("").String() != "" {
		t.Error("the value itself is lost")
	}
}

func TestKeysAreLongAndNeverTheSame(t *testing.T) {
	one, two := NewKey().Reveal(), NewKey().Reveal()
	if one == two || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(one) {
		t.Errorf("%s, %s", one, two)
	}
}

func TestRedactKnownSecrets(t *testing.T) {
	r := NewRedactor(New("s3cr3t+/key"), New("pass \"word\" é"), New("abc"))
	rows := []struct{ what, in, want string }{
		{"raw", "a s3cr3t+/key b", "a **** b"},
		{"twice", "s3cr3t+/keys3cr3t+/key", "****"},
		{"query", "?k=s3cr3t%2B%2Fkey&x", "?k=****&x"},
		{"query, small letters", "?k=s3cr3t%2b%2fkey", "?k=****"},
		{"path", "/" + url.PathEscape(`pass "word" é`), "/****"},
		{"every byte", "%73%33%63%72%33%74%2b%2f%6b%65%79", "****"},
		{"json", `{"p":"pass \"word\" é"}`, `{"p":"****"}`},
		{"base64", base64.StdEncoding.EncodeToString([]byte("s3cr3t+/key")), "****="},
		{"nearly", "s3cr3t+/ke", "s3cr3t+/ke"},
		{"too short to be looked for", "abc", "abc"},
	}
	for _, row := range rows {
		if got := r.String(row.in); got != row.want {
			t.Errorf("%s: %q becomes %q, want %q", row.what, row.in, got, row.want)
		}
	}
}

func TestRedactBase64AtEveryPlace(t *testing.T) {
	key := NewKey().Reveal()
	r := NewRedactor(New(key))
	for _, before := range []string{"", "x", "xy", "xyz", "user:"} {
		for _, after := range []string{"", "1", "12", "123"} {
			for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
				got := r.String(e.EncodeToString([]byte(before + key + after)))
				if !strings.Contains(got, Mask) || len(got) > len(Mask)+e.EncodedLen(len(before)+3)+e.EncodedLen(len(after)+3) {
					t.Errorf("%q, %q: %s", before, after, got)
				}
			}
		}
	}
}

func TestRedactByTheWordBefore(t *testing.T) {
	r := NewRedactor()
	rows := []struct{ in, want string }{
		{"GET /?tkn=abc123&folder=/w HTTP/1.1", "GET /?tkn=****&folder=/w HTTP/1.1"},
		{"ws://h/?session_api_key=abc\n", "ws://h/?session_api_key=****\n"},
		{"http://shop.localhost:8011/#k=0123456789 next", "http://shop.localhost:8011/#k=**** next"},
		{"Authorization: Bearer abc def\r\nHost: x", "Authorization: ****\r\nHost: x"},
		{"x-session-api-key:abc\nA: b", "x-session-api-key:****\nA: b"},
		{`{"X-Session-API-Key": "abc", "a": 1}`, `{"X-Session-API-Key": "****", "a": 1}`},
		{`{"session_api_key":"abc"}`, `{"session_api_key":"****"}`},
		{"curl -H 'X-Session-API-Key: abc' u", "curl -H 'X-Session-API-Key: ****' u"},
		{"TKN=abc", "TKN=****"},
		{"tkn=", "tkn="},
		{"tkn=&a=b", "tkn=&a=b"},
		{"tkn=tkn=x y", "tkn=**** y"},
		{"authorization is needed", "authorization is needed"},
	}
	for _, row := range rows {
		if got := r.String(row.in); got != row.want {
			t.Errorf("%q becomes %q, want %q", row.in, got, row.want)
		}
	}
}

func TestSecretsThatOverlapAreBothCovered(t *testing.T) {
	r := NewRedactor(New("aaabbb"), New("bbbccc"), New("aaabbbc"))
	rows := map[string]string{"aaabbbccc": "****", "xaaabbbx": "x****x", "aaabbbcaaabbb": "****"}
	for in, want := range rows {
		if got := r.String(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestAWholeLineIsNotHeldBack(t *testing.T) {
	var out bytes.Buffer
	w := NewRedactor(New("secret-value")).Writer(&out)
	if _, err := w.Write([]byte("a line\nsecr")); err != nil {
		t.Fatal(err)
	}
	if out.String() != "a line\n" {
		t.Errorf("so far %q", out.String())
	}
	if _, err := w.Write([]byte("et-value!")); err != nil {
		t.Fatal(err)
	}
	if out.String() != "a line\n****!" {
		t.Errorf("in the end %q", out.String())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestTheErrorOfTheWriterBehindIsGiven(t *testing.T) {
	if _, err := NewRedactor().Writer(broken{}).Write([]byte("plain")); err == nil || err.Error() != "gone" {
		t.Errorf("%v", err)
	}
}

// For any text, secret and division into writes: no form of the secret comes out, and the division does not matter.
func FuzzRedact(f *testing.F) {
	f.Add("some s3cret-1 text", "s3cret-1", 7)
	f.Add("tkn=s3cret-1&s3cret-1", "s3cret-1", 2)
	f.Add("aaaaaaaaaaaaaaaaaa", "aaaaaa", 5)
	f.Add("aabaabaab", "aabaab", 4)
	f.Fuzz(func(t *testing.T, in, value string, at int) {
		if strings.Contains(value, "*") || len(value) < shortest {
			t.Skip()
		}
		r := NewRedactor(New(value))
		for _, text := range []string{in, in + value + in, in + base64.URLEncoding.EncodeToString([]byte(in+value)), in + url.QueryEscape(value)} {
			whole := r.String(text)
			for _, form := range forms(value) {
				if strings.Contains(whole, form) {
					t.Fatalf("%q lets %q out: %q", text, form, whole)
				}
			}
			var out bytes.Buffer
			w := r.Writer(&out)
			cut := min(max(at, 0), len(text))
			for _, part := range slices.Collect(slices.Values([]string{text[:cut], text[cut:]})) {
				if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
			}
			if err := w.Flush(); err != nil || out.String() != whole {
				t.Fatalf("cut at %d: %q, want %q", cut, out.String(), whole)
			}
		}
	})
}
