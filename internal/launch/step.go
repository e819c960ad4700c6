package launch

import "fmt"

// StepKind names one call of a launch; events carry it.
type StepKind string

// The steps, in the order in which a launch takes them.
const (
	StepPull    StepKind = "pull"    // fetch the image
	StepBuild   StepKind = "build"   // make the image from packages
	StepLoad    StepKind = "load"    // put berth's own starter image into the engine
	StepNetwork StepKind = "network" // make the sandbox's own bridge
	StepVolume  StepKind = "volume"  // make the volume of the home
	StepRelays  StepKind = "relays"  // start the relays to sidecars
	StepCreate  StepKind = "create"  // make the container, joined to its networks
	StepHome    StepKind = "home"    // make the home folder, owned by the sandbox's user
	StepStart   StepKind = "start"
	StepTunnel  StepKind = "tunnel" // open the way in and the links' listeners
	StepMounts  StepKind = "mounts" // prove that inside are the folders that were checked
	StepAudit   StepKind = "audit"  // compare what runs with the plan, and attack it from inside
	StepReady   StepKind = "ready"  // wait for the server
	StepLinks   StepKind = "links"  // prove each link before it is shown
)

// Step is one call of a launch, with its cause.
type Step struct {
	Kind   StepKind
	Text   string   // "create network 0berth-shop"
	Beside bool     // may run while the steps before it, back to the last that is not Beside, still do
	After  StepKind // of those it runs beside, the one that it lets go first, for a moment
}

// String gives the step as the plan shows it.
func (s Step) String() string { return s.Text }

func step(kind StepKind, format string, args ...any) Step {
	return Step{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

func beside(kind StepKind, format string, args ...any) Step {
	return Step{Kind: kind, Text: fmt.Sprintf(format, args...), Beside: true}
}

// after gives a step that lets another one go first, for the cores are few.
func (s Step) after(kind StepKind) Step {
	s.After = kind
	return s
}

// stages groups steps: each stage begins with a step that waits for all before it.
func stages(steps []Step) [][]Step {
	var out [][]Step
	for _, s := range steps {
		if s.Beside && len(out) > 0 {
			out[len(out)-1] = append(out[len(out)-1], s)
			continue
		}
		out = append(out, []Step{s})
	}
	return out
}
