package commands

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// primary reads one test or action.
func (f *finder) primary(word string) (test, error) {
	always := func(*found) bool { return true }
	switch word {
	case "-true", "-mount", "-xdev", "-noleaf", "-daystart", "-follow":
		return always, nil
	case "-false":
		return func(*found) bool { return false }, nil
	case "-depth":
		f.depth = true
		return always, nil
	case "-print", "-print0":
		f.acts = true
		end := "\n"
		if word == "-print0" {
			end = "\x00"
		}
		return func(x *found) bool { return f.print(x, end) }, nil
	case "-prune":
		return func(x *found) bool { x.prune = true; return true }, nil
	case "-delete":
		f.acts, f.depth = true, true
		return f.remove, nil
	case "-empty":
		return empty, nil
	case "-executable":
		return func(x *found) bool { return x.info.Mode()&0o111 != 0 }, nil
	case "-exec", "-execdir", "-ok":
		return f.execute()
	}
	value, err := f.take()
	if err != nil {
		return nil, fmt.Errorf("%s: an argument is missing", word)
	}
	return f.valued(word, value)
}

// valued reads a test that has a value.
func (f *finder) valued(word, value string) (test, error) {
	switch word {
	case "-maxdepth", "-mindepth":
		n, err := strconv.Atoi(value)
		if word == "-maxdepth" {
			f.most = n
		} else {
			f.least = n
		}
		return func(*found) bool { return true }, err
	case "-name", "-iname", "-path", "-ipath", "-wholename":
		return glob(word, value), nil
	case "-regex", "-iregex":
		re, err := compile("^("+value+")$", true, word == "-iregex")
		return func(x *found) bool { return re.MatchString(x.path) }, err
	case "-type":
		return func(x *found) bool {
			return strings.Contains(value, modeText(x.info.Mode())[:1]) || value == "f" && x.info.Mode().IsRegular()
		}, nil
	case "-size":
		return size(value)
	case "-mtime", "-mmin":
		unit := 24 * time.Hour
		if word == "-mmin" {
			unit = time.Minute
		}
		return f.age(value, unit)
	case "-newer":
		info, err := os.Stat(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", value, reason(err))
		}
		return func(x *found) bool { return x.info.ModTime().After(info.ModTime()) }, nil
	case "-perm":
		n, err := strconv.ParseUint(strings.TrimLeft(value, "-/"), 8, 16)
		return func(x *found) bool { return permFits(uint64(x.info.Mode().Perm()), n, value[0]) }, err
	case "-user", "-group":
		who := &owners{}
		return func(x *found) bool {
			e, err := newListed(x.path, x.path)
			return err == nil && e.st != nil && (word == "-user" && (who.user(e.st.Uid) == value || strconv.Itoa(int(e.st.Uid)) == value) ||
				word == "-group" && (who.group(e.st.Gid) == value || strconv.Itoa(int(e.st.Gid)) == value))
		}, nil
	case "-printf":
		f.acts = true
		return func(x *found) bool {
			fmt.Fprint(f.p.Out, strings.NewReplacer("%p", x.path, "%f", filepath.Base(x.path), "%h", filepath.Dir(x.path), "%s", strconv.FormatInt(x.info.Size(), 10), "%%", "%").Replace(unescape(value)))
			return true
		}, nil
	}
	return nil, fmt.Errorf("unknown predicate '%s'", word)
}

func permFits(mode, want uint64, sign byte) bool {
	switch sign {
	case '-':
		return mode&want == want
	case '/':
		return mode&want != 0
	}
	return mode == want
}

// glob matches names by shell patterns; in a path "*" crosses slashes too.
func glob(word, pattern string) test {
	expression := regexp.QuoteMeta(pattern)
	expression = strings.NewReplacer(`\*`, `.*`, `\?`, `.`, `\[`, `[`, `\]`, `]`).Replace(expression)
	expression = strings.ReplaceAll(expression, "[!", "[^")
	flags := "(?s)"
	if strings.HasPrefix(word, "-i") {
		flags = "(?si)"
	}
	re, err := regexp.Compile(flags + "^" + expression + "$")
	if err != nil { // not a pattern: the text itself
		re = regexp.MustCompile(flags + "^" + regexp.QuoteMeta(pattern) + "$")
	}
	if strings.HasSuffix(word, "name") && word != "-wholename" {
		return func(x *found) bool { return re.MatchString(filepath.Base(x.path)) }
	}
	return func(x *found) bool { return re.MatchString(x.path) }
}

// compareTo reads "+3", "-3", "3": more, less, equal.
func compareTo(value string) (func(int64) bool, error) {
	n, err := strconv.ParseInt(strings.TrimLeft(value, "+-"), 10, 64)
	switch {
	case strings.HasPrefix(value, "+"):
		return func(m int64) bool { return m > n }, err
	case strings.HasPrefix(value, "-"):
		return func(m int64) bool { return m < n }, err
	}
	return func(m int64) bool { return m == n }, err
}

func size(value string) (test, error) {
	units := map[byte]int64{'c': 1, 'w': 2, 'b': 512, 'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
	unit := int64(512)
	if u, known := units[value[len(value)-1]]; known {
		unit, value = u, value[:len(value)-1]
	}
	is, err := compareTo(value)
	return func(x *found) bool { return is((x.info.Size() + unit - 1) / unit) }, err
}

func (f *finder) age(value string, unit time.Duration) (test, error) {
	is, err := compareTo(value)
	return func(x *found) bool { return is(int64(f.now.Sub(x.info.ModTime()) / unit)) }, err
}

func empty(x *found) bool {
	if !x.info.IsDir() {
		return x.info.Mode().IsRegular() && x.info.Size() == 0
	}
	entries, err := os.ReadDir(x.path)
	return err == nil && len(entries) == 0
}

func (f *finder) print(x *found, end string) bool {
	fmt.Fprint(f.p.Out, x.path+end)
	return true
}

func (f *finder) remove(x *found) bool {
	if x.path == "." {
		return true
	}
	if err := os.Remove(x.path); err != nil {
		f.p.fail(x.path, err)
		return false
	}
	return true
}

// execute reads "-exec command {} ;" or "… {} +".
func (f *finder) execute() (test, error) {
	f.acts = true
	var command []string
	for {
		word, err := f.take()
		if err != nil {
			return nil, errors.New("-exec: no ; at its end")
		}
		if word == ";" {
			break
		}
		if word == "+" && len(command) > 0 && command[len(command)-1] == "{}" {
			b := &batch{command: command[:len(command)-1]}
			f.batches = append(f.batches, b)
			return func(x *found) bool { b.paths = append(b.paths, x.path); return true }, nil
		}
		command = append(command, word)
	}
	if len(command) == 0 {
		return nil, errors.New("-exec: no command")
	}
	return func(x *found) bool {
		words := make([]string, len(command))
		for i, word := range command {
			words[i] = strings.ReplaceAll(word, "{}", x.path)
		}
		return f.run(words)
	}, nil
}

func (f *finder) run(words []string) bool {
	if f.p.Out.Flush() != nil {
		return false
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.p.complain("%s: not in the starter image", words[0])
	}
	return err == nil
}
