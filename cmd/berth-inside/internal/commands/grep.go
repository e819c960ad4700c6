package commands

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// search is one grep: what to look for and what to print.
type search struct {
	p       *Proc
	o       options
	re      *regexp.Regexp
	named   bool // print file names
	before  int
	after   int
	most    int64
	matched bool
	bare    bool // no folder was named: names are shown without "./"
}

func grep(p *Proc) int {
	o, rest, ok := p.getopt("EFGPivnclLqrRowxhHsae:f:A:B:C:m:zI extended-regexp=E fixed-strings=F ignore-case=i invert-match=v line-number=n count=c files-with-matches=l files-without-match=L quiet=q silent=q recursive=r only-matching=o word-regexp=w line-regexp=x no-filename=h with-filename=H no-messages=s text=a regexp=e file=f after-context=A before-context=B context=C max-count=m include=1: exclude=2: exclude-dir=3: color=4 colour=4")
	if !ok {
		return p.code
	}
	s := &search{p: p, o: o, most: -1}
	patterns, files, err := p.patterns(o, rest)
	if err != nil {
		return p.usage("%v", err)
	}
	if s.re, err = s.expression(patterns); err != nil {
		return p.usage("%v", err)
	}
	if err := s.numbers(); err != nil {
		return p.usage("%v", err)
	}
	recursive := o.has('r') || o.has('R')
	if recursive && len(files) == 0 {
		files, s.bare = []string{"."}, true
	}
	s.named = (len(files) > 1 || recursive || o.has('H')) && !o.has('h')
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if recursive {
			s.tree(name)
		} else {
			s.file(name)
		}
		if s.matched && o.has('q') {
			return 0
		}
	}
	switch {
	case p.code > 0 && !(s.matched && o.has('q')):
		return 2
	case s.matched:
		return 0
	}
	return 1
}

// patterns gathers -e and -f, else the first operand; a newline separates patterns.
func (p *Proc) patterns(o options, rest []string) (patterns, files []string, err error) {
	for _, text := range o['e'] {
		patterns = append(patterns, strings.Split(text, "\n")...)
	}
	for _, name := range o['f'] {
		r, err := p.input(name)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %s", name, reason(err))
		}
		text, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			return nil, nil, err
		}
		if len(text) > 0 {
			patterns = append(patterns, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
		}
	}
	if o.has('e') || o.has('f') {
		return patterns, rest, nil
	}
	if len(rest) == 0 {
		return nil, nil, fmt.Errorf("no pattern")
	}
	return strings.Split(rest[0], "\n"), rest[1:], nil
}

func (s *search) expression(patterns []string) (*regexp.Regexp, error) {
	var parts []string
	for _, pattern := range patterns {
		text := regexp.QuoteMeta(pattern)
		if !s.o.has('F') {
			var err error
			if s.o.has('P') {
				text = pattern
			} else if text, err = translate(pattern, s.o.has('E')); err != nil {
				return nil, err
			}
		}
		parts = append(parts, "(?:"+text+")")
	}
	whole := strings.Join(parts, "|")
	if len(parts) == 0 {
		whole = `[^\s\S]`
	}
	if s.o.has('w') {
		whole = `\b(?:` + whole + `)\b`
	}
	if s.o.has('x') {
		whole = `^(?:` + whole + `)$`
	}
	flags := ""
	if s.o.has('i') {
		flags = "(?i)"
	}
	re, err := regexp.Compile(flags + whole)
	if err != nil {
		return nil, fmt.Errorf("invalid pattern %s", strings.Join(patterns, " "))
	}
	if !s.o.has('P') {
		re.Longest()
	}
	return re, nil
}

func (s *search) numbers() error {
	for letter, into := range map[byte][]*int{'A': {&s.after}, 'B': {&s.before}, 'C': {&s.after, &s.before}} {
		if !s.o.has(letter) {
			continue
		}
		n, err := amount(s.o.last(letter))
		if err != nil || n < 0 {
			return fmt.Errorf("%s: invalid context length", s.o.last(letter))
		}
		for _, i := range into {
			*i = max(*i, int(n))
		}
	}
	if s.o.has('m') {
		n, err := amount(s.o.last('m'))
		if err != nil {
			return fmt.Errorf("%s: invalid count", s.o.last('m'))
		}
		s.most = n
	}
	return nil
}

