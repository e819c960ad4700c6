package commands

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// stream is one run of a sed script over lines.
type stream struct {
	p        *Proc
	script   []*sedCommand
	quiet    bool
	input    *bufio.Reader
	out      io.Writer
	pattern  string
	hold     string
	number   int
	last     bool // the line in the pattern space is the input's last
	newline  bool // it ended in one
	quit     bool
	code     int
	after    []string // texts of a, printed at the end of the cycle
	replaced bool     // for t
	files    map[string]io.Writer
}

func sed(p *Proc) int {
	o, files, ok := p.getopt("nEre:f:iszu quiet=n silent=n expression=e file=f regexp-extended=E in-place=i")
	if !ok {
		return p.code
	}
	var text strings.Builder
	for _, e := range o['e'] {
		text.WriteString(e + "\n")
	}
	for _, name := range o['f'] {
		b, err := os.ReadFile(name)
		if err != nil {
			p.fail(name, err)
			return 1
		}
		text.Write(b)
		text.WriteByte('\n')
	}
	if !o.has('e') && !o.has('f') {
		if len(files) == 0 {
			return p.usage("no script")
		}
		text.WriteString(files[0])
		files = files[1:]
	}
	script, err := parseSed(text.String(), o.has('E') || o.has('r'))
	if err != nil {
		p.usage("%v", err)
		return 1
	}
	if o.has('i') {
		return p.sedInPlace(files, script, o.has('n'))
	}
	var inputs []io.Reader
	p.each(files, func(_ string, r io.Reader) error {
		if len(files) == 0 {
			inputs = append(inputs, r)
			return nil
		}
		b, err := io.ReadAll(r) // the file is closed when this returns
		inputs = append(inputs, strings.NewReader(string(b)))
		return err
	})
	s := &stream{p: p, script: script, quiet: o.has('n'), out: p.Out}
	return max(s.run(io.MultiReader(inputs...)), p.code)
}

// sedInPlace runs the script over each file by itself and puts the result in its place, with the same permissions.
func (p *Proc) sedInPlace(files []string, script []*sedCommand, quiet bool) int {
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			p.fail(name, err)
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			p.fail(name, err)
			continue
		}
		var out strings.Builder
		s := &stream{p: p, script: script, quiet: quiet, out: &out}
		for _, c := range script {
			c.inRange = false
		}
		if code := s.run(strings.NewReader(string(text))); code != 0 {
			return code
		}
		if err := replaceFile(name, out.String(), info.Mode()); err != nil {
			p.fail(name, err)
		}
	}
	return p.code
}

