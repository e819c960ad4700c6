package build

import (
	"slices"
	"testing"

	"berth/internal/fault"
)

func TestALineIsShownAsItWouldBeSeen(t *testing.T) {
	for given, want := range map[string]string{
		"plain":                             "plain",
		"\x1b[91mE: no\x1b[0m \r\n":         "E: no",
		"10%\r50%\r100%":                    "100%",
		"\x1b]0;title\x07text":              "text",
		"a\tb":                              "a b",
		"bell\a and\x00 null":               "bell and null",
		"\x1b[2K\x1b[1A\x1b[?25lmoved":      "moved",
		"\xff\xfebytes that are no letters": "bytes that are no letters",
	} {
		if got := clean(given); got != want {
			t.Errorf("%q is shown as %q, want %q", given, got, want)
		}
	}
}

func TestStepsOfBothBuildersAreCounted(t *testing.T) {
	for _, line := range []string{"Step 3/16 : RUN make", "STEP 3/16: RUN make"} {
		var r record
		w := &work{sink: r.sink}
		p := w.progress("vscode")
		p.line(line)
		got := r.events[len(r.events)-1]
		if got.Step != "build vscode" || got.Current != 3 || got.Total != 16 || got.Text != "RUN make" {
			t.Errorf("%q gives %+v", line, got)
		}
	}
}

func TestALongInstructionIsCut(t *testing.T) {
	long := "RUN . /host/env && debian"
	for range 30 {
		long += " package"
	}
	if got := short(long); len([]rune(got)) != 100 || got[:6] != "debian" {
		t.Errorf("%d runes: %s", len([]rune(got)), got)
	}
}

func TestCausesOfFailedSteps(t *testing.T) {
	rows := []struct{ line, why string }{
		{"W: Failed to fetch http://mirror.example/debian/InRelease  Temporary failure resolving 'mirror.example'", "apt: Debian's packages could not be reached"},
		{"Err:1 http://mirror.example/debian trixie InRelease Could not connect to mirror.example:80 (10.0.0.1).", "apt: Debian's packages could not be reached"},
		{"E: Unable to locate package g++", "apt: Debian's packages could not be reached"},
		{"E: Release file for http://mirror.example/InRelease is not valid yet (invalid for another 3h).", "apt: the package lists are not valid at this machine's time"},
		{"E: Failed getting release file http://mirror.example/debian/dists/trixie/Release", "debootstrap: Debian's packages could not be reached"},
		{"npm error code ENOTFOUND", "npm: its packages could not be reached"},
		{"npm ERR! code ETIMEDOUT", "npm: its packages could not be reached"},
		{"npm error code EINTEGRITY", "npm: a package differs from the pinned one"},
		{"npm error code SELF_SIGNED_CERT_IN_CHAIN", "a package source shows a certificate that this machine does not trust"},
		{"ERROR: Could not find a version that satisfies the requirement yarl==1.25.1", "pip: Python's packages could not be reached"},
		{"urllib3: Failed to establish a new connection: [Errno 111] Connection refused", "pip: Python's packages could not be reached"},
		{"ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "pip: a package differs from the pinned one"},
		{"SSLError(SSLCertVerificationError(1, 'certificate verify failed: unable to get local issuer certificate'))", "a package source shows a certificate that this machine does not trust"},
		{"write /var/lib/x: no space left on device", "the engine's disk is full"},
		{"make: *** [Makefile:3: all] Error 2", ""},
	}
	for _, row := range rows {
		why, hint := explain([]string{"something before", row.line, "something after"})
		if why != row.why || (hint == "") != (why == "") {
			t.Errorf("%q: %q, hint %q; want %q", row.line, why, hint, row.why)
		}
	}
}

func TestDebootstrapThatFailsSaysWhy(t *testing.T) {
	var r record
	w := &work{sink: r.sink, builder: withBase()}
	p := w.progress("base")
	err := w.importFrom(t.Context(), p, []string{"sh", "-c", "echo 'E: Failed getting release file x' >&2; exit 1"})
	want := "build base: exit code 1: debootstrap: Debian's packages could not be reached"
	if err == nil || err.Error() != want || fault.KindOf(err) != fault.Image {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOutputWithoutAnEndIsKeptInWholeLines(t *testing.T) {
	var got []string
	l := &lines{to: func(s string) { got = append(got, s) }}
	for _, piece := range []string{"a", "b\nc", "\n", "d"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if !slices.Equal(got, []string{"ab", "c"}) {
		t.Errorf("got %q", got)
	}
}
