package tui

import (
	"context"
	"io"
	"time"

	"berth/internal/event"
)

// Backend is all that the screen asks of the rest of berth; cmd joins it together. Methods may block and may be
// called from several goroutines at once; ctx ends each of them. Strings may hold anything: the screen cleans them
// before it draws. Errors are *fault.Fault where there is something to do about them, and may be Remedied.
//
// Methods with a callback are streams: they call it in order, from one goroutine, and return when ctx ends (then with
// nil or ctx's error) or when there is nothing more to come. A callback returns quickly and never fails.
type Backend interface {
	// Plan decides what a launch with these edits would do and touches nothing. It calls show at once with what needs
	// no engine (Ready false), and again whenever it knows more; the last call has Ready set, unless it fails.
	Plan(ctx context.Context, e Edits, show func(Plan)) error
	// Launch carries out the plan that e stands for and returns when the sandbox is up. When it fails or ctx is
	// cancelled it removes what it made before it returns; a closed force means: without any grace.
	Launch(ctx context.Context, e Edits, force <-chan struct{}, emit event.Sink) error

	// List gives all sandboxes, in a stable order.
	List(ctx context.Context) (Overview, error)
	// Show gives one sandbox in full. It holds no key.
	Show(ctx context.Context, name string) (Sandbox, error)
	// Watch streams changes, from the engine, the gateways and launches of other processes. It survives an engine
	// that goes away, says so, and says when it is back.
	Watch(ctx context.Context, changed func(News)) error
	// Logs streams the last tail lines of a sandbox's output and then follows it.
	Logs(ctx context.Context, name string, tail int, line func(LogLine)) error
	// Stats streams what a running sandbox uses, about once a second.
	Stats(ctx context.Context, name string, figures func(Stats)) error
	// Refusals streams what a sandbox's egress refuses: first what nobody has answered for yet. It survives a gateway
	// that goes away.
	Refusals(ctx context.Context, name string, refused func(Refusal)) error
	// Audit compares planned and running. probe: also try the walls from inside, which takes longer.
	Audit(ctx context.Context, name string, probe bool) (Audit, error)
	// Save writes what is on the screen about a sandbox ("audit", "logs", "error") to a file of the user's and gives
	// its path.
	Save(ctx context.Context, name, what string, text io.Reader) (string, error)

	// Foresee tells what an action on these sandboxes takes away and what it leaves alone; asked before Remove.
	Foresee(ctx context.Context, do Action, names []string) (Outcome, error)
	// Act does one thing to one sandbox and returns when it is done.
	Act(ctx context.Context, do Action, name string) error
	// Allow lets a sandbox reach what a Refusal offers: until it ends, or from now on for its project.
	Allow(ctx context.Context, name, offer string, always bool) error

	// Link mints a link with a fresh key, to be handed to the user; kind is a Link's Kind.
	Link(ctx context.Context, name, kind string) (string, error)
	// Browse opens a fresh link in the user's browser. Where no browser is sensible (ssh, headless, BERTH_NO_BROWSER)
	// it gives the link for the screen to show instead; "" means it was opened.
	Browse(ctx context.Context, name, kind string) (string, error)
	// Copy hands text to the system's own clipboard tool, if there is one. The screen sends OSC 52 besides.
	Copy(ctx context.Context, text string) error
	// Command gives the docker command that makes a sandbox, quoted for a shell, without secrets. An empty name
	// means the plan of e.
	Command(ctx context.Context, name string, e Edits) (string, error)

	// Networks and Images are what the pickers offer.
	Networks(ctx context.Context, e Edits) (NetworkList, error)
	Images(ctx context.Context, e Edits) (ImageList, error)
	// Prepare validates, pulls or builds an image for the picker.
	Prepare(ctx context.Context, do Action, image string, emit event.Sink) error

	// Shell runs a shell of a sandbox in the terminal, which the screen has left for as long as it takes.
	Shell(ctx context.Context, name string, t Terminal) error
	// Edit opens the user's configuration in the user's editor, likewise.
	Edit(ctx context.Context, t Terminal) error
	// Pager shows a text in the user's pager, likewise.
	Pager(ctx context.Context, text io.Reader, t Terminal) error
}

