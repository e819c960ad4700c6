package commands

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// sortKey is one -k: fields from..to (1-based, to 0 is the line's end) and how to compare them.
type sortKey struct {
	from, to int
	numeric  bool
	human    bool
	version  bool
	fold     bool
	reverse  bool
	blanks   bool
}

func sortCommand(p *Proc) int {
	o, files, ok := p.getopt("nruk:t:fo:hbVsczd numeric-sort=n reverse=r unique=u key=k field-separator=t ignore-case=f output=o human-numeric-sort=h version-sort=V stable=s check=c")
	if !ok {
		return p.code
	}
	global := sortKey{from: 1, numeric: o.has('n'), human: o.has('h'), version: o.has('V'), fold: o.has('f'), reverse: o.has('r'), blanks: o.has('b')}
	keys := []sortKey{}
	for _, text := range o['k'] {
		k, err := readKey(text, global)
		if err != nil {
			return p.usage("-k %s: invalid key", text)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		keys = append(keys, global)
	}
	var all []string
	p.each(files, func(_ string, r io.Reader) error {
		return lines(r, func(line []byte) bool {
			all = append(all, strings.TrimSuffix(string(line), "\n"))
			return true
		})
	})
	order := func(a, b string) int {
		for _, k := range keys {
			if c := k.compare(a, b, o.last('t')); c != 0 {
				return c
			}
		}
		return 0
	}
	total := func(a, b string) int {
		c := order(a, b)
		if c == 0 && !o.has('s') && !o.has('u') {
			c = strings.Compare(a, b)
			if global.reverse {
				c = -c
			}
		}
		return c
	}
	if o.has('c') {
		if !slices.IsSortedFunc(all, total) {
			p.complain("disorder")
		}
		return p.code
	}
	slices.SortStableFunc(all, total)
	if o.has('u') {
		all = slices.CompactFunc(all, func(a, b string) bool { return order(a, b) == 0 })
	}
	return p.printSorted(all, o.last('o'))
}

func (p *Proc) printSorted(all []string, file string) int {
	if file != "" {
		f, err := os.Create(file)
		if err != nil {
			p.fail(file, err)
			return p.code
		}
		defer f.Close()
		p.Out.Reset(f)
	}
	for _, line := range all {
		fmt.Fprintln(p.Out, line)
	}
	if err := p.Out.Flush(); err != nil {
		p.fail("write error", err)
	}
	return p.code
}

// readKey reads "2,3nr": first field, last field, ways to compare. Character offsets (".2") are read and not heeded.
func readKey(text string, base sortKey) (sortKey, error) {
	k := base
	from, to, _ := strings.Cut(text, ",")
	ways := strings.TrimLeft(from, "0123456789.") + strings.TrimLeft(to, "0123456789.")
	if ways != "" {
		k = sortKey{}
	}
	for _, w := range ways {
		switch w {
		case 'n':
			k.numeric = true
		case 'h':
			k.human = true
		case 'V':
			k.version = true
		case 'f':
			k.fold = true
		case 'r':
			k.reverse = true
		case 'b':
			k.blanks = true
		default:
			return k, fmt.Errorf("unknown way %q", w)
		}
	}
	var err error
	if k.from, err = fieldNumber(from); err != nil {
		return k, err
	}
	k.to = 0
	if to != "" {
		k.to, err = fieldNumber(to)
	}
	return k, err
}

func fieldNumber(text string) (int, error) {
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
	n, err := strconv.Atoi(digits)
	if err == nil && n < 1 {
		err = strconv.ErrRange
	}
	return n, err
}

func (k sortKey) part(line, separator string) string {
	if k.from == 1 && k.to == 0 {
		return line
	}
	var fields []string
	between := separator
	if separator == "" {
		fields, between = strings.Fields(line), " "
	} else {
		fields = strings.Split(line, separator)
	}
	last := len(fields)
	if k.to > 0 {
		last = min(k.to, last)
	}
	if k.from > last {
		return ""
	}
	return strings.Join(fields[k.from-1:last], between)
}

func (k sortKey) compare(a, b, separator string) int {
	a, b = k.part(a, separator), k.part(b, separator)
	if k.blanks {
		a, b = strings.TrimLeft(a, " \t"), strings.TrimLeft(b, " \t")
	}
	if k.fold {
		a, b = strings.ToUpper(a), strings.ToUpper(b)
	}
	var c int
	switch {
	case k.numeric:
		c = cmp.Compare(leadingNumber(a), leadingNumber(b))
	case k.human:
		c = cmp.Compare(humanNumber(a), humanNumber(b))
	case k.version:
		c = compareVersions(a, b)
	default:
		c = strings.Compare(a, b)
	}
	if k.reverse {
		return -c
	}
	return c
}

func leadingNumber(text string) float64 {
	text = strings.TrimLeft(text, " \t")
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.' || end == 0 && text[end] == '-') {
		end++
	}
	n, _ := strconv.ParseFloat(text[:end], 64) // no number counts as 0
	return n
}

func humanNumber(text string) float64 {
	text = strings.TrimSpace(text)
	n := leadingNumber(text)
	rest := strings.TrimLeft(text, "-0123456789.")
	if rest != "" {
		if at := strings.IndexByte("KMGTPE", strings.ToUpper(rest)[0]); at >= 0 {
			for range at + 1 {
				n *= 1024
			}
		}
	}
	return n
}

// compareVersions compares runs of digits as numbers.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		x, y := run(a), run(b)
		c := strings.Compare(x, y)
		if isDigit(x[0]) && isDigit(y[0]) {
			c = cmp.Compare(leadingNumber(x), leadingNumber(y))
		}
		if c != 0 {
			return c
		}
		a, b = a[len(x):], b[len(y):]
	}
	return cmp.Compare(len(a), len(b))
}

func run(text string) string {
	end := 1
	for end < len(text) && isDigit(text[end]) == isDigit(text[0]) {
		end++
	}
	return text[:end]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
