package commands

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func env(p *Proc) int {
	o, words, ok := p.getopt("+iu:0 ignore-environment=i unset=u null=0")
	if !ok {
		return p.code
	}
	list := os.Environ()
	if o.has('i') || len(words) > 0 && words[0] == "-" {
		list = nil
	}
	for _, name := range o['u'] {
		list = without(list, name)
	}
	for len(words) > 0 && (words[0] == "-" || strings.Contains(words[0], "=")) {
		if name, _, found := strings.Cut(words[0], "="); found {
			list = append(without(list, name), words[0])
		}
		words = words[1:]
	}
	if len(words) > 0 {
		return p.become(words, list)
	}
	for _, v := range list {
		fmt.Fprintln(p.Out, v)
	}
	return 0
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

// become replaces this process by another program, so that signals and exit codes are its own.
func (p *Proc) become(words, environment []string) int {
	path, err := exec.LookPath(words[0])
	if err != nil {
		p.complain("%s: not in the starter image", words[0])
		return 127
	}
	if err := p.Out.Flush(); err != nil {
		return 1
	}
	err = syscall.Exec(path, words, environment)
	p.fail(words[0], err)
	return 126
}

func printenv(p *Proc) int {
	_, names, ok := p.getopt("0")
	if !ok {
		return p.code
	}
	if len(names) == 0 {
		for _, v := range os.Environ() {
			fmt.Fprintln(p.Out, v)
		}
		return 0
	}
	for _, name := range names {
		value, found := os.LookupEnv(name)
		if !found {
			p.code = 1
			continue
		}
		fmt.Fprintln(p.Out, value)
	}
	return p.code
}

func id(p *Proc) int {
	o, _, ok := p.getopt("ugnGr user=u group=g name=n groups=G")
	if !ok {
		return p.code
	}
	who := &owners{}
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	numeric := !o.has('n')
	show := func(n uint32, name string) {
		if numeric {
			name = strconv.FormatUint(uint64(n), 10)
		}
		fmt.Fprintln(p.Out, name)
	}
	groups, err := os.Getgroups()
	if err != nil || len(groups) == 0 {
		groups = []int{int(gid)}
	}
	switch {
	case o.has('u'):
		show(uid, who.user(uid))
	case o.has('g'):
		show(gid, who.group(gid))
	case o.has('G'):
		var texts []string
		for _, g := range groups {
			texts = append(texts, strconv.Itoa(g))
		}
		fmt.Fprintln(p.Out, strings.Join(texts, " "))
	default:
		var texts []string
		for _, g := range groups {
			texts = append(texts, withName(uint32(g), who.group(uint32(g))))
		}
		fmt.Fprintf(p.Out, "uid=%s gid=%s groups=%s\n", withName(uid, who.user(uid)), withName(gid, who.group(gid)), strings.Join(texts, ","))
	}
	return 0
}

func withName(n uint32, name string) string {
	number := strconv.FormatUint(uint64(n), 10)
	if name == number {
		return number
	}
	return number + "(" + name + ")"
}

func whoami(p *Proc) int {
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		p.complain("cannot find name for user ID %d", os.Geteuid())
		return 1
	}
	fmt.Fprintln(p.Out, u.Username)
	return 0
}

func hostname(p *Proc) int {
	_, names, ok := p.getopt("sfiI")
	if !ok {
		return p.code
	}
	if len(names) > 0 {
		p.complain("the name of a sandbox cannot be changed")
		return 1
	}
	name, err := os.Hostname()
	if err != nil {
		p.fail("hostname", err)
		return 1
	}
	fmt.Fprintln(p.Out, name)
	return 0
}

func uname(p *Proc) int {
	o, _, ok := p.getopt("asnrvmpio all=a kernel-name=s nodename=n kernel-release=r kernel-version=v machine=m operating-system=o")
	if !ok {
		return p.code
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		p.fail("uname", err)
		return 1
	}
	fields := []struct {
		letters string
		value   string
	}{
		{"s", unix.ByteSliceToString(u.Sysname[:])}, {"n", unix.ByteSliceToString(u.Nodename[:])}, {"r", unix.ByteSliceToString(u.Release[:])},
		{"v", unix.ByteSliceToString(u.Version[:])}, {"mpi", unix.ByteSliceToString(u.Machine[:])}, {"o", "GNU/Linux"},
	}
	var shown []string
	for i, f := range fields {
		asked := o.has('a') || len(o) == 0 && i == 0
		for _, letter := range []byte(f.letters) {
			asked = asked || o.has(letter)
		}
		if asked {
			shown = append(shown, f.value)
		}
	}
	fmt.Fprintln(p.Out, strings.Join(shown, " "))
	return 0
}

