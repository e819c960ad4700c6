package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/egress"
	"berth/internal/fault"
)

// Variable gives the name of the environment variable of a key, or "" for a key that has none.
func (k Key) Variable() string {
	if k.NoEnv {
		return ""
	}
	return "BERTH_" + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

// notKeys are BERTH_ variables that are read elsewhere.
var notKeys = []string{"BERTH_NO_BROWSER", "BERTH_BINARY", "BERTH_DOCKER", "BERTH_CASES", "BERTH_CONFIG"}

const envPrefix = "SANDBOX_ENV_"

// environment applies the variables: the known foreign ones in the order of the table, SANDBOX_ENV_*, then BERTH_*.
func (l *loader) environment() error {
	known := map[string]bool{}
	for _, v := range EnvTable {
		known[v.Name] = true
		if err := l.takeVariable(v); err != nil {
			return err
		}
	}
	for _, name := range l.variables(envPrefix) {
		known[name] = true
		l.setEnv(strings.TrimPrefix(name, envPrefix), l.in.Environ[name], name)
	}
	for i := range Keys {
		name := Keys[i].Variable()
		known[name] = true
		if text, set := l.in.Environ[name]; set && (text != "" || name == "BERTH_VOLUMES") {
			if err := l.setText(&Keys[i], text, Source{Kind: FromEnv, Name: name}, false); err != nil {
				return err
			}
		}
	}
	l.noticeUnknown(known)
	return nil
}

func (l *loader) takeVariable(v Variable) error {
	text, set := l.in.Environ[v.Name]
	if !set || text == "" && v.Name != "SANDBOX_VOLUMES" {
		return nil
	}
	if v.take == nil {
		l.notice("%s does nothing here: %s", v.Name, v.Why)
		return nil
	}
	return v.take(l, v, text)
}

// variables gives the names with a prefix, sorted.
func (l *loader) variables(prefix string) []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(l.in.Environ)), func(n string) bool { return !strings.HasPrefix(n, prefix) })
	slices.Sort(names)
	return names
}

func (l *loader) noticeUnknown(known map[string]bool) {
	for _, name := range notKeys {
		known[name] = true
	}
	all := slices.Sorted(maps.Keys(known))
	for _, name := range append(l.variables("SANDBOX_"), l.variables("BERTH_")...) {
		if known[name] {
			continue
		}
		if near := fault.Nearest(name, all); near != "" {
			l.notice("%s is unknown and does nothing; did you mean %s?", name, near)
		} else {
			l.notice("%s is unknown and does nothing", name)
		}
	}
}

func (l *loader) notice(format string, args ...any) {
	l.s.Notices = append(l.s.Notices, fmt.Sprintf(format, args...))
}

// setText puts the text of a variable or flag into the field of a key.
func (l *loader) setText(key *Key, text string, source Source, adds bool) error {
	o := l.origin(key, l.in.WorkDir, func(*node) Source { return source })
	o.adds = adds
	field := key.field(l.s)
	if key.Name == "volumes" && source.Kind == FromEnv {
		l.s.Mounts = nil
	}
	value := any(text)
	if o.listOf == nil {
		value = fromText(field, text)
	}
	if err := o.assign(field, &node{name: key.Name, value: value, start: -1}); err != nil {
		return &fault.Fault{Kind: fault.Usage, Message: fmt.Sprintf("%s: %v", source.Name, err), Hint: hintOf(err), Cause: err}
	}
	l.s.sources[key.Name] = source
	return nil
}

func hintOf(err error) string {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p.hint
	}
	return fault.HintOf(err)
}

// fromText brings text to the form that TOML would have given for a field.
func fromText(field any, text string) any {
	switch field.(type) {
	case *bool:
		if b, ok := parseBool(text); ok {
			return b
		}
	case *int, *uint16, *float64:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case *time.Duration, *Size:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	case *[]uint16:
		return numbers(splitList(text))
	case *[]string, *[]egress.Target:
		out := []any{}
		for _, part := range splitList(text) {
			out = append(out, part)
		}
		return out
	}
	return text
}

func numbers(parts []string) any {
	out := []any{}
	for _, part := range parts {
		if i, err := strconv.ParseInt(part, 10, 64); err == nil {
			out = append(out, i)
		} else {
			out = append(out, part)
		}
	}
	return out
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "1", "true", "yes", "on":
		return true, true
	case "0", "false", "no", "off":
		return false, true
	}
	return false, false
}
