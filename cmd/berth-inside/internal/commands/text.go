package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

func cat(p *Proc) int {
	o, files, ok := p.getopt("nbsuvETA number=n")
	if !ok {
		return p.code
	}
	number := 0
	return p.each(files, func(_ string, r io.Reader) error {
		if !o.has('n') && !o.has('b') {
			_, err := io.Copy(p.Out, r)
			return err
		}
		return lines(r, func(line []byte) bool {
			if o.has('b') && len(bytes.TrimRight(line, "\n")) == 0 {
				_, _ = p.Out.Write(line)
				return true
			}
			number++
			fmt.Fprintf(p.Out, "%6d\t%s", number, line)
			return true
		})
	})
}

// countArg lets head and tail take "-20" for "-n 20".
func countArg(args []string) []string {
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && args[0][1] >= '0' && args[0][1] <= '9' {
		return append([]string{"-n", args[0][1:]}, args[1:]...)
	}
	return args
}

// amount reads "20", "2k", "1M": a count with its suffix. A sign in front is the caller's.
func amount(text string) (int64, error) {
	factor := int64(1)
	if n := len(text); n > 1 {
		switch text[n-1] {
		case 'k', 'K':
			factor, text = 1<<10, text[:n-1]
		case 'm', 'M':
			factor, text = 1<<20, text[:n-1]
		case 'g', 'G':
			factor, text = 1<<30, text[:n-1]
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errors.New("invalid number")
	}
	return n * factor, nil
}

func head(p *Proc) int {
	p.Args = countArg(p.Args)
	o, files, ok := p.getopt("n:c:qv lines=n bytes=c quiet=q verbose=v")
	if !ok {
		return p.code
	}
	text := "10"
	if o.has('n') {
		text = o.last('n')
	}
	bytewise := o.has('c')
	if bytewise {
		text = o.last('c')
	}
	n, err := amount(text)
	if err != nil {
		return p.usage("%s: invalid number", text)
	}
	return p.each(files, p.headed(files, o, func(r io.Reader) error {
		switch {
		case bytewise && n >= 0:
			_, err := io.CopyN(p.Out, r, n)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		case bytewise || n < 0:
			return p.allBut(r, -n, bytewise)
		}
		left := n
		if left == 0 {
			return nil
		}
		return lines(r, func(line []byte) bool {
			_, err := p.Out.Write(line)
			left--
			return err == nil && left > 0
		})
	}))
}

// allBut writes everything but the last n lines or bytes.
func (p *Proc) allBut(r io.Reader, n int64, bytewise bool) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if bytewise {
		_, err = p.Out.Write(data[:max(0, int64(len(data))-n)])
		return err
	}
	all := bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	for _, line := range all[:max(0, int64(len(all))-n)] {
		_, _ = p.Out.Write(line)
	}
	return nil
}

// headed prints "==> name <==" before each of several files, as head and tail do.
func (p *Proc) headed(files []string, o options, do func(io.Reader) error) func(string, io.Reader) error {
	first := true
	return func(name string, r io.Reader) error {
		if (len(files) > 1 || o.has('v')) && !o.has('q') {
			if !first {
				fmt.Fprintln(p.Out)
			}
			if name == "-" {
				name = "standard input"
			}
			fmt.Fprintf(p.Out, "==> %s <==\n", name)
			first = false
		}
		return do(r)
	}
}

