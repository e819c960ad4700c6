package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func xargs(p *Proc) int {
	o, command, ok := p.getopt("+0n:I:rd:tP:L:i null=0 max-args=n replace=I no-run-if-empty=r delimiter=d verbose=t max-procs=P max-lines=L")
	if !ok {
		return p.code
	}
	if len(command) == 0 {
		command = []string{"echo"}
	}
	items, err := p.items(o)
	if err != nil {
		return p.usage("%v", err)
	}
	most := len(items)
	for _, letter := range []byte{'n', 'L'} {
		if o.has(letter) {
			n, err := amount(o.last(letter))
			if err != nil || n < 1 {
				return p.usage("%s: invalid number", o.last(letter))
			}
			most = int(n)
		}
	}
	mark := o.last('I')
	if mark != "" {
		most = 1
	}
	if len(items) == 0 && (o.has('r') || mark != "") {
		return 0
	}
	for first := true; first || len(items) > 0; first = false {
		batch := items[:min(max(1, most), len(items))]
		// The kernel refuses more than about 2 MB of arguments.
		for length(batch) > 1<<17 && len(batch) > 1 {
			batch = batch[:len(batch)/2]
		}
		items = items[len(batch):]
		words := slices.Concat(command, batch)
		if mark != "" {
			words = make([]string, len(command))
			for i, word := range command {
				words[i] = strings.ReplaceAll(word, mark, batch[0])
			}
		}
		if o.has('t') {
			fmt.Fprintln(p.Err, strings.Join(words, " "))
		}
		if code := p.child(words); code > 123 {
			return code
		}
	}
	return p.code
}

// child runs a program and turns its end into xargs' exit code.
func (p *Proc) child(words []string) int {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		p.complain("%s: not in the starter image", words[0])
		return 127
	case exit.ExitCode() == 255:
		return 124
	case exit.ExitCode() < 0:
		return 125
	}
	p.code = 123
	return 123
}

func length(words []string) (n int) {
	for _, word := range words {
		n += len(word) + 1
	}
	return n
}

// items reads xargs' input: words with quotes and backslashes, or what -0, -d, -I and -L say.
func (p *Proc) items(o options) ([]string, error) {
	end := byte(0)
	plain := o.has('0')
	switch {
	case o.has('d'):
		text := unescape(o.last('d'))
		if len(text) != 1 {
			return nil, errors.New("-d: one character is needed")
		}
		end, plain = text[0], true
	case o.has('I'), o.has('L'):
		end, plain = '\n', true
	}
	var items []string
	if plain {
		err := records(p.In, end, func(record []byte) bool {
			item := strings.TrimSuffix(string(record), string(end))
			if end == '\n' && !o.has('d') {
				item = strings.TrimLeft(item, " \t")
			}
			if item != "" || o.has('0') {
				items = append(items, item)
			}
			return true
		})
		return items, err
	}
	text, err := io.ReadAll(p.In)
	if err != nil {
		return nil, err
	}
	return splitWords(string(text))
}

func splitWords(text string) (items []string, err error) {
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			inWord = true
		case strings.IndexByte(" \t\n\r", c) >= 0:
			if inWord {
				items = append(items, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("unmatched quote")
	}
	if inWord {
		items = append(items, word.String())
	}
	return items, nil
}
