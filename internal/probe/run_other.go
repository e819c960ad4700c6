//go:build !linux

package probe

// Run tells for every probe that it was not tried: sandboxes are Linux.
func Run() []Outcome {
	outcomes := make([]Outcome, len(table))
	for i, p := range table {
		outcomes[i] = Outcome{p.ID, p.Class, Unknown, "probes run in Linux sandboxes"}
	}
	return outcomes
}
