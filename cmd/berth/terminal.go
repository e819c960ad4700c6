package main

import (
	"github.com/spf13/cobra"

	"berth/tui"
)

// restoreTerminal leaves the alternate screen, mouse, paste and focus modes, shows the cursor and takes colours away.
const restoreTerminal = "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[?25h\x1b[0m"

// resetTerminalCommand makes the hidden command that outlives the screen by a moment and puts the terminal back when
// the screen died without doing so.
func (a *app) resetTerminalCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "reset-terminal",
		Short:  "Put the terminal back as it was",
		Hidden: true,
		Args:   between(0, 0),
		RunE:   func(*cobra.Command, []string) error { return tui.ResetTerminal(a.stdin, a.stdout) },
	}
}
