package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
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
