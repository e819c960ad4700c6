package sandbox

// Build is one call of an engine's image builder.
type Build struct {
	Ref     string            // the name of the result
	Target  string            // the stage to stop at; "" is the last
	Args    map[string]string // values for ARG lines and for Docker's predefined proxy ones
	Labels  map[string]string
	NoCache bool
}

// StepError is a step of a Dockerfile that failed.
type StepError struct {
	Code int    // of the command; 0 when it is not known
	Text string // the builder's own words
}

// Error gives the builder's words.
func (e *StepError) Error() string { return e.Text }
