package main

import (
	"bufio"
	"fmt"
	"strings"

	"berth/internal/config"
)

// ask puts a question to whoever sits at the terminal; no answer means no. --yes answers without asking, and where
// nobody can answer, the fault names the flag.
func (a *app) ask(question string) (bool, error) {
	switch {
	case a.global.yes:
		return true, nil
	case !a.interactive():
		return false, usage("answer beforehand with --yes", "%s: there is nobody to ask", question)
	}
	a.print.Finish()
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	line, _ := bufio.NewReader(a.stdin).ReadString('\n') // an end of input is a no
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

// askTrust shows what a project's file widens and asks once. --yes does not answer this: it was said before the file
// was read.
func (a *app) askTrust(in config.Input, untrusted *config.UntrustedError) (*config.Settings, error) {
	for _, line := range a.widenings(untrusted.Gives) {
		a.print.Note("%s", line)
	}
	before := a.global.yes
	a.global.yes = false
	yes, err := a.ask(untrusted.Shown + " asks for this; trust it as it is now?")
	a.global.yes = before
	if err != nil {
		return nil, err
	}
	if !yes {
		return nil, untrusted
	}
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	if err := store.Trust(untrusted.Path, untrusted.Sum); err != nil {
		return nil, err
	}
	in.Trusted = store.Trusted
	return config.Load(in)
}

func (a *app) widenings(gives []config.Widening) []string {
	var lines []string
	for _, w := range gives {
		lines = append(lines, "  "+w.String())
	}
	return lines
}
