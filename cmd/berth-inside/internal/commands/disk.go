package commands

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// usageOf is one run of du.
type usageOf struct {
	p    *Proc
	o    options
	most int // depth to show, -1 for all
	seen map[[2]uint64]bool
}

func du(p *Proc) int {
	o, names, ok := p.getopt("shkmabcxd:L summarize=s human-readable=h all=a bytes=b total=c max-depth=d apparent-size=1")
	if !ok {
		return p.code
	}
	if len(names) == 0 {
		names = []string{"."}
	}
	d := &usageOf{p: p, o: o, most: -1, seen: map[[2]uint64]bool{}}
	if o.has('d') {
		n, err := amount(o.last('d'))
		if err != nil {
			return p.usage("%s: invalid depth", o.last('d'))
		}
		d.most = int(n)
	}
	if o.has('s') {
		d.most = 0
	}
	var total int64
	for _, name := range names {
		total += d.walk(name, 0)
	}
	if o.has('c') {
		d.show(total, "total")
	}
	return p.code
}

// walk gives the bytes below a path and prints what is asked for, folders after their contents.
func (d *usageOf) walk(path string, depth int) int64 {
	e, err := newListed(path, path)
	if err != nil {
		d.p.fail(path, err)
		return 0
	}
	if e.st != nil && e.st.Nlink > 1 && !e.info.IsDir() {
		key := [2]uint64{uint64(e.st.Dev), e.st.Ino}
		if d.seen[key] {
			return 0
		}
		d.seen[key] = true
	}
	bytes := e.info.Size()
	if !d.o.has('b') && !d.o.has('1') && e.st != nil {
		bytes = e.st.Blocks * 512
	}
	if e.info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			d.p.fail(path, err)
		}
		for _, entry := range entries {
			bytes += d.walk(filepath.Join(path, entry.Name()), depth+1)
		}
	}
	if (e.info.IsDir() || d.o.has('a') || depth == 0) && (d.most < 0 || depth <= d.most) {
		d.show(bytes, path)
	}
	return bytes
}

func (d *usageOf) show(bytes int64, path string) {
	text := fmt.Sprint((bytes + 1023) / 1024)
	switch {
	case d.o.has('h'):
		text = human(bytes)
	case d.o.has('b'):
		text = fmt.Sprint(bytes)
	case d.o.has('m'):
		text = fmt.Sprint((bytes + 1<<20 - 1) >> 20)
	}
	fmt.Fprintf(d.p.Out, "%s\t%s\n", text, path)
}

func df(p *Proc) int {
	o, names, ok := p.getopt("hkmTPai human-readable=h")
	if !ok {
		return p.code
	}
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		p.fail("/proc/self/mounts", err)
		return p.code
	}
	shown := func(bytes uint64) string {
		if o.has('h') {
			return human(int64(bytes))
		}
		return fmt.Sprint(bytes / 1024)
	}
	fmt.Fprintf(p.Out, "%-20s %10s %10s %10s %4s %s\n", "Filesystem", map[bool]string{true: "Size", false: "1K-blocks"}[o.has('h')], "Used", "Available", "Use%", "Mounted on")
	line := func(device, point string) {
		var s unix.Statfs_t
		if err := unix.Statfs(point, &s); err != nil || s.Blocks == 0 && len(names) == 0 {
			return
		}
		unit := uint64(s.Bsize)
		total, free, available := s.Blocks*unit, s.Bfree*unit, s.Bavail*unit
		percent := uint64(0)
		if used := total - free; used+available > 0 {
			percent = (used*100 + used + available - 1) / (used + available)
		}
		fmt.Fprintf(p.Out, "%-20s %10s %10s %10s %3d%% %s\n", device, shown(total), shown(total-free), shown(available), percent, point)
	}
	mounts := map[string]string{}
	var points []string
	for row := range strings.Lines(string(table)) {
		if fields := strings.Fields(row); len(fields) > 1 {
			mounts[fields[1]] = fields[0]
			points = append(points, fields[1])
		}
	}
	if len(names) == 0 {
		for _, point := range points {
			line(mounts[point], point)
		}
		return p.code
	}
	for _, name := range names {
		full, err := canonical(name, true)
		if err != nil {
			p.fail(name, err)
			continue
		}
		point := full
		for mounts[point] == "" && point != "/" {
			point = filepath.Dir(point)
		}
		line(mounts[point], point)
	}
	return p.code
}
