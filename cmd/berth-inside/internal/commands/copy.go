package commands

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// copying is how cp and mv treat what they meet.
type copying struct {
	p         *Proc
	recursive bool
	preserve  bool // times and modes
	force     bool
	noClobber bool
	follow    bool // copy what links point to
	verbose   bool
}

func cp(p *Proc) int {
	o, paths, ok := p.getopt("rRapfinvdTt:LPHu recursive=r archive=a force=f no-clobber=n verbose=v preserve=p target-directory=t dereference=L no-dereference=P no-target-directory=T")
	if !ok {
		return p.code
	}
	archive := o.has('a')
	recursive := o.has('r') || o.has('R') || archive
	c := &copying{p: p, recursive: recursive, preserve: o.has('p') || archive, force: o.has('f'), noClobber: o.has('n'),
		follow: o.has('L') || !recursive && !o.has('P') && !o.has('d'), verbose: o.has('v')}
	return p.toTarget(o, paths, c.one)
}

func mv(p *Proc) int {
	o, paths, ok := p.getopt("fnvTt:iu force=f no-clobber=n verbose=v target-directory=t no-target-directory=T")
	if !ok {
		return p.code
	}
	c := &copying{p: p, recursive: true, preserve: true, force: true, noClobber: o.has('n')}
	return p.toTarget(o, paths, c.move)
}

// toTarget calls do(source, destination) for each source; a destination that is a folder gets them inside.
func (p *Proc) toTarget(o options, paths []string, do func(from, to string) error) int {
	target, into := o.last('t'), true
	if !o.has('t') {
		if len(paths) < 2 {
			return p.usage("missing destination")
		}
		target, paths = paths[len(paths)-1], paths[:len(paths)-1]
		info, err := os.Stat(target)
		into = err == nil && info.IsDir() && !o.has('T')
		if len(paths) > 1 && !into {
			p.complain("%s: Not a directory", target)
			return p.code
		}
	}
	for _, from := range paths {
		to := target
		if into {
			to = filepath.Join(target, filepath.Base(from))
		}
		if err := do(from, to); err != nil {
			p.fail(pathOf(err, from), err)
		}
	}
	return p.code
}

// pathOf gives the path an error names, or the one at hand.
func pathOf(err error, path string) string {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		return pathErr.Path
	case errors.As(err, &linkErr):
		return linkErr.New
	}
	return path
}

func (c *copying) move(from, to string) error {
	if c.noClobber {
		if _, err := os.Lstat(to); err == nil {
			return nil
		}
	}
	err := os.Rename(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	if err := c.one(from, to); err != nil {
		return err
	}
	return os.RemoveAll(from)
}

// one copies a file, link or, if asked, a folder with all in it.
func (c *copying) one(from, to string) error {
	stat := os.Lstat
	if c.follow {
		stat = os.Stat
	}
	info, err := stat(from)
	if err != nil {
		return err
	}
	if c.noClobber {
		if _, err := os.Lstat(to); err == nil {
			return nil
		}
	}
	if there, err := os.Stat(to); err == nil && os.SameFile(info, there) {
		return errors.New("source and destination are the same file")
	}
	switch {
	case info.IsDir() && !c.recursive:
		return errors.New("is a folder, and -r was not given")
	case info.IsDir():
		err = c.folder(from, to, info)
	case info.Mode()&fs.ModeSymlink != 0:
		err = copyLink(from, to)
	case info.Mode().IsRegular():
		err = c.file(from, to, info)
	default:
		err = errors.New("is neither file, folder nor link")
	}
	if err == nil && c.verbose {
		_, _ = c.p.Out.WriteString("'" + from + "' -> '" + to + "'\n")
	}
	if err == nil && c.preserve && info.Mode()&fs.ModeSymlink == 0 {
		err = errors.Join(os.Chmod(to, info.Mode().Perm()), os.Chtimes(to, time.Time{}, info.ModTime()))
	}
	return err
}

func (c *copying) folder(from, to string, info fs.FileInfo) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	// Writable while it is filled, whatever its mode is to be.
	if err := os.Mkdir(to, info.Mode().Perm()|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, e := range entries {
		if err := c.one(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			c.p.fail(pathOf(err, filepath.Join(from, e.Name())), err)
		}
	}
	return nil
}

func (c *copying) file(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil && c.force && os.Remove(to) == nil {
		out, err = os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func copyLink(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	_ = os.Remove(to) // what stands there gives way; if it cannot, Symlink says so
	return os.Symlink(target, to)
}
