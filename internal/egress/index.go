package egress

// Index is a host that a package client's own settings name.
type Index struct {
	Rule   Rule
	Source string // which setting: "pip: PIP_INDEX_URL"
}