func replaceFile(name, content string, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".sed*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(content)
	if chmodErr := f.Chmod(mode.Perm()); err == nil {
		err = chmodErr
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func (s *stream) run(r io.Reader) int {
	s.input = bufio.NewReader(r)
	for !s.quit && s.read() {
		s.cycle()
	}
	return s.code
}

// read takes the next line into the pattern space.
func (s *stream) read() bool {
	line, err := s.input.ReadString('\n')
	if err != nil && line == "" {
		return false
	}
	s.pattern, s.newline = strings.CutSuffix(line, "\n")
	s.number++
	_, err = s.input.Peek(1)
	s.last = err != nil
	return true
}

// cycle runs the script over one pattern space, again from the top after D.
func (s *stream) cycle() {
	again := true
	for again {
		again = false
		print := true
	script:
		for at := 0; at < len(s.script); at++ {
			c := s.script[at]
			if !c.selects(s) {
				if c.name == '{' {
					at = c.target
				}
				continue
			}
			switch next := s.do(c); next {
			case goOn:
			case jump:
				at = c.target - 1
			case endCycle:
				break script
			case noPrint:
				print = false
				break script
			case restart:
				print, again = false, true
				break script
			}
		}
		if print && !s.quiet {
			s.line(s.pattern)
		}
		for _, text := range s.after {
			fmt.Fprint(s.out, text)
		}
		s.after = nil
	}
}

func (s *stream) line(text string) {
	if s.last && !s.newline {
		fmt.Fprint(s.out, text)
		return
	}
	fmt.Fprintln(s.out, text)
}

// next is what a command makes of the cycle.
type next int

const (
	goOn next = iota
	jump
	endCycle
	noPrint
	restart
)

func (s *stream) do(c *sedCommand) next {
	switch c.name {
	case 's':
		s.substitute(c)
	case 'd':
		return noPrint
	case 'D':
		_, rest, found := strings.Cut(s.pattern, "\n")
		if !found {
			return noPrint
		}
		s.pattern = rest
		return restart
	case 'p':
		fmt.Fprintln(s.out, s.pattern)
	case 'P':
		first, _, _ := strings.Cut(s.pattern, "\n")
		fmt.Fprintln(s.out, first)
	case 'q', 'Q':
		s.quit, s.code = true, c.number
		if c.name == 'Q' {
			return noPrint
		}
		return endCycle
	case 'n', 'N':
		return s.following(c.name)
	case 'h':
		s.hold = s.pattern
	case 'H':
		s.hold += "\n" + s.pattern
	case 'g':
		s.pattern = s.hold
	case 'G':
		s.pattern += "\n" + s.hold
	case 'x':
		s.pattern, s.hold = s.hold, s.pattern
	case 'y':
		s.pattern = c.table.Replace(s.pattern)
	case 'a':
		s.after = append(s.after, c.text+"\n")
	case 'i':
		fmt.Fprintln(s.out, c.text)
	case 'c':
		if !c.isRange() || c.atEnd {
			fmt.Fprintln(s.out, c.text)
		}
		return noPrint
	case 'r':
		if b, err := os.ReadFile(c.text); err == nil { // a file that is not there is empty
			s.after = append(s.after, string(b))
		}
	case 'w':
		if w := s.file(c.text); w != nil {
			fmt.Fprintln(w, s.pattern)
		}
	case '=':
		fmt.Fprintln(s.out, s.number)
	case 'l':
		fmt.Fprintf(s.out, "%s$\n", strings.Trim(fmt.Sprintf("%q", s.pattern), `"`))
	case 'b':
		return jump
	case 't':
		if s.replaced {
			s.replaced = false
			return jump
		}
	case 'T':
		if !s.replaced {
			return jump
		}
		s.replaced = false
	}
	return goOn
}

// following does n and N: the next line instead of, or after, this one.
func (s *stream) following(name byte) next {
	if s.last {
		s.quit = true
		return endCycle
	}
	before := s.pattern
	if name == 'n' {
		if !s.quiet {
			fmt.Fprintln(s.out, before)
		}
		s.read()
		return goOn
	}
	s.read()
	s.pattern = before + "\n" + s.pattern
	return goOn
}

func (s *stream) substitute(c *sedCommand) {
	var out strings.Builder
	at, n, done := 0, 0, false
	for _, m := range c.re.FindAllStringSubmatchIndex(s.pattern, -1) {
		n++
		if n < max(1, c.number) || done && !c.global {
			continue
		}
		out.WriteString(s.pattern[at:m[0]])
		out.WriteString(c.replacement(s.pattern, m))
		at, done = m[1], true
	}
	if !done {
		return
	}
	s.pattern, s.replaced = out.String()+s.pattern[at:], true
	if c.print {
		fmt.Fprintln(s.out, s.pattern)
	}
	if c.text != "" {
		if w := s.file(c.text); w != nil {
			fmt.Fprintln(w, s.pattern)
		}
	}
}

// file gives the writer of a w file, which is made empty once for the whole run.
func (s *stream) file(name string) io.Writer {
	if w, known := s.files[name]; known {
		return w
	}
	var w io.Writer
	f, err := os.Create(name)
	if err == nil {
		w = f
	} else {
		s.p.fail(name, err)
	}
	if name == "/dev/stdout" {
		w = s.out
	}
	if s.files == nil {
		s.files = map[string]io.Writer{}
	}
	s.files[name] = w
	return w
}

// address chooses lines: a number, the last, a pattern, or every step-th.
type address struct {
	number int
	step   int
	last   bool
	re     *regexp.Regexp
	plus   bool // "+N" lines after the first address
}

func (a *address) fits(s *stream) bool {
	switch {
	case a.re != nil:
		return a.re.MatchString(s.pattern)
	case a.last:
		return s.last
	case a.step > 0:
		return s.number >= a.number && (s.number-a.number)%a.step == 0
	}
	return s.number == a.number
}
