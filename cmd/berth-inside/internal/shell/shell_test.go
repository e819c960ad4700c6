package shell

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args string
		want string // text or file, name, parameters, options
		bad  string
	}{
		{"-c|echo x", "echo x bash [] []", ""},
		{"-c|echo|name|p|q", "echo name [p q] []", ""},
		{"-euxc|x", "x bash [] [-e -u -x]", ""},
		{"-lc|x", "x bash [] []", ""},
		{"-e|-o|pipefail|-c|x", "x bash [] [-e -o pipefail]", ""},
		{"+e|file|p", "file file [p] [+e]", ""},
		{"--norc|--|-file", "-file -file [] []", ""},
		{"-c", "", "-c: needs a text to run"},
		{"-o", "", "-o: needs the name of an option"},
	} {
		in, err := parse("bash", strings.Split(c.args, "|"))
		if c.bad != "" {
			if err == nil || err.Error() != c.bad {
				t.Errorf("%s: got %v, want %s", c.args, err, c.bad)
			}
			continue
		}
		got := strings.Join([]string{in.text + in.file, in.name, "[" + strings.Join(in.args, " ") + "]", "[" + strings.Join(in.options, " ") + "]"}, " ")
		if err != nil || got != c.want {
			t.Errorf("%s: got %s, want %s, %v", c.args, got, c.want, err)
		}
	}
}

func TestBackgroundCommandsAndTheirNumberAreRewritten(t *testing.T) {
	for text, want := range map[string]string{
		"sleep 1 & echo $!":       `__berth_background 'sleep 1' "$@"; echo ${__berth_last_job}`,
		"{ a; b; } >f 2>&1 &":     `__berth_background >f 2>&1 $'{\n\ta\n\tb\n}' "$@"`,
		"f() { x & }":             `f() { __berth_background x "$@"; }`,
		"a && b &":                `__berth_background 'a && b' "$@"`,
		"echo ${!x} $$ a & b":     `__berth_background 'echo ${!x} $$ a' "$@"; b`,
		"echo 'not & this' plain": `echo 'not & this' plain`,
	} {
		var j jobs
		if got := strings.ReplaceAll(strings.TrimSpace(j.rewriteText(text)), "\n", "; "); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
	j := jobs{inJob: true}
	if got := strings.TrimSpace(j.rewriteText("echo $$")); got != "echo ${__berth_shell}" {
		t.Errorf("in a job: %s", got)
	}
}

func TestOneCommandOfAJobTakesItsShellOver(t *testing.T) {
	for text, want := range map[string]bool{
		"sleep 1":                   true,
		"x=1\nf() { a; }\nsleep 1":  true,
		"declare -A m=([a]=b)\nx y": true,
		"a; b":                      false,
		"a | b":                     false,
		"{ a; }":                    false,
		"! a":                       false,
		"x=1":                       false,
	} {
		file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
		if err != nil {
			t.Fatal(err)
		}
		if got := isOneCommand(file); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestTrapsTakeTheSignalsAndLeaveTheRest(t *testing.T) {
	tr := traps{bodies: map[os.Signal]string{}, came: make(chan os.Signal, 1)}
	defer tr.set([]string{"trap", "-", "USR2"})
	if rest := tr.set([]string{"trap", "echo x", "USR2", "0", "NOPE"}); strings.Join(rest, " ") != "trap echo x EXIT NOPE" {
		t.Errorf("rest %q", rest)
	}
	if tr.bodies[syscall.SIGUSR2] != "echo x" {
		t.Errorf("bodies %v", tr.bodies)
	}
	if rest := tr.set([]string{"trap", "USR2"}); rest != nil || len(tr.bodies) != 0 {
		t.Errorf("rest %q, bodies %v", rest, tr.bodies)
	}
	if rest := tr.set([]string{"trap"}); len(rest) != 1 {
		t.Errorf("a bare trap is the interpreter's, got %q", rest)
	}
}

func TestSignalNames(t *testing.T) {
	for name, want := range map[string]unix.Signal{"TERM": 15, "SIGTERM": 15, "int": 2, "9": 9, "0": 0, "EXIT": 0, "NOPE": 0, "99": 0} {
		if got := signalOf(name); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
}

func TestPrintfComplaints(t *testing.T) {
	for format, want := range map[string]string{
		"%d":  "printf: x: invalid number\n",
		"%y":  "printf: `y': invalid format character\n",
		"%5":  "printf: `%5': missing format character\n",
		"%.f": "printf: x: invalid number\n",
	} {
		var out, errOut strings.Builder
		if code := printf(&out, &errOut, []string{format, "x"}); errOut.String() != want || code[0] != "eval" {
			t.Errorf("%s: %q %v", format, errOut.String(), code)
		}
	}
}
