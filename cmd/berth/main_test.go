package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"berth/internal/dockertest"
	"berth/internal/golden"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"berth": main, "hold": hold})
}

// TestScripts runs each command as a user would: what is printed where, and the exit code.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       flag.Lookup("update").Value.String() == "true",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Values[testKey{}] = t
			e.Values[engineKey{}] = new(*dockertest.Server)
			return setUp(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "engine": startEngine, "sandbox": makeSandbox, "network": makeNetwork, "peer": makePeer,
		},
	})
}

// setUp gives a script a home of its own and an engine that is not there.
func setUp(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, "home")
	for name, value := range map[string]string{
		"HOME":             home,
		"XDG_CONFIG_HOME":  filepath.Join(home, ".config"),
		"XDG_STATE_HOME":   filepath.Join(home, ".local", "state"),
		"XDG_CACHE_HOME":   filepath.Join(home, ".cache"),
		"XDG_RUNTIME_DIR":  filepath.Join(e.WorkDir, "run"),
		"DOCKER_HOST":      "unix://" + filepath.Join(e.WorkDir, "nowhere.sock"),
		"BERTH_NO_BROWSER": "1",
		"TERM":             "dumb",
	} {
		e.Setenv(name, value)
	}
	return os.MkdirAll(home, 0o755)
}

// exits runs a command and demands its exit code: exits CODE berth ARGS.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS...]")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// TestTheDocumentOfCommandsIsTheTree holds docs/commands.md to what the commands say of themselves.
func TestTheDocumentOfCommandsIsTheTree(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Commands\n\nWhat `berth COMMAND --help` prints. Made by `make golden`; do not edit.\n")
	for _, c := range everyCommand((&app{}).tree()) {
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s```\n", c.CommandPath(), helpText(c))
	}
	fmt.Fprintf(&b, "\n## Exit codes\n\n```\n%s```\n", exitCodes)
	golden.Check(t, "../../docs/commands.md", []byte(b.String()))
}

func TestEveryCommandHasAnExampleAndAShortText(t *testing.T) {
	for _, c := range everyCommand((&app{}).tree()) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: short %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		if strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q ends in a period", c.CommandPath(), c.Short)
		}
	}
}

func TestExamplesParse(t *testing.T) {
	for _, c := range everyCommand((&app{}).tree()) {
		for _, line := range strings.Split(c.Example, "\n") {
			words := exampleWords(line)
			if len(words) == 0 {
				continue
			}
			found, rest, err := (&app{}).tree().Find(words)
			if err != nil || found.ParseFlags(rest) != nil {
				t.Errorf("%s: example %q: %v, %v", c.CommandPath(), line, err, found.ParseFlags(rest))
			}
		}
	}
}

// exampleWords gives what follows "berth" in an example, up to the remark two spaces behind it.
func exampleWords(line string) []string {
	_, rest, ok := strings.Cut(line, "berth ")
	if !ok {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "  ")
	for _, stop := range []string{" |", " >", " -- ", ")"} {
		rest, _, _ = strings.Cut(rest, stop)
	}
	return strings.Fields(strings.Trim(rest, "'"))
}

func TestNoFlagHidesAFlagOfEveryCommand(t *testing.T) {
	root := (&app{}).tree()
	for _, c := range everyCommand(root) {
		if c == root {
			continue
		}
		checkFlags(t, root, c)
	}
}

func checkFlags(t *testing.T, root, c *cobra.Command) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: %v", c.CommandPath(), p)
		}
	}()
	c.InheritedFlags()
	c.LocalFlags()
}
