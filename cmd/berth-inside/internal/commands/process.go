package commands

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// process is one row of ps.
type process struct {
	pid, parent int
	state       string
	uid         uint32
	command     string
}

// ps shows the processes: its own user's of this session, or with -e, -A, a or x all.
func ps(p *Proc) int {
	words := strings.Join(p.Args, "")
	all := strings.ContainsAny(words, "eAax")
	full := strings.ContainsAny(words, "fu")
	processes, err := processes()
	if err != nil {
		p.fail("/proc", err)
		return 1
	}
	who := &owners{}
	if full {
		fmt.Fprintf(p.Out, "%-10s %6s %6s %s %s\n", "UID", "PID", "PPID", "S", "CMD")
	} else {
		fmt.Fprintf(p.Out, "%6s %s %s\n", "PID", "S", "CMD")
	}
	for _, one := range processes {
		if !all && one.uid != uint32(os.Geteuid()) {
			continue
		}
		if full {
			fmt.Fprintf(p.Out, "%-10s %6d %6d %s %s\n", who.user(one.uid), one.pid, one.parent, one.state, one.command)
		} else {
			fmt.Fprintf(p.Out, "%6d %s %s\n", one.pid, one.state, one.command)
		}
	}
	return 0
}

func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if one, ok := readProcess(pid); ok { // it may have ended meanwhile
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b process) int { return a.pid - b.pid })
	return list, nil
}

func readProcess(pid int) (process, bool) {
	folder := "/proc/" + strconv.Itoa(pid)
	text, err := os.ReadFile(folder + "/status")
	if err != nil {
		return process{}, false
	}
	one := process{pid: pid}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		switch name {
		case "Name":
			one.command = "[" + strings.TrimSpace(value) + "]"
		case "State":
			one.state = fields[0]
		case "PPid":
			one.parent, _ = strconv.Atoi(fields[0]) // the kernel's own number
		case "Uid":
			n, _ := strconv.ParseUint(fields[0], 10, 32)
			one.uid = uint32(n)
		}
	}
	if words, err := os.ReadFile(folder + "/cmdline"); err == nil && len(words) > 0 {
		one.command = strings.TrimSpace(strings.NewReplacer("\x00", " ", "\n", " ").Replace(string(words)))
	}
	return one, true
}
