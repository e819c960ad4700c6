package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/agentserver"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/text"
)

// logFlags say which lines of a sandbox's output.
type logFlags struct {
	follow, times bool
	since, grep   string
	tail          int
}

func (a *app) logsCommand() *cobra.Command {
	var o logFlags
	c := &cobra.Command{
		Use:   "logs [NAME]",
		Short: "Print what a sandbox's server says",
		Example: `  berth logs shop
  berth logs -f --tail 20 shop
  berth logs --since 10m --grep error shop`,
		Args:              between(0, 1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, name, err := a.attendOne(cmd.Context(), args)
			if err != nil {
				return err
			}
			return a.logs(cmd.Context(), s, name, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.follow, "follow", "f", false, "stay and print what comes")
	f.StringVar(&o.since, "since", "", "`time` begin there: 10m ago, or at 2026-11-21T09:14:02Z")
	f.IntVar(&o.tail, "tail", 10000, "`n` only this many lines from the end; 0: all")
	f.BoolVarP(&o.times, "timestamps", "t", false, "the time before each line")
	f.StringVar(&o.grep, "grep", "", "`regexp` only lines that match")
	return c
}

func (a *app) logs(ctx context.Context, s *session, name string, o logFlags) error {
	since, err := parseSince(o.since, time.Now())
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(o.grep)
	if err != nil {
		return usage("quote it for the shell: --grep 'error|warn'", "--grep %s: %s", o.grep, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if o.tail < 0 {
		return usage("0 means all", "--tail=%d: less than nothing", o.tail)
	}
	return s.eachLine(ctx, name, sandbox.LogOptions{Tail: o.tail, Since: since, Follow: o.follow, Timestamps: o.times || a.global.json}, func(at, line string) error {
		if !wanted.MatchString(line) {
			return nil
		}
		if err := a.printLogLine(name, at, line, o.times); err != nil {
			return err
		}
		return a.print.Broken()
	})
}

func (a *app) printLogLine(name, at, line string, times bool) error {
	switch {
	case a.global.json:
		return a.print.Object("log", struct {
			T       string `json:"t"`
			Sandbox string `json:"sandbox"`
			Line    string `json:"line"`
		}{at, name, line})
	case times:
		a.print.Lines(at + " " + line)
	default:
		a.print.Lines(line)
	}
	return nil
}

// eachLine hands on a sandbox's output line by line, clean of control characters and of the sandbox's keys: a server's
// access log holds whole URLs, and VS Code's hold its key.
func (s *session) eachLine(ctx context.Context, name string, o sandbox.LogOptions, do func(at, line string) error) error {
	status, err := s.Status(ctx, name)
	if err != nil {
		return err
	}
	stream, err := s.Runtime.Logs(ctx, status.Observed.ID, o)
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it was only read
	hide := s.keysOf(name)
	lines := bufio.NewReaderSize(stream, 64<<10)
	for {
		raw, err := readLine(lines)
		if raw != "" || err == nil {
			at := ""
			if o.Timestamps {
				at, raw, _ = strings.Cut(raw, " ")
			}
			if err := do(text.Line(at), hide.String(text.Line(agentserver.LogLine(raw)))); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("logs of %s: %w", name, err)
		}
	}
}

// readLine reads a line without its end; of a line beyond the buffer the rest is dropped.
func readLine(r *bufio.Reader) (string, error) {
	line, more, err := r.ReadLine()
	kept := string(line)
	for more && err == nil {
		_, more, err = r.ReadLine()
	}
	return kept, err
}

// keysOf takes the keys of a sandbox out of a text, in whatever form they stand there.
func (s *session) keysOf(name string) *secret.Redactor {
	record, err := s.Store.Record(name)
	if err != nil {
		return secret.NewRedactor() // no record, no keys known: there remains what stands behind a key's name
	}
	return secret.NewRedactor(record.Keys.Session, record.Keys.Secret)
}

// parseSince reads how long ago, or when.
func parseSince(word string, now time.Time) (time.Time, error) {
	if word == "" {
		return time.Time{}, nil
	}
	if ago, err := parseLong(word); err == nil {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, word, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usage("10m, 3d or 2026-11-21T09:14:02Z", "--since %s: neither how long ago nor a time", word)
}
