package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
)

// span is a range of columns, from 1; to 0 is open.
type span struct{ from, to int }

func spans(text string) ([]span, error) {
	var list []span
	for part := range strings.SplitSeq(text, ",") {
		low, high, ranged := strings.Cut(part, "-")
		s := span{from: 1}
		var err error
		if low != "" {
			if s.from, err = strconv.Atoi(low); err != nil || s.from < 1 {
				return nil, errors.New("invalid range")
			}
		}
		switch {
		case !ranged:
			s.to = s.from
		case high != "":
			if s.to, err = strconv.Atoi(high); err != nil || s.to < s.from {
				return nil, errors.New("invalid range")
			}
		}
		if part == "-" || part == "" {
			return nil, errors.New("invalid range")
		}
		list = append(list, s)
	}
	return list, nil
}

func within(list []span, n int) bool {
	for _, s := range list {
		if n >= s.from && (s.to == 0 || n <= s.to) {
			return true
		}
	}
	return false
}

func cut(p *Proc) int {
	o, files, ok := p.getopt("d:f:c:b:sO: delimiter=d fields=f characters=c bytes=b only-delimited=s output-delimiter=O")
	if !ok {
		return p.code
	}
	list := o.last('f') + o.last('c') + o.last('b')
	chosen, err := spans(list)
	if err != nil {
		return p.usage("%s: invalid list of fields", list)
	}
	delimiter := "\t"
	if o.has('d') {
		delimiter = o.last('d')
	}
	between := delimiter
	if o.has('O') {
		between = o.last('O')
	}
	return p.each(files, func(_ string, r io.Reader) error {
		return lines(r, func(line []byte) bool {
			text := strings.TrimSuffix(string(line), "\n")
			switch {
			case !o.has('f') && o.has('b'):
				fmt.Fprintln(p.Out, pickBytes(text, chosen))
			case !o.has('f'):
				fmt.Fprintln(p.Out, pick([]rune(text), chosen))
			case !strings.Contains(text, delimiter):
				if !o.has('s') {
					fmt.Fprintln(p.Out, text)
				}
			default:
				var kept []string
				for i, field := range strings.Split(text, delimiter) {
					if within(chosen, i+1) {
						kept = append(kept, field)
					}
				}
				fmt.Fprintln(p.Out, strings.Join(kept, between))
			}
			return true
		})
	})
}

func pick(text []rune, chosen []span) string {
	var kept []rune
	for i, c := range text {
		if within(chosen, i+1) {
			kept = append(kept, c)
		}
	}
	return string(kept)
}

func pickBytes(text string, chosen []span) string {
	var kept []byte
	for i := range len(text) {
		if within(chosen, i+1) {
			kept = append(kept, text[i])
		}
	}
	return string(kept)
}

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
	t := translator{from: map[rune]int{}, to: to, deletes: o.has('d'), complement: o.has('c') || o.has('C')}
	for i, r := range from {
		if _, twice := t.from[r]; !twice {
			t.from[r] = i
		}
	}
	if o.has('s') {
		squeezed := to
		if len(to) == 0 {
			squeezed = from
		}
		t.squeeze = squeezed
	}
	data, err := io.ReadAll(p.In)
	if err != nil {
		p.fail("-", err)
	}
	_, _ = p.Out.WriteString(t.apply(string(data)))
	return p.code
}

type translator struct {
	from       map[rune]int
	to         []rune
	squeeze    []rune
	deletes    bool
	complement bool
}

func (t translator) apply(text string) string {
	var out strings.Builder
	last := rune(-1)
	for i, r := range text {
		at, in := t.from[r]
		if t.complement {
			at, in = len(t.to)-1, !in
		}
		if in && t.deletes {
			continue
		}
		to := r
		if in && len(t.to) > 0 {
			to = t.to[min(max(at, 0), len(t.to)-1)]
		}
		if to == last && strings.ContainsRune(string(t.squeeze), to) {
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

func uniq(p *Proc) int {
	o, files, ok := p.getopt("cdui count=c repeated=d unique=u ignore-case=i")
	if !ok {
		return p.code
	}
	if len(files) > 1 {
		f, err := os.Create(files[1])
		if err != nil {
			p.fail(files[1], err)
			return p.code
		}
		defer f.Close()
		p.Out.Reset(f)
	}
	var held []byte
	n := 0
	flush := func() {
		if n == 0 || o.has('d') && n < 2 || o.has('u') && n > 1 {
			return
		}
		if o.has('c') {
			fmt.Fprintf(p.Out, "%7d ", n)
		}
		fmt.Fprintf(p.Out, "%s\n", held)
	}
	p.each(files[:min(1, len(files))], func(_ string, r io.Reader) error {
		return lines(r, func(line []byte) bool {
			line = bytes.TrimSuffix(line, []byte("\n"))
			if n > 0 && (bytes.Equal(line, held) || o.has('i') && bytes.EqualFold(line, held)) {
				n++
				return true
			}
			flush()
			held, n = line, 1
			return true
		})
	})
	flush()
	if err := p.Out.Flush(); err != nil {
		p.fail("write error", err)
	}
	return p.code
}
