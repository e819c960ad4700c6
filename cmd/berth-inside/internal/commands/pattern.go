package commands

import (
	"errors"
	"regexp"
	"strings"
)

// errBackReference: Go's engine has none, and runs in linear time instead.
var errBackReference = errors.New("back-references in patterns are not in the starter image")

// compile makes a Go expression of a POSIX one, basic or extended; the longest match wins.
func compile(pattern string, extended, fold bool) (*regexp.Regexp, error) {
	text, err := translate(pattern, extended)
	if err != nil {
		return nil, err
	}
	if fold {
		text = "(?i)" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, errors.New("invalid pattern " + pattern) // Go's words would name what translate wrote
	}
	re.Longest()
	return re, nil
}

// translate writes a POSIX pattern in Go's syntax. In a basic one ( ) { } | + ? mean themselves and their escaped forms are the operators.
func translate(pattern string, extended bool) (string, error) {
	var out strings.Builder
	start := true // an operator here has nothing to repeat
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		wasStart := start
		start = false
		switch {
		case c == '[':
			end := bracketEnd(pattern, i)
			if end < 0 {
				return "", errors.New("unmatched [ in " + pattern)
			}
			out.WriteString(bracket(pattern[i : end+1]))
			i = end
		case c == '\\' && i+1 == len(pattern):
			return "", errors.New("trailing backslash in " + pattern)
		case c == '\\':
			i++
			text, opens, err := escaped(pattern[i], extended)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			start = opens
		case c == '*' && wasStart:
			out.WriteString(`\*`)
		case strings.IndexByte("(){}|+?", c) >= 0 && !extended:
			out.WriteString(`\` + string(c))
		case c == '{' && !repeats(pattern[i:]):
			out.WriteString(`\{`)
		case c == '^' && !extended && !wasStart:
			out.WriteString(`\^`)
		case c == '$' && !extended && !endsThere(pattern[i+1:]):
			out.WriteString(`\$`)
		default:
			out.WriteByte(c)
			start = extended && (c == '(' || c == '|') || c == '^'
		}
	}
	return out.String(), nil
}

// endsThere tells whether what follows lets a basic "$" be an anchor.
func endsThere(rest string) bool {
	return rest == "" || strings.HasPrefix(rest, `\)`) || strings.HasPrefix(rest, `\|`)
}

var repetition = regexp.MustCompile(`^\{[0-9]*,?[0-9]*\}`)

func repeats(text string) bool { return repetition.MatchString(text) && text[1] != '}' }

// escaped translates the character after a backslash.
func escaped(c byte, extended bool) (text string, opens bool, err error) {
	switch {
	case c >= '1' && c <= '9':
		return "", false, errBackReference
	case strings.IndexByte("(){}|+?", c) >= 0:
		if extended {
			return `\` + string(c), false, nil
		}
		return string(c), c == '(' || c == '|', nil
	case c == '<' || c == '>':
		return `\b`, false, nil
	case strings.IndexByte("wWsSbBdDntrfv", c) >= 0:
		return `\` + string(c), false, nil
	case c == '`':
		return `\A`, false, nil
	case c == '\'':
		return `\z`, false, nil
	}
	return regexp.QuoteMeta(string(c)), false, nil
}

// bracketEnd gives the index of the "]" that closes a bracket expression; the first one may be a member.
func bracketEnd(pattern string, at int) int {
	i := at + 1
	if i < len(pattern) && pattern[i] == '^' {
		i++
	}
	if i < len(pattern) && pattern[i] == ']' {
		i++
	}
	for i < len(pattern) {
		if pattern[i] == '[' && i+1 < len(pattern) && strings.IndexByte(":.=", pattern[i+1]) >= 0 {
			if end := strings.Index(pattern[i+2:], string(pattern[i+1])+"]"); end >= 0 {
				i += end + 4
				continue
			}
		}
		if pattern[i] == ']' {
			return i
		}
		i++
	}
	return -1
}

// bracket keeps an expression, with a backslash as a member as POSIX has it, save before n, t and ].
func bracket(text string) string {
	inner := text[1 : len(text)-1]
	var out strings.Builder
	out.WriteByte('[')
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		switch {
		case c == '\\' && i+1 < len(inner) && strings.IndexByte(`nt]\`, inner[i+1]) >= 0:
			out.WriteString(inner[i : i+2])
			i++
		case c == '\\':
			out.WriteString(`\\`)
		case c == '[' && !(i+1 < len(inner) && inner[i+1] == ':'):
			out.WriteString(`\[`)
		case c == ']' && i > 0 && inner[i-1] != ':' || c == ']' && i == 0:
			out.WriteString(`\]`)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte(']')
	return out.String()
}
