package config

import "strings"

// clean makes a stranger's text safe to show in one line.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
