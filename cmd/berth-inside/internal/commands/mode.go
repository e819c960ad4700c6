package commands

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

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
