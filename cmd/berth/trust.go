package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"berth/internal/config"
	"berth/internal/fault"
)

func (a *app) trustCommand() *cobra.Command {
	var revoke, diff bool
	c := &cobra.Command{
		Use:   "trust [FILE]",
		Short: "Approve a project's .berth.toml as it is now",
		Example: `  berth trust --diff                     what the file widens
  berth trust
  berth trust --revoke`,
		Args: between(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if diff && revoke {
				return usage("leave one of them out", "--diff --revoke: one looks, the other acts")
			}
			path := filepath.Join(a.machine().Cwd, ".berth.toml")
			if len(args) > 0 {
				path = absolute(a.machine().Cwd, args[0])
			}
			if revoke {
				return a.revokeTrust(path)
			}
			return a.trust(path, diff)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&diff, "diff", false, "show what the file widens, and do nothing")
	c.Flags().BoolVar(&revoke, "revoke", false, "take the approval back")
	return c
}

func absolute(cwd, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(cwd, path)
}

func (a *app) revokeTrust(path string) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	if err := store.Distrust(path); err != nil {
		return err
	}
	return a.printTrust(path, false, nil, a.tilde(path)+" is not trusted")
}

// trust reads a project's file as a stranger's, says what it widens, and approves it in this form.
func (a *app) trust(path string, diff bool) error {
	in := a.input()
	in.ProjectFile, in.Trusted = path, nil
	s, err := config.Load(in)
	var untrusted *config.UntrustedError
	switch {
	case errors.As(err, &untrusted):
	case err != nil:
		return err
	case s.ProjectSum == [32]byte{}:
		return fault.New(fault.NotFound, "berth trust FILE", "%s: no such file", a.tilde(path))
	default:
		return a.printTrust(path, true, nil, a.tilde(path)+" widens nothing, so it needs no trust")
	}
	lines := a.widenings(untrusted.Gives)
	store, err := a.store()
	if err != nil {
		return err
	}
	if diff {
		state := "not trusted"
		if store.Trusted(path, untrusted.Sum) {
			state = "trusted"
		}
		return a.printTrust(path, state == "trusted", untrusted.Gives, append([]string{a.tilde(path) + " (" + state + ")"}, lines...)...)
	}
	if err := store.Trust(path, untrusted.Sum); err != nil {
		return err
	}
	return a.printTrust(path, true, untrusted.Gives, append(lines, a.tilde(path)+" is trusted as it is now; after a change it is asked about again")...)
}

func (a *app) printTrust(path string, trusted bool, gives []config.Widening, lines ...string) error {
	if !a.global.json {
		a.print.Lines(lines...)
		return nil
	}
	type widening struct {
		Key    string `json:"key"`
		Value  string `json:"value"`
		Was    string `json:"was"`
		Source string `json:"source"`
	}
	list := []widening{}
	for _, w := range gives {
		list = append(list, widening{w.Key, w.Value, w.Was, w.Source.String()})
	}
	return a.print.Object("trust", struct {
		File    string     `json:"file"`
		Trusted bool       `json:"trusted"`
		Widens  []widening `json:"widens"`
	}{path, trusted, list})
}
