package mounts

// Resolve checks entries against the host and gives the mounts in the order in which they are shown and created. One
// error is returned: the first of the entries as written.
func Resolve(entries []Entry, h Host) ([]Mount, []Warning, error) {
	return nil, nil, nil
}