// tree searches a folder's files; hidden ones too, links that are not named themselves not.
func (s *search) tree(root string) {
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			s.fail(name, err)
			return nil
		}
		base := d.Name()
		if d.IsDir() {
			if name != root && anyMatch(s.o['3'], base) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() && !(name == root) {
			return nil
		}
		if len(s.o['1']) > 0 && !anyMatch(s.o['1'], base) || anyMatch(s.o['2'], base) {
			return nil
		}
		if strings.HasPrefix(root, "./") || root == "." && !s.bare && name != root {
			name = "./" + strings.TrimPrefix(name, "./")
		}
		s.file(name)
		return nil
	})
	if err != nil {
		s.fail(root, err)
	}
}

func anyMatch(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if ok, err := filepath.Match(pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}

func (s *search) fail(name string, err error) {
	if s.o.has('s') {
		s.p.code = 2
		return
	}
	s.p.fail(name, err)
}

func (s *search) file(name string) {
	r, err := s.p.input(name)
	if err != nil {
		s.fail(name, err)
		return
	}
	defer r.Close()
	label := name
	if name == "-" {
		label = "(standard input)"
	}
	n, err := s.lines(label, r)
	if err != nil {
		s.fail(name, err)
	}
	s.matched = s.matched || n > 0 && !s.o.has('L')
	switch {
	case s.o.has('q'):
	case s.o.has('l') && n > 0, s.o.has('L') && n == 0:
		s.matched = true
		fmt.Fprintln(s.p.Out, label)
	case s.o.has('c') && !s.o.has('l') && !s.o.has('L'):
		if s.named {
			fmt.Fprintf(s.p.Out, "%s:", label)
		}
		fmt.Fprintln(s.p.Out, n)
	}
}

// lines searches one input and prints what it finds, unless only counts or names are asked for; it gives the number of lines found.
func (s *search) lines(label string, r io.Reader) (found int64, err error) {
	silent := s.o.has('q') || s.o.has('l') || s.o.has('L') || s.o.has('c')
	var held [][]byte // lines before, not yet printed
	number, lastPrinted, trailing := 0, 0, 0
	err = lines(r, func(line []byte) bool {
		number++
		if !s.o.has('a') && bytes.IndexByte(line, 0) >= 0 && !silent {
			if s.re.Match(line) != s.o.has('v') {
				fmt.Fprintf(s.p.Out, "%s: binary file matches\n", label)
				found++
				return false
			}
			return true
		}
		text := bytes.TrimSuffix(line, []byte("\n"))
		if s.re.Match(text) == s.o.has('v') {
			if trailing > 0 {
				trailing--
				s.print(label, number, '-', text)
				lastPrinted = number
			} else if s.before > 0 && !silent {
				held = append(held, bytes.Clone(text))
				held = held[max(0, len(held)-s.before):]
			}
			return true
		}
		found++
		if !silent {
			if (s.before > 0 || s.after > 0) && lastPrinted > 0 && number-len(held) > lastPrinted+1 {
				fmt.Fprintln(s.p.Out, "--")
			}
			for i, earlier := range held {
				s.print(label, number-len(held)+i, '-', earlier)
			}
			held = nil
			s.print(label, number, ':', text)
			lastPrinted, trailing = number, s.after
		}
		return !(s.o.has('q') || s.o.has('l')) && (s.most < 0 || found < s.most)
	})
	return found, err
}

func (s *search) print(label string, number int, mark byte, text []byte) {
	parts := [][]byte{text}
	if s.o.has('o') {
		if mark == '-' {
			return
		}
		parts = s.re.FindAll(text, -1)
	}
	for _, part := range parts {
		if s.o.has('o') && len(part) == 0 {
			continue
		}
		if s.named {
			fmt.Fprintf(s.p.Out, "%s%c", label, mark)
		}
		if s.o.has('n') {
			fmt.Fprintf(s.p.Out, "%d%c", number, mark)
		}
		fmt.Fprintf(s.p.Out, "%s\n", part)
	}
}
