package commands

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func rm(p *Proc) int {
	o, paths, ok := p.getopt("rRfivd recursive=r force=f verbose=v dir=d")
	if !ok {
		return p.code
	}
	force := o.has('f')
	if len(paths) == 0 && !force {
		return p.usage("missing operand")
	}
	for _, name := range paths {
		if base := filepath.Base(name); base == "." || base == ".." || filepath.Clean(name) == "/" {
			p.complain("refusing to remove %s", name)
			continue
		}
		info, err := os.Lstat(name)
		if err != nil {
			if !force || !errors.Is(err, fs.ErrNotExist) {
				p.fail(name, err)
			}
			continue
		}
		remove := os.Remove
		if o.has('r') || o.has('R') {
			remove = os.RemoveAll
		} else if info.IsDir() && !o.has('d') {
			p.complain("%s: Is a directory", name)
			continue
		}
		if err := remove(name); err != nil {
			p.fail(pathOf(err, name), err)
		} else if o.has('v') {
			_, _ = p.Out.WriteString("removed '" + name + "'\n")
		}
	}
	return p.code
}

func mkdir(p *Proc) int {
	o, paths, ok := p.getopt("pm:v parents=p mode=m verbose=v")
	if !ok {
		return p.code
	}
	if len(paths) == 0 {
		return p.usage("missing operand")
	}
	for _, name := range paths {
		make := os.Mkdir
		if o.has('p') {
			make = os.MkdirAll
		}
		err := make(name, 0o777)
		if err == nil && o.has('m') {
			var mode fs.FileMode
			if mode, err = newMode(0o777, o.last('m'), true); err == nil {
				err = os.Chmod(name, mode)
			}
		}
		if err != nil {
			p.fail(pathOf(err, name), err)
		}
	}
	return p.code
}

func rmdir(p *Proc) int {
	o, paths, ok := p.getopt("pv parents=p ignore-fail-on-non-empty=1:")
	if !ok {
		return p.code
	}
	for _, name := range paths {
		for {
			if err := syscall.Rmdir(name); err != nil {
				p.fail(name, err)
				break
			}
			name = filepath.Dir(filepath.Clean(name))
			if !o.has('p') || name == "." || name == "/" {
				break
			}
		}
	}
	return p.code
}

func ln(p *Proc) int {
	o, paths, ok := p.getopt("sfnvrT symbolic=s force=f no-dereference=n")
	if !ok {
		return p.code
	}
	if len(paths) == 1 {
		paths = append(paths, ".")
	}
	return p.toTarget(lnOptions(o, paths), paths, func(from, to string) error {
		if o.has('f') {
			if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if !o.has('s') {
			return os.Link(from, to)
		}
		if o.has('r') {
			if rel, err := filepath.Rel(filepath.Dir(to), from); err == nil {
				from = rel
			}
		}
		return os.Symlink(from, to)
	})
}

// lnOptions: with -n a destination that is a link to a folder is the link, not the folder.
func lnOptions(o options, paths []string) options {
	if len(paths) == 0 || !o.has('n') {
		return o
	}
	if info, err := os.Lstat(paths[len(paths)-1]); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return options{'T': {""}}
	}
	return o
}

func touch(p *Proc) int {
	o, paths, ok := p.getopt("camd:r:t:h no-create=c date=d reference=r")
	if !ok {
		return p.code
	}
	at := time.Now()
	switch {
	case o.has('r'):
		info, err := os.Stat(o.last('r'))
		if err != nil {
			p.fail(o.last('r'), err)
			return p.code
		}
		at = info.ModTime()
	case o.has('d'):
		var err error
		if at, err = readDate(o.last('d'), time.Local, at); err != nil {
			return p.usage("invalid date '%s'", o.last('d'))
		}
	case o.has('t'):
		var err error
		if at, err = time.ParseInLocation("200601021504", strings.TrimSuffix(o.last('t'), ".00"), time.Local); err != nil {
			return p.usage("invalid date '%s'", o.last('t'))
		}
	}
	for _, name := range paths {
		err := os.Chtimes(name, at, at)
		if errors.Is(err, fs.ErrNotExist) {
			if o.has('c') {
				continue
			}
			var f *os.File
			if f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
				f.Close()
				if o.has('d') || o.has('r') || o.has('t') {
					err = os.Chtimes(name, at, at)
				}
			}
		}
		if err != nil {
			p.fail(name, err)
		}
	}
	return p.code
}
