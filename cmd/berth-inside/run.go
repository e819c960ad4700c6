package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/cmd/berth-inside/internal/commands"
	"berth/cmd/berth-inside/internal/server"
	"berth/cmd/berth-inside/internal/shell"
)

// usage is for people who find this program in a sandbox; berth itself knows its sub-commands.
const usage = `berth-inside: berth's program inside a sandbox
  starter [--host H] [--port N]                  the starter image's server
  sh [-c TEXT] [FILE] [ARG...]                   its shell
  probe                                          attack this sandbox harmlessly; JSON
  stat PATH...                                   device and inode of each path; JSON
  ready --port N --path P... [--timeout D]       wait until a path answers 200
  health [PORT]                                  exit 0 if the server answers
  serve --port N... [--proxy] [--stdio]          the tunnel's end in here; berth has the other
  rfb --port N [--timeout D]                     read a desktop's first bytes through its WebSocket
  relay --own NET --network N --host H --port P  pass connections from one network on to one port of another
  idle                                           wait for TERM
`

// subcommands are what berth runs by exec. None of them reads the environment, which the agent can set.
var subcommands = map[string]func(args []string, out, errOut io.Writer) int{
	"probe":  probes,
	"stat":   statPaths,
	"ready":  ready,
	"health": health,
	"serve":  serve,
	"rfb":    rfb,
	"idle":   idle,
	"relay":  relay,
}

// run does what the program's name says, as links of the starter image have it, or else its first argument.
func run(args []string) int {
	name, rest := "", []string(nil)
	if len(args) > 0 {
		name, rest = filepath.Base(args[0]), args[1:]
	}
	// "/.berth/starter health" means the sub-command: the server's own arguments begin with a dash.
	hasSub := name == "starter" && len(rest) > 0 && !strings.HasPrefix(rest[0], "-")
	if !hasSub {
		if code, known := runNamed(name, rest); known {
			return code
		}
	}
	if len(rest) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	if sub := subcommands[rest[0]]; sub != nil {
		return sub(rest[1:], os.Stdout, os.Stderr)
	}
	if code, known := runNamed(rest[0], rest[1:]); known {
		return code
	}
	fmt.Fprintf(os.Stderr, "berth-inside: %s: no such command\n%s", rest[0], usage)
	return 2
}

func runNamed(name string, args []string) (code int, known bool) {
	switch name {
	case "starter":
		return server.Main(args, os.Environ(), os.Stderr), true
	case "sh", "bash":
		return shell.Main(name, args), true
	}
	if slices.Contains(builtins, name) {
		return shell.Builtin(name, args), true
	}
	command := commands.Find(name)
	if command == nil {
		return 0, false
	}
	return command(commands.Process(name, args)), true
}

// builtins are programs of the starter image that the shell's language has already.
var builtins = []string{"[", "echo", "printf", "test", "true", "false", "pwd"}