// Terminal is the user's terminal, handed to a program that takes it over for a while.
type Terminal struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Edits are what the user changed on the screen: configuration key (as in TOML: "image", "profile",
// "additional_networks", "links.port") to value, written as on a flag; lists by commas. They are a layer above the
// flags. Two keys are no configuration: EditRecreate and EditTrust.
type Edits map[string]string

// The keys of Edits that the screen itself sets.
const (
	EditImage    = "image"
	EditNetworks = "additional_networks"
	EditProfile  = "profile"
	EditMask     = "secret_masks"
	EditRelay    = "sidecars" // NETWORK/HOST:PORT, as --sidecar has them; several by commas
	EditName     = "name"     // the sandbox's name; not a key of the file
	EditRecreate = "recreate" // "yes": replace the running sandbox of that name
	EditTrust    = "trust"    // "yes" or "no": the answer to a Question about the project's file
	EditConfig   = "config"   // never set: in Plan.Can it says that Edit has a file to open
)

// Action is something done to a sandbox or an image.
type Action string

// The actions. The last three are for images.
const (
	DoStop     Action = "stop"
	DoStart    Action = "start"
	DoRestart  Action = "restart"
	DoPause    Action = "pause"
	DoResume   Action = "resume"
	DoRemove   Action = "remove"
	DoValidate Action = "validate"
	DoPull     Action = "pull"
	DoBuild    Action = "build"
)

// Plan is what a launch would do, ready to be drawn.
type Plan struct {
	Ready    bool   // all is known that can be known; Enter launches
	Sandbox  string // name
	Engine   string // "docker 28.5"; "" while unknown
	Text     string // the plan's own text, drawn word for word
	Warnings int    // how many lines of Text warn
	Rules    []Line // each hardening rule with its reason
	Steps    []Step // in order

	Profiles []string // the profiles that can be chosen, in the order the key walks through; empty: none
	Profile  string   // the one chosen
	Can      []string // which of EditImage, EditNetworks, EditMask, EditConfig make sense
	Question *Question
	Running  bool // this very sandbox is up already: Enter shows it
}

// Step is one step of a plan. Kind is what events call it.
type Step struct {
	Kind string // "pull", "create", ...
	Text string // "acme/agent:1"; may be empty
}

// Question is asked once, before the plan can be launched; the safe answer is no.
type Question struct {
	Key   string   // the edit that holds the answer, "yes" or "no"
	Title string   // "shop/.berth.toml asks for more than it may have"
	Lines []string // a diff; lines start with '+', '-' or ' '
	Yes   string   // "trust it"
	No    string   // "leave it out"
}

// State is the state of a sandbox, in the words of the screen.
type State string

// The states.
const (
	Starting State = "starting"
	Up       State = "up"
	Paused   State = "paused"
	Stopped  State = "stopped"
	Broken   State = "broken" // something of it is missing, or it ended by itself
)

// Overview is the list of all sandboxes.
type Overview struct {
	Engine string // "docker 28.5"
	Rows   []Row
}

// Row is one sandbox in the list.
type Row struct {
	Name    string
	State   State
	Why     string // one sentence when the state needs one: "exit 137, out of memory"
	Profile string
	Image   string
	Mounts  string   // "~/shop rw +1"
	Links   []string // kinds, in order: "code", "vnc"
	Since   time.Time
	Mine    bool // started by this process: Q stops it
}

// Sandbox is one sandbox in full.
type Sandbox struct {
	Row
	Engine   string
	Posture  string // "standard · 44 rules hold · ...": one line, the truth
	Links    []Link
	CPUs     float64 // limit in cores; 0: none
	Mounts   []Line  // for the tabs
	Network  []Line
	Security []Line
	Files    []Line // what an overlay changed, and what the host would execute
	Config   []Line // each value with its source
}

// Link is one way into a sandbox.
type Link struct {
	Kind  string // "code", "vnc", "api" or a port
	Label string // "VS Code"
	URL   string // without a key; "" when there is none
	Note  string // "opens ~/shop", "loopback only"; without a URL: why, and what to do
	Lasts string // how long a link that is handed out works: "once, within 10 minutes"; "" when nothing limits it
}

// Mark is what stands before a line. It is never told by colour alone.
type Mark string

// The marks.
const (
	None   Mark = ""
	Holds  Mark = "holds"
	Fails  Mark = "fails"
	Warns  Mark = "warns"
	Adds   Mark = "adds"
	Drops  Mark = "drops"
	Alters Mark = "alters"
)

// Line is one line of a tab or of an audit.
type Line struct {
	Mark     Mark
	Name     string   // "limit-pids", "/workspace"
	Text     string   // "given up by you, config.toml:7"
	Fix      string   // what to do about it; may be empty
	Evidence []string // shown on demand
}

// Audit is what planned and running have to say about each other.
type Audit struct {
	Findings []Line // those that fail first
	Differs  int    // in how many findings planned and running differ
	Probes   string // "31 closed"; "" when none were run
}

// Refusal is a target that a sandbox's egress refused.
type Refusal struct {
	Target string // "registry.example:443"
	Offer  string // the rule that would let it through; "" where none can
	Why    string // one sentence
}

// News is something that happened outside the screen. Engine or Sandbox tells what.
type News struct {
	Engine  EngineState
	Sandbox string // this sandbox changed; look again. "*": the list did
	Text    string // one sentence, where there is one
}

// EngineState says whether the engine answers.
type EngineState string

// The engine's states. The zero value says nothing about it.
const (
	EngineGone EngineState = "gone"
	EngineBack EngineState = "back"
)

// LogLine is one line of a sandbox's output.
type LogLine struct {
	Time   time.Time // zero if unknown
	Text   string    // without the newline
	Stderr bool
}

// Stats is what a sandbox uses at one moment. A zero limit means there is none.
type Stats struct {
	CPU       float64 // percent of one core
	Memory    int64   // bytes, without caches that can be dropped
	MemoryMax int64   // bytes
	Pids      int64
	PidsMax   int64
}

// Outcome says what an action takes away and what it leaves.
type Outcome struct {
	Lost  []string // "container berth-shop", "volume berth-shop-home (12 MB)"
	Stays []string // "~/shop is untouched"
}

// NetworkList is what the network picker offers. Why says, when it is empty, why.
type NetworkList struct {
	Networks []Network
	Why      string
}

// Network is one network a sandbox could join.
type Network struct {
	Name    string
	About   string // "compose shop, \"default\""
	Members string // "redis db"
	Opens   string // "both ways, LAN opens"
	Refused string // why it cannot be chosen; "" when it can
	Chosen  bool
	Relay   string // "redis:6379": a member that can be reached by a relay instead; "" when none
	Value   string // the word for EditNetworks
}

// ImageList is what the image picker offers. Why says, when it is empty, why.
type ImageList struct {
	Images []Image
	Why    string
}

// Image is one image a sandbox could be made from.
type Image struct {
	Ref    string // the word for EditImage
	Where  string // "local", "remote", "built from [image.dev]"
	Size   int64  // bytes; 0 unknown
	Mark   Mark   // of the last validation
	Note   string // "validated today   entrypoint tini"
	Chosen bool
	Can    []Action // of DoValidate, DoPull, DoBuild
}

// Remedied is an error that knows what can be done about it. It unwraps to a *fault.Fault.
type Remedied interface {
	error
	Remedies() []Remedy
}

// Remedy is one way out of a failure: launching again with these edits on top. Without edits it is advice only.
type Remedy struct {
	Text string // "use 8013-8015 instead"
	Set  Edits
}
