package commands

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

func chmod(p *Proc) int {
	// A mode can begin with "-", as in "-x": it is no option.
	args := p.Args
	recursive := false
	for len(args) > 0 && (args[0] == "-R" || args[0] == "-v" || args[0] == "-f" || args[0] == "--recursive" || args[0] == "--") {
		recursive = recursive || args[0] == "-R" || args[0] == "--recursive"
		args = args[1:]
	}
	if len(args) < 2 {
		return p.usage("missing operand")
	}
	change := func(name string) error {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		mode, err := newMode(info.Mode(), args[0], info.IsDir())
		if err != nil {
			return err
		}
		return os.Chmod(name, mode)
	}
	for _, name := range args[1:] {
		if !recursive {
			if err := change(name); err != nil {
				p.fail(name, err)
			}
			continue
		}
		_ = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type()&fs.ModeSymlink == 0 {
				err = change(path)
			}
			if err != nil {
				p.fail(path, err)
			}
			return nil
		})
	}
	return p.code
}

// newMode changes a mode by "755" or "u+x,go-w,a=r".
func newMode(mode fs.FileMode, text string, dir bool) (fs.FileMode, error) {
	if n, err := strconv.ParseUint(text, 8, 16); err == nil && n <= 0o7777 {
		return fs.FileMode(n&0o777) | special(uint32(n)), nil
	}
	bad := errors.New("invalid mode: " + text)
	bits := uint32(mode.Perm())
	for clause := range strings.SplitSeq(text, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			return 0, bad
		}
		who := uint32(0)
		for _, w := range clause[:at] {
			switch w {
			case 'u':
				who |= 0o700
			case 'g':
				who |= 0o070
			case 'o':
				who |= 0o007
			case 'a':
				who |= 0o777
			default:
				return 0, bad
			}
		}
		if who == 0 {
			mask := syscall.Umask(0)
			syscall.Umask(mask)
			who = 0o777 &^ uint32(mask)
		}
		what := uint32(0)
		for _, w := range clause[at+1:] {
			switch w {
			case 'r':
				what |= 0o444
			case 'w':
				what |= 0o222
			case 'x':
				what |= 0o111
			case 'X':
				if dir || bits&0o111 != 0 {
					what |= 0o111
				}
			case 's', 't':
			default:
				return 0, bad
			}
		}
		switch clause[at] {
		case '+':
			bits |= who & what
		case '-':
			bits &^= who & what
		case '=':
			bits = bits&^who | who&what
		}
	}
	return fs.FileMode(bits) | mode&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky), nil
}

// special gives Go's bits for 4000, 2000 and 1000.
func special(n uint32) (mode fs.FileMode) {
	for bit, goes := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if n&bit != 0 {
			mode |= goes
		}
	}
	return mode
}
