package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// found is one file that find looks at.
type found struct {
	path  string
	info  fs.FileInfo
	prune bool // do not go into it
}

// test is one part of an expression; it may act (print, delete).
type test func(*found) bool

// finder reads an expression and walks.
type finder struct {
	p       *Proc
	words   []string
	least   int // depths
	most    int
	depth   bool // contents before their folder
	acts    bool // the expression prints or acts by itself
	batches []*batch
	now     time.Time
}

// batch gathers paths for "-exec … {} +".
type batch struct {
	command []string
	paths   []string
}

func find(p *Proc) int {
	words := p.Args
	var roots []string
	for len(words) > 0 && !strings.HasPrefix(words[0], "-") && words[0] != "(" && words[0] != "!" {
		roots, words = append(roots, words[0]), words[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	f := &finder{p: p, words: words, most: -1, now: time.Now()}
	match, err := f.or()
	if err == nil && len(f.words) > 0 {
		err = fmt.Errorf("unexpected %s", f.words[0])
	}
	if err != nil {
		p.usage("%v", err)
		return 1
	}
	if !f.acts {
		inner := match
		match = func(x *found) bool { return inner(x) && f.print(x, "\n") }
	}
	for _, root := range roots {
		f.walk(root, 0, match)
	}
	for _, b := range f.batches {
		if len(b.paths) > 0 {
			f.run(append(b.command, b.paths...))
		}
	}
	return p.code
}

func (f *finder) walk(path string, depth int, match test) {
	info, err := os.Lstat(path)
	if err != nil {
		f.p.fail(path, err)
		return
	}
	x := &found{path: path, info: info}
	visit := func() {
		if depth >= f.least {
			match(x)
		}
	}
	if !f.depth {
		visit()
	}
	if info.IsDir() && !x.prune && (f.most < 0 || depth < f.most) {
		entries, err := os.ReadDir(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.p.fail(path, err)
		}
		for _, e := range entries {
			f.walk(strings.TrimSuffix(path, "/")+"/"+e.Name(), depth+1, match)
		}
	}
	if f.depth {
		visit()
	}
}

func (f *finder) peek() string {
	if len(f.words) == 0 {
		return ""
	}
	return f.words[0]
}

func (f *finder) take() (string, error) {
	if len(f.words) == 0 {
		return "", errors.New("an argument is missing")
	}
	word := f.words[0]
	f.words = f.words[1:]
	return word, nil
}

func (f *finder) or() (test, error) {
	left, err := f.and()
	for err == nil && (f.peek() == "-o" || f.peek() == "-or") {
		f.words = f.words[1:]
		var right test
		if right, err = f.and(); err == nil {
			a := left
			left = func(x *found) bool { return a(x) || right(x) }
		}
	}
	return left, err
}

func (f *finder) and() (test, error) {
	left := func(*found) bool { return true }
	for {
		switch f.peek() {
		case "", ")", "-o", "-or":
			return left, nil
		case "-a", "-and":
			f.words = f.words[1:]
			continue
		}
		right, err := f.not()
		if err != nil {
			return nil, err
		}
		a := left
		left = func(x *found) bool { return a(x) && right(x) }
	}
}

func (f *finder) not() (test, error) {
	word, err := f.take()
	if err != nil {
		return nil, err
	}
	switch word {
	case "!", "-not":
		inner, err := f.not()
		return func(x *found) bool { return !inner(x) }, err
	case "(":
		inner, err := f.or()
		if err == nil && f.peek() != ")" {
			err = errors.New("unmatched (")
		}
		if err == nil {
			f.words = f.words[1:]
		}
		return inner, err
	}
	return f.primary(word)
}
