// Package commands holds the starter image's commands: a thin set over the standard library, with the options that scripts and agents use.
package commands

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Proc is one run of a command: its words and streams. Paths are relative to the program's own working folder.
type Proc struct {
	Name string
	Args []string
	In   io.Reader
	Out  *bufio.Writer
	Err  io.Writer

	code int // 1 or more after the first complaint
}

// Process is a run on the program's own streams.
func Process(name string, args []string) *Proc {
	return &Proc{Name: name, Args: args, In: os.Stdin, Out: bufio.NewWriterSize(os.Stdout, 32<<10), Err: os.Stderr}
}

// Command does its work and gives its exit code.
type Command func(*Proc) int

// Find gives a command by name, nil if the image has none of it. Its output is flushed when it returns.
func Find(name string) Command {
	command := table[name]
	if command == nil {
		return nil
	}
	return func(p *Proc) int {
		code := command(p)
		if err := p.Out.Flush(); err != nil && code == 0 {
			p.fail("write error", err)
			code = 1
		}
		return code
	}
}

// Names are all commands, unsorted.
func Names() []string {
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	return names
}

// complain prints "NAME: …" and makes the exit code at least 1.
func (p *Proc) complain(format string, args ...any) {
	p.code = max(p.code, 1)
	_ = p.Out.Flush() // what was found before the complaint stands before it
	fmt.Fprintf(p.Err, p.Name+": "+format+"\n", args...)
}

// fail complains about a path.
func (p *Proc) fail(path string, err error) { p.complain("%s: %s", path, reason(err)) }

// usage complains about the command's words; 2 is the exit code for that.
func (p *Proc) usage(format string, args ...any) int {
	p.complain(format, args...)
	p.code = 2
	return 2
}

// reason words an error as the C library does.
func reason(err error) string {
	var errno syscall.Errno
	text := err.Error()
	if errors.As(err, &errno) {
		text = errno.Error()
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// input opens a file, or standard input for "-"; the caller closes it.
func (p *Proc) input(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(p.In), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, syscall.EISDIR
	}
	return f, nil
}

// each runs do over the named files, or standard input if there is none, and complains about those that cannot be read.
func (p *Proc) each(names []string, do func(name string, r io.Reader) error) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		r, err := p.input(name)
		if err == nil {
			err = do(name, r)
			r.Close()
		}
		if err != nil {
			p.fail(name, err)
		}
	}
	return p.code
}

// lines calls do with each line and its newline, if it has one; do returns false to stop.
func lines(r io.Reader, do func(line []byte) bool) error {
	return records(r, '\n', do)
}

func records(r io.Reader, end byte, do func(record []byte) bool) error {
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		record, err := b.ReadBytes(end)
		if len(record) > 0 && !do(record) {
			return nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
