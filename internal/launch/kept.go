package launch

// Kept gives the plan that a sandbox was made from, without the values of its secrets.
func (l *Launcher) Kept(name string) (*Plan, error) { return l.storedPlan(name) }
