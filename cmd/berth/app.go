package main

import (
	"context"
	"os"

	"berth/internal/config"
	"berth/internal/host"
	"berth/internal/report"
	"berth/internal/state"
)

// app is one invocation of berth: its streams, its flags, and what the commands open with them.
type app struct {
	stdin  *os.File
	stdout *os.File
	stderr *os.File
	env    func(string) string
	global globals
	flags  []config.Flag // of the configuration's table, as given
	facts  *host.Facts   // read once
	kept   *state.Store  // opened once
	// plainAddresses asks for links with 127.0.0.1 instead of NAME.localhost.
	plainAddresses bool
	noMouse        bool
	wantsVersion   bool
	release        func() // ends listening to signals
	print          *report.Printer
	debugTo        *report.Printer // the debug log; nil without --debug
}

// globals are the flags that every command has.
type globals struct {
	config, color     string
	quiet, debug      bool
	json, plain       bool
	accessible, noAsk bool
	yes               bool
}

// run is the whole program: it parses args, carries the command out, prints its fault and gives the exit code.
func run(args []string) int {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv}
	a.print = a.printer()
	defer a.caught()
	ctx, stop := a.signals(context.Background())
	a.release = stop
	defer stop()
	root := a.tree()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return a.end(ctx, err)
}

// printer makes the printer that the flags ask for. It is made once before the flags are read, for faults in them.
func (a *app) printer() *report.Printer {
	return report.New(report.Options{
		Out:        a.stdout,
		Err:        a.stderr,
		JSON:       a.global.json,
		Quiet:      a.global.quiet,
		Accessible: a.accessible(),
		ASCII:      a.ascii(),
		Color:      a.colored(a.stdout) && a.colored(a.stderr),
		Repaint:    a.repaints(),
		Width:      columns(a.stderr),
		OutWidth:   columns(a.stdout),
	})
}

func (a *app) ascii() bool { return a.env("BERTH_ICONS") == "ascii" }

func (a *app) accessible() bool {
	return a.global.accessible || (a.env("ACCESSIBLE") != "" && a.env("ACCESSIBLE") != "0")
}

// repaints tells whether progress may keep to one line: a terminal that obeys a carriage return, and nobody who asked
// for lines.
func (a *app) repaints() bool {
	return host.IsTerminal(a.stderr) && a.env("TERM") != "dumb" && a.env("CI") == "" && !a.global.plain && !a.accessible()
}

// interactive tells whether somebody is there to answer a question.
func (a *app) interactive() bool {
	return host.IsTerminal(a.stdin) && host.IsTerminal(a.stderr) && !a.global.noAsk && !a.global.json && a.env("CI") == ""
}

// screen tells whether the terminal UI can be drawn and is wanted.
func (a *app) screen() bool {
	return host.IsTerminal(a.stdin) && host.IsTerminal(a.stdout) && a.env("TERM") != "dumb" && a.env("CI") == "" &&
		!a.global.plain && !a.global.json && !a.global.noAsk && !a.accessible()
}

// colored follows --color, then NO_COLOR, CLICOLOR_FORCE and CLICOLOR (https://no-color.org, https://bixense.com/clicolors).
func (a *app) colored(f *os.File) bool {
	switch {
	case a.global.color == "always":
		return true
	case a.global.color == "never", a.env("NO_COLOR") != "":
		return false
	case a.env("CLICOLOR_FORCE") != "" && a.env("CLICOLOR_FORCE") != "0":
		return true
	case a.env("CLICOLOR") == "0", a.env("TERM") == "dumb":
		return false
	}
	return host.IsTerminal(f)
}

// columns is the width of a terminal; 0 for anything else.
func columns(f *os.File) int {
	columns, _ := host.TerminalSize(f)
	return columns
}