func sleep(p *Proc) int {
	_, words, ok := p.getopt("")
	if !ok {
		return p.code
	}
	if len(words) == 0 {
		return p.usage("missing operand")
	}
	total := time.Duration(0)
	for _, word := range words {
		unit := time.Second
		if n := len(word); n > 1 {
			if u, known := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[word[n-1]]; known {
				unit, word = u, word[:n-1]
			}
		}
		n, err := strconv.ParseFloat(strings.Replace(word, "infinity", "inf", 1), 64)
		if err != nil || n < 0 || math.IsNaN(n) {
			p.usage("invalid time interval '%s'", word)
			return 1
		}
		if n > math.MaxInt64/float64(2*unit) {
			total = math.MaxInt64
			break
		}
		total += time.Duration(n * float64(unit))
	}
	<-time.After(total)
	return 0
}

func seq(p *Proc) int {
	args := p.Args
	separator, wide := "\n", false
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && !isDigit(args[0][1]) && args[0][1] != '.' {
		switch {
		case args[0] == "-w":
			wide = true
		case args[0] == "-s" && len(args) > 1:
			separator, args = unescape(args[1]), args[1:]
		case strings.HasPrefix(args[0], "-s"):
			separator = unescape(args[0][2:])
		default:
			return p.usage("invalid option '%s'", args[0])
		}
		args = args[1:]
	}
	numbers := []float64{1, 1, 0}
	decimals := 0
	for _, arg := range args {
		if _, after, found := strings.Cut(arg, "."); found {
			decimals = max(decimals, len(after))
		}
	}
	var given []float64
	for _, arg := range args {
		n, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			return p.usage("invalid number '%s'", arg)
		}
		given = append(given, n)
	}
	switch len(given) {
	case 1:
		numbers[2] = given[0]
	case 2:
		numbers[0], numbers[2] = given[0], given[1]
	case 3:
		numbers = given
	default:
		return p.usage("one to three numbers are needed")
	}
	first, step, last := numbers[0], numbers[1], numbers[2]
	if step == 0 {
		return p.usage("the step must not be 0")
	}
	width := 0
	if wide {
		width = max(len(strconv.FormatFloat(first, 'f', decimals, 64)), len(strconv.FormatFloat(last, 'f', decimals, 64)))
	}
	count := int64(math.Floor((last-first)/step + 1e-9))
	for i := int64(0); i <= count; i++ {
		if i > 0 {
			fmt.Fprint(p.Out, separator)
		}
		fmt.Fprintf(p.Out, "%0*s", width, strconv.FormatFloat(first+float64(i)*step, 'f', decimals, 64))
	}
	if count >= 0 {
		fmt.Fprintln(p.Out)
	}
	return 0
}

func kill(p *Proc) int {
	args := p.Args
	sig := syscall.SIGTERM
	if len(args) > 0 && (args[0] == "-l" || args[0] == "-L") {
		for n := syscall.Signal(1); n < 32; n++ {
			fmt.Fprintf(p.Out, "%2d) %s\n", int(n), unix.SignalName(n))
		}
		return 0
	}
	name := ""
	switch {
	case len(args) > 1 && (args[0] == "-s" || args[0] == "-n"):
		name, args = args[1], args[2:]
	case len(args) > 1 && len(args[0]) > 1 && args[0][0] == '-':
		name, args = args[0][1:], args[1:]
	}
	if name != "" && name != "-" {
		if n, err := strconv.Atoi(name); err == nil {
			sig = syscall.Signal(n)
		} else if sig = unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); sig == 0 {
			return p.usage("%s: invalid signal", name)
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return p.usage("no process given")
	}
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			p.complain("%s: arguments must be process IDs", arg)
			continue
		}
		if err := syscall.Kill(pid, sig); err != nil {
			p.fail("("+arg+")", err)
		}
	}
	return p.code
}
