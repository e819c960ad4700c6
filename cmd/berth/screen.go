package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"berth/internal/config"
	"berth/internal/host"
	"berth/internal/state"
	"berth/tui"
)

// runRoot is berth without a command: the screen on a terminal, else up with lines.
func (a *app) runRoot(ctx context.Context) error {
	if !a.screen() {
		return a.up(ctx, nil, upFlags{})
	}
	s, err := a.ownSettings()
	if err != nil {
		return err
	}
	a.release() // the screen hears the signals itself
	go hangUp(a.stdin)
	result, err := tui.Run(context.WithoutCancel(ctx), newBackend(a), a.screenOptions(s))
	if err != nil {
		return err
	}
	a.printLeft(result.Left)
	switch result.Ending {
	case tui.Cancelled:
		a.print.Note("the launch was cancelled; berth ls shows what is up")
		return status(exitSignal + int(syscall.SIGINT))
	case tui.Terminated:
		return status(exitSignal + int(syscall.SIGTERM))
	}
	return nil
}

// hangUp tells the screen of a terminal that went away where the system does not.
func hangUp(terminal *os.File) {
	if !host.HungUp(terminal) {
		return
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Signal(syscall.SIGHUP) // a process can always signal itself
	}
}

// printLeft says what still runs, and how to end it.
func (a *app) printLeft(left []string) {
	if len(left) > 0 {
		a.print.Note("%d left running: %s – berth stop --all", len(left), strings.Join(left, ", "))
	}
}

func (a *app) screenOptions(s *config.Settings) tui.Options {
	o := tui.Options{
		In: a.stdin, Out: a.stdout, Color: a.colored(a.stdout), Theme: a.theme(s.Theme), ASCII: s.Icons == "ascii",
		NoMouse: a.noMouse, Hyperlinks: true, Keys: s.Keys, OnQuit: tui.OnQuit(s.OnQuit), CrashFile: a.crashFile(),
	}
	switch {
	case a.env("TMUX") != "":
		o.Multiplexer = tui.Tmux
	case strings.HasPrefix(a.env("TERM"), "screen"):
		o.Multiplexer = tui.Screen
	}
	if self, err := os.Executable(); err == nil {
		o.Guard = []string{self, "reset-terminal"}
	}
	return o
}

// theme follows the configuration, then what the terminal says of itself in COLORFGBG ("foreground;background").
func (a *app) theme(configured string) tui.Theme {
	if configured != "" && configured != string(tui.Auto) {
		return tui.Theme(configured)
	}
	parts := strings.Split(a.env("COLORFGBG"), ";")
	switch parts[len(parts)-1] {
	case "0", "1", "2", "3", "4", "5", "6", "8":
		return tui.Dark
	case "7", "15":
		return tui.Light
	}
	return tui.Auto
}

// crashFile is where a report goes when berth breaks; "" where there is no place for it.
func (a *app) crashFile() string {
	store, err := a.store()
	if err != nil {
		return ""
	}
	dir, err := store.Folder(state.Crashes)
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "crash-"+crashStamp()+".txt")
}
