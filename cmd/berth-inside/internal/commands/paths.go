package commands

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func basename(p *Proc) int {
	o, names, ok := p.getopt("+as:z multiple=a suffix=s")
	if !ok {
		return p.code
	}
	if len(names) == 0 {
		return p.usage("missing operand")
	}
	suffix := o.last('s')
	if !o.has('a') && !o.has('s') {
		if len(names) > 1 {
			suffix = names[1]
		}
		names = names[:1]
	}
	for _, name := range names {
		base := filepath.Base(name)
		if base != suffix {
			base = strings.TrimSuffix(base, suffix)
		}
		fmt.Fprintln(p.Out, base)
	}
	return 0
}

func dirname(p *Proc) int {
	_, names, ok := p.getopt("z")
	if !ok {
		return p.code
	}
	if len(names) == 0 {
		return p.usage("missing operand")
	}
	for _, name := range names {
		trimmed := strings.TrimRight(name, "/")
		if trimmed == "" && name != "" {
			trimmed = "/"
		}
		fmt.Fprintln(p.Out, filepath.Dir(trimmed))
	}
	return 0
}

func readlink(p *Proc) int {
	o, names, ok := p.getopt("fnemqsz canonicalize=f canonicalize-existing=e canonicalize-missing=m no-newline=n")
	if !ok {
		return p.code
	}
	for _, name := range names {
		target, err := os.Readlink(name)
		if o.has('f') || o.has('e') || o.has('m') {
			target, err = canonical(name, o.has('e'))
		}
		if err != nil {
			p.code = 1 // readlink is silent about what is no link
			continue
		}
		fmt.Fprint(p.Out, target)
		if !o.has('n') {
			fmt.Fprintln(p.Out)
		}
	}
	return p.code
}

// canonical resolves all links; the last part need not exist, unless it must.
func canonical(name string, must bool) (string, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(full)
	if err == nil || must || !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(full))
	return filepath.Join(parent, filepath.Base(full)), err
}

func mktemp(p *Proc) int {
	o, templates, ok := p.getopt("dp:tqu directory=d tmpdir=p quiet=q dry-run=u suffix=1:")
	if !ok {
		return p.code
	}
	folder := os.TempDir()
	if o.last('p') != "" {
		folder = o.last('p')
	}
	template := "tmp.XXXXXXXXXX"
	if len(templates) > 0 {
		template = templates[0]
		if !o.has('p') && !o.has('t') {
			folder = ""
		}
	}
	stem := strings.TrimRight(template, "X")
	marks := len(template) - len(stem)
	if marks < 3 {
		p.complain("too few X's in template '%s'", template)
		return p.code
	}
	for range 100 {
		name := filepath.Join(folder, stem+strings.ToLower(rand.Text())[:min(marks, 26)]+o.last('1'))
		err := makeTemp(name, o)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			p.fail(pathOf(err, name), err)
			return p.code
		}
		fmt.Fprintln(p.Out, name)
		return 0
	}
	p.complain("every name is taken")
	return p.code
}

func makeTemp(name string, o options) error {
	switch {
	case o.has('u'):
		return nil
	case o.has('d'):
		return os.Mkdir(name, 0o700)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func which(p *Proc) int {
	o, names, ok := p.getopt("as all=a")
	if !ok {
		return p.code
	}
	for _, name := range names {
		found := 0
		for _, path := range candidates(name) {
			info, err := os.Stat(path)
			if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
				continue
			}
			found++
			fmt.Fprintln(p.Out, path)
			if !o.has('a') {
				break
			}
		}
		if found == 0 {
			p.code = 1
		}
	}
	return p.code
}

func candidates(name string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	var paths []string
	for _, folder := range filepath.SplitList(lookup(os.Environ(), "PATH")) {
		paths = append(paths, filepath.Join(folder, name))
	}
	return paths
}

// lookup gives a variable's value.
func lookup(env []string, name string) string {
	for _, v := range env {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}
