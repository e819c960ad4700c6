package commands

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// sedCommand is one command of a script.
type sedCommand struct {
	name     byte
	from, to *address
	negate   bool
	text     string // of a, i, c, r, w; a label; the w file of s
	re       *regexp.Regexp
	with     string // replacement of s, as written
	number   int    // the how-many-eth match of s; exit code of q
	global   bool
	print    bool
	table    *strings.Replacer // of y
	target   int               // index to jump to: of b, t, T; of the closing brace of {

	inRange bool
	atEnd   bool // the line at hand is the range's last
	end     int  // its line number, when it is known
}

func (c *sedCommand) isRange() bool { return c.to != nil }

// selects tells whether the command runs on the line at hand; it keeps track of the range.
func (c *sedCommand) selects(s *stream) bool {
	return c.inside(s) != c.negate
}

func (c *sedCommand) inside(s *stream) bool {
	if c.from == nil {
		return true
	}
	if c.to == nil {
		return c.from.fits(s)
	}
	c.atEnd = false
	if !c.inRange {
		first := c.from.fits(s) || c.from.number == 0 && c.from.re == nil && !c.from.last && c.from.step == 0 && s.number == 1
		if !first {
			return false
		}
		c.inRange, c.end = true, c.to.number
		if c.to.plus {
			c.end = s.number + c.to.number
		}
		zero := c.from.number == 0 && c.from.re == nil && !c.from.last // "0,/re/": the end may be the first line
		if c.to.re != nil && !(zero && c.to.re.MatchString(s.pattern)) {
			return true
		}
	}
	if c.to.re != nil && c.to.re.MatchString(s.pattern) || c.to.last && s.last || c.to.re == nil && !c.to.last && s.number >= c.end || s.last {
		c.inRange, c.atEnd = false, true
	}
	return true
}

// replacement writes out "&", "\1" and "\n" of the right-hand side, with \U \L \u \l \E.
func (c *sedCommand) replacement(text string, match []int) string {
	var out strings.Builder
	mode, once := byte(0), byte(0)
	add := func(part string) {
		switch mode {
		case 'U':
			part = strings.ToUpper(part)
		case 'L':
			part = strings.ToLower(part)
		}
		if once != 0 && part != "" {
			head := strings.ToUpper(part[:1])
			if once == 'l' {
				head = strings.ToLower(part[:1])
			}
			part, once = head+part[1:], 0
		}
		out.WriteString(part)
	}
	group := func(n int) string {
		if 2*n+1 < len(match) && match[2*n] >= 0 {
			return text[match[2*n]:match[2*n+1]]
		}
		return ""
	}
	for i := 0; i < len(c.with); i++ {
		ch := c.with[i]
		switch {
		case ch == '&':
			add(group(0))
		case ch != '\\' || i+1 == len(c.with):
			add(string(ch))
		default:
			i++
			switch e := c.with[i]; {
			case isDigit(e):
				add(group(int(e - '0')))
			case e == 'n':
				add("\n")
			case e == 't':
				add("\t")
			case e == 'U' || e == 'L':
				mode = e
			case e == 'E':
				mode = 0
			case e == 'u' || e == 'l':
				once = e
			default:
				add(string(e))
			}
		}
	}
	return out.String()
}

// sedParser reads a script.
type sedParser struct {
	text     string
	extended bool
	script   []*sedCommand
	open     []*sedCommand
	labels   map[string]int
	lastRE   *regexp.Regexp
}

func parseSed(text string, extended bool) ([]*sedCommand, error) {
	p := &sedParser{text: text, extended: extended, labels: map[string]int{}}
	for {
		p.text = strings.TrimLeft(p.text, " \t\n;")
		if p.text == "" {
			break
		}
		if p.text[0] == '#' {
			_, p.text, _ = strings.Cut(p.text, "\n")
			continue
		}
		if err := p.command(); err != nil {
			return nil, err
		}
	}
	if len(p.open) > 0 {
		return nil, errors.New("unmatched {")
	}
	for _, c := range p.script {
		if strings.IndexByte("btT", c.name) < 0 {
			continue
		}
		at, known := p.labels[c.text]
		if c.text == "" {
			at, known = len(p.script), true
		}
		if !known {
			return nil, fmt.Errorf("no label %s", c.text)
		}
		c.target = at
	}
	return p.script, nil
}

func (p *sedParser) command() error {
	c := &sedCommand{}
	var err error
	if c.from, err = p.address(); err != nil {
		return err
	}
	if c.from != nil && strings.HasPrefix(p.text, ",") {
		p.text = strings.TrimLeft(p.text[1:], " \t")
		if c.to, err = p.address(); err != nil {
			return err
		}
		if c.to == nil {
			return errors.New("an address is missing after the comma")
		}
	}
	p.text = strings.TrimLeft(p.text, " \t")
	for strings.HasPrefix(p.text, "!") {
		c.negate, p.text = true, strings.TrimLeft(p.text[1:], " \t")
	}
	if p.text == "" {
		return errors.New("a command is missing")
	}
	c.name, p.text = p.text[0], p.text[1:]
	return p.rest(c)
}

// rest reads what follows a command's name.
func (p *sedParser) rest(c *sedCommand) error {
	switch c.name {
	case '{':
		p.open = append(p.open, c)
	case '}':
		if len(p.open) == 0 {
			return errors.New("unexpected }")
		}
		p.open[len(p.open)-1].target = len(p.script)
		p.open = p.open[:len(p.open)-1]
	case ':':
		p.labels[p.word()] = len(p.script)
		return nil
	case 'b', 't', 'T':
		c.text = p.word()
	case 'a', 'i', 'c':
		c.text = p.appended()
	case 'r', 'w':
		c.text, p.text, _ = strings.Cut(strings.TrimLeft(p.text, " \t"), "\n")
	case 's':
		return p.substitution(c)
	case 'y':
		return p.transliteration(c)
	case 'q', 'Q':
		digits := p.digits()
		c.number, _ = strconv.Atoi(digits) // none is 0
	case 'd', 'D', 'p', 'P', 'n', 'N', 'h', 'H', 'g', 'G', 'x', '=', 'l':
	default:
		return fmt.Errorf("unknown command: '%c'", c.name)
	}
	p.script = append(p.script, c)
	return nil
}

