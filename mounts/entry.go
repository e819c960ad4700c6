package mounts

// Entry is one mount as a user wrote it, understood as far as the text alone goes.
type Entry struct {
	Origin Origin
	Source string // without escapes
	Target string // cleaned
}

// Parse reads a value of the grammar `source:target[:modes]`, entries separated by commas or line breaks. origin says
// whose value it is; its Entry, Column and Text are filled in here. The error is a *SyntaxError.
func Parse(text string, origin Origin) ([]Entry, error) { return nil, nil }