func tail(p *Proc) int {
	p.Args = countArg(p.Args)
	o, files, ok := p.getopt("n:c:qvfF lines=n bytes=c quiet=q verbose=v follow=f")
	if !ok {
		return p.code
	}
	if o.has('f') || o.has('F') {
		return p.usage("-f: not in the starter image")
	}
	text, bytewise := "10", o.has('c')
	if o.has('n') {
		text = o.last('n')
	}
	if bytewise {
		text = o.last('c')
	}
	fromStart := strings.HasPrefix(text, "+")
	n, err := amount(strings.TrimLeft(text, "+-"))
	if err != nil {
		return p.usage("%s: invalid number", text)
	}
	return p.each(files, p.headed(files, o, func(r io.Reader) error {
		switch {
		case fromStart && bytewise:
			_, _ = io.CopyN(io.Discard, r, n-1) // fewer bytes than that: nothing is left
			_, err := io.Copy(p.Out, r)
			return err
		case fromStart:
			at := int64(0)
			return lines(r, func(line []byte) bool {
				at++
				if at >= n {
					_, _ = p.Out.Write(line)
				}
				return true
			})
		case bytewise:
			return p.lastBytes(r, n)
		}
		return p.lastLines(r, n)
	}))
}

func (p *Proc) lastLines(r io.Reader, n int64) error {
	var ring [][]byte
	err := lines(r, func(line []byte) bool {
		ring = append(ring, line)
		if int64(len(ring)) > 2*n+64 {
			ring = append([][]byte(nil), ring[int64(len(ring))-n:]...)
		}
		return true
	})
	for _, line := range ring[max(0, int64(len(ring))-n):] {
		_, _ = p.Out.Write(line)
	}
	return err
}

func (p *Proc) lastBytes(r io.Reader, n int64) error {
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			if _, err := f.Seek(max(0, info.Size()-n), io.SeekStart); err != nil {
				return err
			}
		}
	}
	data, err := io.ReadAll(r)
	_, _ = p.Out.Write(data[max(0, int64(len(data))-n):])
	return err
}

// counts are what wc tells of one input.
type counts struct{ lines, words, chars, bytes int64 }

func wc(p *Proc) int {
	o, files, ok := p.getopt("lwcm lines=l words=w bytes=c chars=m")
	if !ok {
		return p.code
	}
	if len(o) == 0 {
		o = options{'l': {""}, 'w': {""}, 'c': {""}}
	}
	var total counts
	code := p.each(files, func(name string, r io.Reader) error {
		c, err := count(r)
		if len(files) == 0 {
			name = ""
		}
		p.printCounts(o, c, name, len(files))
		total = counts{total.lines + c.lines, total.words + c.words, total.chars + c.chars, total.bytes + c.bytes}
		return err
	})
	if len(files) > 1 {
		p.printCounts(o, total, "total", len(files))
	}
	return code
}

func count(r io.Reader) (c counts, err error) {
	err = lines(r, func(line []byte) bool {
		c.bytes += int64(len(line))
		c.chars += int64(utf8.RuneCount(line))
		c.words += int64(len(bytes.Fields(line)))
		if line[len(line)-1] == '\n' {
			c.lines++
		}
		return true
	})
	return c, err
}

func (p *Proc) printCounts(o options, c counts, name string, files int) {
	var columns []string
	for _, column := range []struct {
		letter byte
		n      int64
	}{{'l', c.lines}, {'w', c.words}, {'m', c.chars}, {'c', c.bytes}} {
		if o.has(column.letter) {
			columns = append(columns, strconv.FormatInt(column.n, 10))
		}
	}
	if len(columns) > 1 || files > 1 {
		for i, column := range columns {
			columns[i] = fmt.Sprintf("%7s", column)
		}
	}
	text := strings.Join(columns, " ")
	if name != "" {
		text += " " + name
	}
	fmt.Fprintln(p.Out, text)
}

func tee(p *Proc) int {
	o, files, ok := p.getopt("ai append=a")
	if !ok {
		return p.code
	}
	mode := os.O_TRUNC
	if o.has('a') {
		mode = os.O_APPEND
	}
	outs := []io.Writer{p.Out}
	for _, name := range files {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|mode, 0o666)
		if err != nil {
			p.fail(name, err)
			continue
		}
		defer f.Close()
		outs = append(outs, f)
	}
	if _, err := io.Copy(io.MultiWriter(outs...), p.In); err != nil {
		p.fail("-", err)
	}
	return p.code
}