// word reads a label, up to a semicolon, brace or the line's end.
func (p *sedParser) word() string {
	p.text = strings.TrimLeft(p.text, " \t")
	end := strings.IndexAny(p.text, ";}\n")
	if end < 0 {
		end = len(p.text)
	}
	word := strings.TrimSpace(p.text[:end])
	p.text = p.text[end:]
	return word
}

// appended reads the text of a, i, c: to the line's end, and on while lines end in a backslash.
func (p *sedParser) appended() string {
	p.text = strings.TrimLeft(p.text, " \t")
	if after, found := strings.CutPrefix(p.text, "\\"); found {
		p.text = strings.TrimPrefix(strings.TrimLeft(after, " \t"), "\n")
	}
	var out strings.Builder
	for p.text != "" && p.text[0] != '\n' {
		if p.text[0] == '\\' && len(p.text) > 1 {
			out.WriteByte(p.text[1])
			p.text = p.text[2:]
			continue
		}
		out.WriteByte(p.text[0])
		p.text = p.text[1:]
	}
	return out.String()
}

func (p *sedParser) digits() string {
	p.text = strings.TrimLeft(p.text, " \t")
	rest := strings.TrimLeft(p.text, "0123456789")
	digits := p.text[:len(p.text)-len(rest)]
	p.text = rest
	return digits
}

func (p *sedParser) address() (*address, error) {
	switch {
	case p.text == "":
		return nil, nil
	case isDigit(p.text[0]) || p.text[0] == '+':
		a := &address{plus: p.text[0] == '+'}
		p.text = strings.TrimPrefix(p.text, "+")
		a.number, _ = strconv.Atoi(p.digits())
		if strings.HasPrefix(p.text, "~") {
			p.text = p.text[1:]
			a.step, _ = strconv.Atoi(p.digits())
		}
		return a, nil
	case p.text[0] == '$':
		p.text = p.text[1:]
		return &address{last: true}, nil
	case p.text[0] == '/' || p.text[0] == '\\' && len(p.text) > 1:
		if p.text[0] == '\\' {
			p.text = p.text[1:]
		}
		end := p.text[0]
		p.text = p.text[1:]
		pattern, err := p.until(end)
		if err != nil {
			return nil, err
		}
		fold := strings.HasPrefix(p.text, "I")
		p.text = strings.TrimPrefix(p.text, "I")
		re, err := p.compile(pattern, fold)
		return &address{re: re}, err
	}
	return nil, nil
}

// until reads up to an unescaped delimiter; one in brackets does not count.
func (p *sedParser) until(end byte) (string, error) {
	var out strings.Builder
	for i := 0; i < len(p.text); i++ {
		c := p.text[i]
		switch {
		case c == '\\' && i+1 < len(p.text) && p.text[i+1] == end && end != '\\':
			i++
			out.WriteByte(end)
		case c == '\\' && i+1 < len(p.text):
			out.WriteString(p.text[i : i+2])
			i++
		case c == end:
			p.text = p.text[i+1:]
			return out.String(), nil
		default:
			out.WriteByte(c)
		}
	}
	return "", fmt.Errorf("unterminated %c", end)
}

func (p *sedParser) compile(pattern string, fold bool) (*regexp.Regexp, error) {
	if pattern == "" && p.lastRE != nil {
		return p.lastRE, nil
	}
	re, err := compile(pattern, p.extended, fold)
	p.lastRE = re
	return re, err
}

func (p *sedParser) substitution(c *sedCommand) error {
	if p.text == "" {
		return errors.New("unterminated s")
	}
	end := p.text[0]
	p.text = p.text[1:]
	pattern, err := p.until(end)
	if err != nil {
		return err
	}
	if c.with, err = p.until(end); err != nil {
		return err
	}
	fold := false
flags:
	for p.text != "" {
		switch f := p.text[0]; {
		case f == 'g':
			c.global = true
		case f == 'p':
			c.print = true
		case f == 'i' || f == 'I':
			fold = true
		case f == 'm' || f == 'M':
		case isDigit(f):
			c.number, _ = strconv.Atoi(p.digits())
			continue
		case f == 'w':
			c.text, p.text, _ = strings.Cut(strings.TrimLeft(p.text[1:], " \t"), "\n")
			break flags
		case strings.IndexByte(";}\n #\t", f) >= 0:
			break flags
		default:
			return fmt.Errorf("unknown option to s: '%c'", f)
		}
		p.text = p.text[1:]
	}
	c.re, err = p.compile(pattern, fold)
	p.script = append(p.script, c)
	return err
}

func (p *sedParser) transliteration(c *sedCommand) error {
	if p.text == "" {
		return errors.New("unterminated y")
	}
	end := p.text[0]
	p.text = p.text[1:]
	from, err := p.until(end)
	if err != nil {
		return err
	}
	to, err := p.until(end)
	if err != nil {
		return err
	}
	a, b := []rune(unescape(from)), []rune(unescape(to))
	if len(a) != len(b) {
		return errors.New("the two texts of y differ in length")
	}
	var pairs []string
	for i := range a {
		pairs = append(pairs, string(a[i]), string(b[i]))
	}
	c.table = strings.NewReplacer(pairs...)
	p.script = append(p.script, c)
	return nil
}
