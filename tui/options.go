package tui

import "os"

// Options are the user's wishes and the facts about the terminal. The screen reads no environment: cmd tells.
type Options struct {
	In  *os.File // a terminal
	Out *os.File // a terminal

	Sandbox string // start on this sandbox: its screen when it is up, else its plan; "" is the current folder's
	List    bool   // start on the list instead
	Edits   Edits  // what the flags asked for, if the backend wants to hear it again; may be nil

	Color       bool              // false: no colour at all (NO_COLOR, CLICOLOR=0, --color=never)
	Theme       Theme             // BERTH_THEME, COLORFGBG, key theme
	ASCII       bool              // icons = "ascii"
	NoMouse     bool              // --no-mouse: never capture the mouse
	Multiplexer Multiplexer       // how OSC 52 has to be wrapped
	Hyperlinks  bool              // the terminal understands OSC 8, or ignores it well
	Keys        map[string]string // action to key, from the table keys of the configuration; see CheckKeys
	OnQuit      OnQuit            // what q does to sandboxes started here

	// Guard is the argv of `berth reset-terminal`: a process that outlives this one by a moment and puts the
	// terminal back when this one dies without doing so. Empty: none is started.
	Guard []string
	// CrashFile is where the stack goes when berth panics; "" is nowhere.
	CrashFile string
}

// Theme says what the background of the terminal is like.
type Theme string

// The themes. Auto uses colours that suit both; the terminal is never asked.
const (
	Auto  Theme = "auto"
	Dark  Theme = "dark"
	Light Theme = "light"
)

// Multiplexer is the program between us and the terminal.
type Multiplexer string

// The multiplexers that want the clipboard sequence wrapped.
const (
	NoMultiplexer Multiplexer = ""
	Tmux          Multiplexer = "tmux"
	Screen        Multiplexer = "screen"
)

// OnQuit is what leaving does to the sandboxes that were started here.
type OnQuit string

// The ways to leave. The zero value leaves them running.
const (
	LeaveRunning OnQuit = "leave"
	StopMine     OnQuit = "stop"
	AskFirst     OnQuit = "ask"
)

// Ending says why the screen was left.
type Ending string

// The endings.
const (
	Quit       Ending = "quit"       // q, Q, or nothing left to show
	Cancelled  Ending = "cancelled"  // Ctrl-C in a launch: exit 130
	Terminated Ending = "terminated" // SIGTERM: exit 143
	HungUp     Ending = "hung up"    // SIGHUP: the terminal is gone
)

// Result is what the screen leaves behind, for cmd to say.
type Result struct {
	Ending Ending
	Left   []string // names of the sandboxes that are still running, in order
}
