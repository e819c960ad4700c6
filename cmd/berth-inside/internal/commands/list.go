package commands

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// listed is one entry of ls.
type listed struct {
	name string // as shown
	path string
	info fs.FileInfo
	st   *syscall.Stat_t
}

func newListed(name, path string) (listed, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return listed{}, err
	}
	st, _ := info.Sys().(*syscall.Stat_t)
	return listed{name, path, info, st}, nil
}

func ls(p *Proc) int {
	o, names, ok := p.getopt("laA1RdhtSrFinpgoUkCsL all=a almost-all=A recursive=R directory=d human-readable=h reverse=r classify=F inode=i color=4 full-time=5")
	if !ok {
		return p.code
	}
	if len(names) == 0 {
		names = []string{"."}
	}
	var files, folders []listed
	for _, name := range names {
		e, err := newListed(name, name)
		if err != nil {
			p.fail(name, err)
			p.code = 2
			continue
		}
		target, err := os.Stat(name)
		if err == nil && target.IsDir() && !o.has('d') && (!o.has('l') || e.info.IsDir() || strings.HasSuffix(name, "/")) {
			folders = append(folders, e)
		} else {
			files = append(files, e)
		}
	}
	sortListed(files, o)
	sortListed(folders, o)
	p.showAll(files, o)
	for i, folder := range folders {
		if len(names) > 1 || o.has('R') {
			if i > 0 || len(files) > 0 {
				fmt.Fprintln(p.Out)
			}
			fmt.Fprintf(p.Out, "%s:\n", folder.name)
		}
		p.listFolder(folder.path, o)
	}
	return p.code
}

func (p *Proc) listFolder(path string, o options) {
	entries, err := os.ReadDir(path)
	if err != nil {
		p.fail(path, err)
		p.code = 2
		return
	}
	var shown []listed
	names := []string{}
	if o.has('a') {
		names = append(names, ".", "..")
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") || o.has('a') || o.has('A') {
			names = append(names, e.Name())
		}
	}
	for _, name := range names {
		if e, err := newListed(name, filepath.Join(path, name)); err == nil { // gone meanwhile
			shown = append(shown, e)
		}
	}
	sortListed(shown, o)
	if o.has('l') {
		fmt.Fprintf(p.Out, "total %d\n", blocks(shown)/2)
	}
	p.showAll(shown, o)
	if !o.has('R') {
		return
	}
	for _, e := range shown {
		if e.info.IsDir() && e.name != "." && e.name != ".." {
			fmt.Fprintf(p.Out, "\n%s:\n", e.path)
			p.listFolder(e.path, o)
		}
	}
}

// blocks counts in units of 512 bytes.
func blocks(entries []listed) (n int64) {
	for _, e := range entries {
		if e.st != nil {
			n += e.st.Blocks
		}
	}
	return n
}

func sortListed(entries []listed, o options) {
	slices.SortStableFunc(entries, func(a, b listed) int {
		c := strings.Compare(a.name, b.name)
		switch {
		case o.has('U'):
			c = 0
		case o.has('t'):
			if t := b.info.ModTime().Compare(a.info.ModTime()); t != 0 {
				c = t
			}
		case o.has('S'):
			if s := b.info.Size() - a.info.Size(); s != 0 {
				c = int(s >> 63)
				if s > 0 {
					c = 1
				}
			}
		}
		if o.has('r') {
			return -c
		}
		return c
	})
}

func (p *Proc) showAll(entries []listed, o options) {
	if !o.has('l') && !o.has('n') && !o.has('g') && !o.has('o') {
		for _, e := range entries {
			if o.has('i') && e.st != nil {
				fmt.Fprintf(p.Out, "%d ", e.st.Ino)
			}
			fmt.Fprintln(p.Out, e.name+mark(e, o))
		}
		return
	}
	names := &owners{numeric: o.has('n')}
	var rows [][]string
	for _, e := range entries {
		rows = append(rows, longRow(e, o, names))
	}
	widths := make([]int, 5)
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], len(row[i]))
		}
	}
	for _, r := range rows {
		fmt.Fprintf(p.Out, "%-*s %*s %-*s %-*s %*s %s %s\n", widths[0], r[0], widths[1], r[1], widths[2], r[2], widths[3], r[3], widths[4], r[4], r[5], r[6])
	}
}

// mark is what -F and -p put behind a name.
func mark(e listed, o options) string {
	mode := e.info.Mode()
	switch {
	case mode.IsDir() && (o.has('F') || o.has('p')):
		return "/"
	case !o.has('F'):
		return ""
	case mode&fs.ModeSymlink != 0:
		return "@"
	case mode.IsRegular() && mode&0o111 != 0:
		return "*"
	}
	return ""
}

func longRow(e listed, o options, names *owners) []string {
	size := strconv.FormatInt(e.info.Size(), 10)
	if o.has('h') {
		size = human(e.info.Size())
	}
	links, uid, gid := uint64(1), uint32(0), uint32(0)
	if e.st != nil {
		links, uid, gid = uint64(e.st.Nlink), e.st.Uid, e.st.Gid
		if e.info.Mode()&fs.ModeDevice != 0 {
			size = fmt.Sprintf("%d, %d", unix.Major(e.st.Rdev), unix.Minor(e.st.Rdev))
		}
	}
	name := e.name + mark(e, o)
	if e.info.Mode()&fs.ModeSymlink != 0 {
		if target, err := os.Readlink(e.path); err == nil {
			name = e.name + " -> " + target
		}
	}
	when := e.info.ModTime().Format("Jan _2 15:04")
	if age := time.Since(e.info.ModTime()); age > 180*24*time.Hour || age < -time.Hour {
		when = e.info.ModTime().Format("Jan _2  2006")
	}
	if o.has('5') {
		when = e.info.ModTime().Format("2006-01-02 15:04:05.000000000 -0700")
	}
	return []string{modeText(e.info.Mode()), strconv.FormatUint(links, 10), names.user(uid), names.group(gid), size, when, name}
}

// modeText writes a mode as "drwxr-xr-x".
func modeText(mode fs.FileMode) string {
	kind := byte('-')
	for bit, letter := range map[fs.FileMode]byte{fs.ModeDir: 'd', fs.ModeSymlink: 'l', fs.ModeNamedPipe: 'p', fs.ModeSocket: 's', fs.ModeDevice: 'b'} {
		if mode&bit != 0 {
			kind = letter
		}
	}
	if mode&fs.ModeCharDevice != 0 {
		kind = 'c'
	}
	text := []byte(mode.Perm().String())
	text[0] = kind
	for _, s := range []struct {
		bit    fs.FileMode
		at     int
		letter byte
	}{{fs.ModeSetuid, 3, 's'}, {fs.ModeSetgid, 6, 's'}, {fs.ModeSticky, 9, 't'}} {
		if mode&s.bit == 0 {
			continue
		}
		if text[s.at] == '-' {
			s.letter -= 'a' - 'A'
		}
		text[s.at] = s.letter
	}
	return string(text)
}

// human writes a size as "1.2K": one decimal below ten, rounded up.
func human(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	size, unit := float64(n), -1
	for size >= 1024 && unit < 4 {
		size /= 1024
		unit++
	}
	if size < 10 {
		return fmt.Sprintf("%.1f%c", float64(int64(size*10+0.999))/10, "KMGTP"[unit])
	}
	return fmt.Sprintf("%d%c", int64(size+0.999), "KMGTP"[unit])
}
