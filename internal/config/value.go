package config

import (
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/egress"
	"berth/internal/fault"
	"berth/internal/secret"
)

// assign puts one value into a field. The value is what TOML gives: string, int64, float64, bool, time, a list or a
// table; text from variables and flags is brought to that form by fromText first.
func (o origin) assign(field any, n *node) error {
	switch f := field.(type) {
	case *string:
		return o.assignString(f, n)
	case *[]string:
		return o.assignList(f, n)
	case *bool:
		return assignBool(f, n)
	case *int:
		return assignInt(f, n, 1, math.MaxInt32)
	case *uint16:
		return assignPort(f, n)
	case *[]uint16:
		return assignPorts(f, n)
	case *float64:
		return assignFloat(f, n)
	case *Size:
		return assignSize(f, n)
	case *time.Duration:
		return assignDuration(f, n)
	case *netip.Prefix:
		return assignPrefix(f, n)
	case *User:
		return assignUser(f, n)
	case *Egress:
		return assignEgress(f, n)
	case *[]egress.Target:
		return assignTargets(f, n)
	case *map[string]string:
		return assignTable(f, n, func(s string) string { return s })
	case *map[string]secret.String:
		return assignTable(f, n, secret.New)
	case *[]VolumeText:
		return o.assignVolumes(f, n)
	case *[]Mount:
		return o.assignMounts(f, n)
	case *[]Sidecar:
		return o.assignSidecars(f, n)
	case *[]map[string]any:
		return assignSteps(f, n)
	}
	panic(fmt.Sprintf("a key of type %T has no parser", field))
}

// problem is what is wrong with one value: its place, its sentence, a hint.
type problem struct {
	at    *node
	onKey bool   // the name is wrong, not the value
	key   string // full name, when it is not the one being assigned
	text  string
	hint  string
}

func (p *problem) Error() string { return p.text }

func wrong(n *node, format string, args ...any) *problem {
	return &problem{at: n, text: fmt.Sprintf(format, args...)}
}

func wrongType(n *node, want string) *problem {
	return wrong(n, "want %s, not %s", want, describe(n.value))
}

func describe(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	}
	return "a date"
}

func (o origin) assignString(f *string, n *node) error {
	s, ok := n.value.(string)
	if !ok {
		return wrongType(n, "a string")
	}
	if len(o.choices) > 0 && !slices.Contains(o.choices, s) {
		p := wrong(n, "%q is none of %s", s, strings.Join(slices.DeleteFunc(slices.Clone(o.choices), empty), ", "))
		p.hint = didYouMean(fault.Nearest(s, o.choices))
		return p
	}
	*f = o.pathOf(s)
	return nil
}

func (o origin) assignList(f *[]string, n *node) error {
	if text, ok := n.value.(string); ok && o.listOf != nil {
		names, err := o.listOf(text)
		if err != nil {
			return &problem{at: n, text: err.Error(), hint: fault.HintOf(err)}
		}
		*f = o.added(*f, names)
		return nil
	}
	list, err := stringsOf(n)
	if err != nil {
		return err
	}
	for i := range list {
		list[i] = o.pathOf(list[i])
	}
	*f = o.added(*f, list)
	return nil
}

// added joins a list to what stands where the layer adds, and replaces it elsewhere.
func (o origin) added(have, list []string) []string {
	if !o.adds {
		return list
	}
	out := slices.Clone(have)
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func stringsOf(n *node) ([]string, error) {
	list, ok := n.value.([]any)
	if !ok {
		return nil, wrongType(n, "a list of strings")
	}
	out := make([]string, 0, len(list))
	for i, item := range list {
		s, ok := item.(string)
		if !ok {
			return nil, wrong(n, "item %d: want a string, not %s", i+1, describe(item))
		}
		out = append(out, s)
	}
	return out, nil
}

// pathOf makes s absolute where the key holds paths: ~ is the home, all else starts from the layer's folder.
func (o origin) pathOf(s string) string {
	switch {
	case !o.path || s == "" || filepath.IsAbs(s):
		return s
	case s == "~" || strings.HasPrefix(s, "~/"):
		return filepath.Join(o.home, s[1:])
	}
	return filepath.Join(o.dir, s)
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", name)
}

func empty(s string) bool { return s == "" }

func splitList(text string) []string {
	out := []string{}
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
