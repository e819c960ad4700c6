package commands

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func stat(p *Proc) int {
	o, names, ok := p.getopt("c:Lf:t format=c dereference=L printf=f")
	if !ok {
		return p.code
	}
	format := o.last('c') + "\n"
	if o.has('f') {
		format = unescape(o.last('f'))
	}
	if !o.has('c') && !o.has('f') {
		format = "  File: %N\n  Size: %-15s Blocks: %-10b %F\nDevice: %d  Inode: %-11i Links: %h\nAccess: (%a/%A)  Uid: (%u/%U)  Gid: (%g/%G)\nModify: %y\n"
	}
	who := &owners{}
	for _, name := range names {
		e, err := newListed(name, name)
		if err == nil && o.has('L') {
			e.info, err = os.Stat(name)
			if err == nil {
				e.st, _ = e.info.Sys().(*syscall.Stat_t)
			}
		}
		if err != nil {
			p.fail(name, err)
			continue
		}
		fmt.Fprint(p.Out, formatStat(format, e, who))
	}
	return p.code
}

// formatStat writes out %-letters; a width stands between.
func formatStat(format string, e listed, who *owners) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		end := i + 1
		for end < len(format)-1 && strings.IndexByte("-0123456789", format[end]) >= 0 {
			end++
		}
		fmt.Fprintf(&out, "%"+format[i+1:end]+"s", statField(format[end], e, who))
		i = end
	}
	return out.String()
}

func statField(letter byte, e listed, who *owners) string {
	st := e.st
	if st == nil {
		st = &syscall.Stat_t{}
	}
	switch letter {
	case 'n':
		return e.name
	case 'N':
		if target, err := os.Readlink(e.path); err == nil {
			return "'" + e.name + "' -> '" + target + "'"
		}
		return "'" + e.name + "'"
	case 's':
		return strconv.FormatInt(e.info.Size(), 10)
	case 'a':
		return strconv.FormatUint(uint64(st.Mode&0o7777), 8)
	case 'A':
		return modeText(e.info.Mode())
	case 'f':
		return strconv.FormatUint(uint64(st.Mode), 16)
	case 'F':
		return kindName(e.info)
	case 'u':
		return strconv.FormatUint(uint64(st.Uid), 10)
	case 'U':
		return who.user(st.Uid)
	case 'g':
		return strconv.FormatUint(uint64(st.Gid), 10)
	case 'G':
		return who.group(st.Gid)
	case 'i':
		return strconv.FormatUint(st.Ino, 10)
	case 'd':
		return strconv.FormatUint(uint64(st.Dev), 10)
	case 'D':
		return strconv.FormatUint(uint64(st.Dev), 16)
	case 'h':
		return strconv.FormatUint(uint64(st.Nlink), 10)
	case 'b':
		return strconv.FormatInt(st.Blocks, 10)
	case 'B':
		return "512"
	case 'y':
		return e.info.ModTime().Format("2006-01-02 15:04:05.000000000 -0700")
	case 'Y':
		return strconv.FormatInt(e.info.ModTime().Unix(), 10)
	case 'x', 'z':
		return time.Unix(st.Atim.Unix()).Format("2006-01-02 15:04:05.000000000 -0700")
	case 'X', 'Z':
		return strconv.FormatInt(int64(st.Atim.Sec), 10)
	case '%':
		return "%"
	}
	return "?"
}

func kindName(info fs.FileInfo) string {
	mode := info.Mode()
	switch {
	case mode.IsRegular() && info.Size() == 0:
		return "regular empty file"
	case mode.IsRegular():
		return "regular file"
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "fifo"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeCharDevice != 0:
		return "character special file"
	}
	return "block special file"
}
