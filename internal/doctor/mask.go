package doctor

import (
	"regexp"
	"strings"

	"berth/internal/host"
)

// key is anything long enough to be a secret: 24 and more hex digits, or 32 of base64.
var key = regexp.MustCompile(`\b[0-9a-fA-F]{24,}\b|[A-Za-z0-9+_-]{32,}={0,2}`)

// address is a machine's name or number before a port, in an engine's address.
var address = regexp.MustCompile(`(ssh|tcp|https?)://[^\s/,;]+`)

// Masked takes out of findings what a public issue need not have: names of users, machines and folders, and keys.
func Masked(findings []Finding, h host.Facts) []Finding {
	var pairs []string
	for _, home := range h.Homes {
		pairs = append(pairs, home, "~")
	}
	if h.Cwd != "" && h.Cwd != "/" {
		pairs = append([]string{h.Cwd, "FOLDER"}, pairs...)
	}
	for _, word := range []struct{ real, shown string }{{h.Hostname, "HOST"}, {h.Username, "USER"}} {
		if len(word.real) > 2 && word.real != "root" {
			pairs = append(pairs, word.real, word.shown)
		}
	}
	names := strings.NewReplacer(pairs...)
	mask := func(text string) string {
		text = address.ReplaceAllString(text, "$1://HOST")
		return key.ReplaceAllString(names.Replace(text), "****")
	}
	out := make([]Finding, len(findings))
	for i, f := range findings {
		more := make([]string, len(f.More))
		for j, line := range f.More {
			more[j] = mask(line)
		}
		out[i] = Finding{f.Level, f.Topic, mask(f.Text), more, mask(f.Fix)}
	}
	return out
}
