package commands

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// classes are the names tr knows in "[:name:]".
var classes = map[string]func(rune) bool{
	"alpha": unicode.IsLetter, "digit": unicode.IsDigit, "space": unicode.IsSpace, "upper": unicode.IsUpper,
	"lower": unicode.IsLower, "punct": func(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) },
	"alnum": func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) },
	"blank": func(r rune) bool { return r == ' ' || r == '\t' }, "cntrl": unicode.IsControl,
	"print": unicode.IsPrint, "graph": unicode.IsGraphic,
	"xdigit": func(r rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", r) },
}

// set writes out a tr set: ranges, escapes and classes (of the first 128 characters).
func set(text string) []rune {
	var out []rune
	runes := []rune(unescape(text))
	for i := 0; i < len(runes); i++ {
		if rest := string(runes[i:]); strings.HasPrefix(rest, "[:") {
			name, _, found := strings.Cut(rest[2:], ":]")
			if is := classes[name]; found && is != nil {
				for r := rune(0); r < 128; r++ {
					if is(r) {
						out = append(out, r)
					}
				}
				i += len([]rune(name)) + 3
				continue
			}
		}
		if i+2 < len(runes) && runes[i+1] == '-' && runes[i+2] >= runes[i] {
			for r := runes[i]; r <= runes[i+2]; r++ {
				out = append(out, r)
			}
			i += 2
			continue
		}
		out = append(out, runes[i])
	}
	return out
}

var escapes = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00", `\\`, `\`, `\a`, "\a", `\f`, "\f", `\v`, "\v", `\b`, "\b")

func unescape(text string) string { return escapes.Replace(text) }

func tr(p *Proc) int {
	o, sets, ok := p.getopt("+dscCt delete=d squeeze-repeats=s complement=c truncate-set1=t")
	if !ok {
		return p.code
	}
	if len(sets) == 0 || len(sets) == 1 && !o.has('d') && !o.has('s') {
		return p.usage("missing operand")
	}
	from := set(sets[0])
	var to []rune
	if len(sets) > 1 {
		to = set(sets[1])
	}
	t := newTranslator(from, to, o)
	if t.bytewise {
		if err := t.stream(p.Out, p.In); err != nil {
			p.fail("-", err)
		}
		return p.code
	}
	data, err := io.ReadAll(p.In)
	if err != nil {
		p.fail("-", err)
	}
	_, _ = p.Out.WriteString(t.apply(string(data)))
	return p.code
}

// translator replaces, deletes and squeezes characters.
type translator struct {
	from       map[rune]int
	to         []rune
	squeeze    map[rune]bool
	deletes    bool
	complement bool
	bytewise   bool // both sets are ASCII: bytes can be looked up in a table
}

func newTranslator(from, to []rune, o options) translator {
	t := translator{from: map[rune]int{}, to: to, squeeze: map[rune]bool{}, deletes: o.has('d'), complement: o.has('c') || o.has('C'), bytewise: true}
	for i, r := range from {
		if _, twice := t.from[r]; !twice {
			t.from[r] = i
		}
	}
	squeezed := to
	if len(to) == 0 {
		squeezed = from
	}
	for _, r := range squeezed {
		t.squeeze[r] = o.has('s')
	}
	for _, r := range slices.Concat(from, to) {
		t.bytewise = t.bytewise && r < utf8.RuneSelf
	}
	return t
}

// one gives what becomes of a character.
func (t translator) one(r rune) (to rune, kept bool) {
	at, in := t.from[r]
	if t.complement {
		at, in = len(t.to)-1, !in
	}
	switch {
	case in && t.deletes:
		return r, false
	case in && len(t.to) > 0:
		return t.to[min(max(at, 0), len(t.to)-1)], true
	}
	return r, true
}

// stream works on bytes, as they come.
func (t translator) stream(out *bufio.Writer, in io.Reader) error {
	var table [256]struct {
		to            byte
		kept, squeeze bool
	}
	for i := range table {
		to, kept := t.one(rune(i))
		table[i].to, table[i].kept, table[i].squeeze = byte(to), kept, t.squeeze[to]
	}
	buffer := make([]byte, 64<<10)
	last := -1
	for {
		n, err := in.Read(buffer)
		written := buffer[:0]
		for _, b := range buffer[:n] {
			e := table[b]
			if !e.kept || e.squeeze && int(e.to) == last {
				continue
			}
			last = int(e.to)
			written = append(written, e.to)
		}
		if _, err := out.Write(written); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t translator) apply(text string) string {
	var out strings.Builder
	last := rune(-1)
	for i, r := range text {
		to, kept := t.one(r)
		if !kept || to == last && t.squeeze[to] {
			continue
		}
		last = to
		if to == unicode.ReplacementChar {
			out.WriteByte(text[i]) // a byte that is not UTF-8 stays what it was
			continue
		}
		out.WriteRune(to)
	}
	return out.String()
}
