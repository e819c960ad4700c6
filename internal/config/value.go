package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

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

func assignBool(f *bool, n *node) error {
	b, ok := n.value.(bool)
	if !ok {
		return wrongType(n, "true or false")
	}
	*f = b
	return nil
}

func assignInt(f *int, n *node, least, most int64) error {
	i, ok := n.value.(int64)
	if !ok {
		return wrongType(n, "a whole number")
	}
	if i < least || i > most {
		return wrong(n, "want a number from %d to %d, not %d", least, most, i)
	}
	*f = int(i)
	return nil
}

func assignPort(f *uint16, n *node) error {
	i, ok := n.value.(int64)
	if !ok || i < 1 || i > math.MaxUint16 {
		return wrongType(n, "a port from 1 to 65535")
	}
	*f = uint16(i)
	return nil
}

func assignPorts(f *[]uint16, n *node) error {
	list, ok := n.value.([]any)
	if !ok {
		return wrongType(n, "a list of ports")
	}
	*f = nil
	for i, item := range list {
		var port uint16
		if assignPort(&port, &node{value: item}) != nil {
			return wrong(n, "item %d: want a port from 1 to 65535, not %s", i+1, describe(item))
		}
		*f = append(*f, port)
	}
	return nil
}

func assignFloat(f *float64, n *node) error {
	switch v := n.value.(type) {
	case int64:
		*f = float64(v)
	case float64:
		*f = v
	default:
		return wrongType(n, "a number")
	}
	if !(*f > 0) || math.IsInf(*f, 0) {
		return wrong(n, "want a number above 0, not %s", describe(n.value))
	}
	return nil
}

func assignSize(f *Size, n *node) error {
	switch v := n.value.(type) {
	case int64:
		if v > 0 {
			*f = Size(v)
			return nil
		}
	case string:
		if size, ok := parseSize(v); ok {
			*f = size
			return nil
		}
	}
	return wrongType(n, `a size such as "512MiB" or "4GiB"`)
}

// sizeUnits are largest first, and of equal ones the form to print first. One letter means 1024, as for docker.
var sizeUnits = []struct {
	name  string
	bytes int64
	alias bool
}{
	{"TiB", 1 << 40, false}, {"TB", 1e12, false}, {"GiB", 1 << 30, false}, {"GB", 1e9, false},
	{"MiB", 1 << 20, false}, {"MB", 1e6, false}, {"KiB", 1 << 10, false}, {"kB", 1e3, false},
	{"T", 1 << 40, true}, {"G", 1 << 30, true}, {"M", 1 << 20, true}, {"K", 1 << 10, true}, {"B", 1, true}, {"", 1, true},
}

func parseSize(text string) (Size, bool) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	name := strings.TrimSpace(text[len(digits):])
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n > 0) || strings.ContainsAny(digits, "eExXpP_+-") {
		return 0, false
	}
	for _, unit := range sizeUnits {
		if strings.EqualFold(unit.name, name) && n*float64(unit.bytes) < math.MaxInt64 {
			return Size(math.Round(n * float64(unit.bytes))), true
		}
	}
	return 0, false
}

func assignDuration(f *time.Duration, n *node) error {
	switch v := n.value.(type) {
	case int64:
		if v > 0 && v < math.MaxInt64/int64(time.Second) {
			*f = time.Duration(v) * time.Second
			return nil
		}
	case string:
		if d, err := time.ParseDuration(v); err == nil && d > 0 {
			*f = d
			return nil
		}
	}
	return wrongType(n, `a time such as "90s" or "2m"`)
}

func assignPrefix(f *netip.Prefix, n *node) error {
	s, ok := n.value.(string)
	prefix, err := netip.ParsePrefix(s)
	if !ok || err != nil || prefix != prefix.Masked() || !prefix.Addr().Is4() || prefix.Bits() > 28 {
		return wrongType(n, `an IPv4 range of at least 16 addresses, such as "10.83.0.0/16"`)
	}
	*f = prefix
	return nil
}

var idPair = regexp.MustCompile(`^(\d{1,10}):(\d{1,10})$`)

func assignUser(f *User, n *node) error {
	s, ok := n.value.(string)
	if ok && (s == "host" || s == "image") {
		*f = User{Mode: s}
		return nil
	}
	pair := idPair.FindStringSubmatch(s)
	if pair == nil {
		return wrongType(n, `"host", "image" or "uid:gid"`)
	}
	uid, err1 := parseID(pair[1])
	gid, err2 := parseID(pair[2])
	if errors.Join(err1, err2) != nil {
		return wrongType(n, `"host", "image" or "uid:gid"`)
	}
	*f = User{Mode: "ids", UID: uid, GID: gid}
	return nil
}

func parseID(text string) (int, error) {
	id, err := strconv.ParseUint(text, 10, 31)
	return int(id), err
}

var egressModes = []string{"off", "list", "on", "direct"}

func assignEgress(f *Egress, n *node) error {
	switch v := n.value.(type) {
	case string:
		if slices.Contains(egressModes, v) {
			*f = Egress{Mode: v}
			return nil
		}
		if !strings.ContainsAny(v, ":@,") {
			p := wrong(n, "%q is none of %s, nor a list of host:port", v, strings.Join(egressModes, ", "))
			p.hint = didYouMean(fault.Nearest(v, egressModes))
			return p
		}
		*f = Egress{Mode: "list", Allow: splitList(v)}
		return nil
	case []any:
		list, err := stringsOf(n)
		*f = Egress{Mode: "list", Allow: list}
		return err
	}
	return wrongType(n, "off, list, on, direct or a list of host:port")
}

func assignTable[V any](f *map[string]V, n *node, as func(string) V) error {
	if _, ok := n.value.(map[string]any); !ok {
		return wrongType(n, "a table of strings")
	}
	out := map[string]V{}
	for name, value := range *f {
		out[name] = value
	}
	for _, name := range n.names() {
		s, ok := n.kids[name].value.(string)
		if !ok {
			return wrong(n.kids[name], "%s: want a string, not %s", name, describe(n.kids[name].value))
		}
		out[name] = as(s)
	}
	*f = out
	return nil
}

func (o origin) assignVolumes(f *[]VolumeText, n *node) error {
	texts := []string{}
	if s, ok := n.value.(string); ok {
		texts = append(texts, s)
	} else if list, err := stringsOf(n); err != nil {
		return wrongType(n, "a string or a list of strings, each host:container[:mode]")
	} else {
		texts = list
	}
	out := []VolumeText{}
	if o.adds {
		out = append(out, *f...)
	}
	for _, text := range texts {
		out = append(out, VolumeText{Text: text, Source: o.source(n), Dir: o.dir})
	}
	*f = out
	return nil
}

func (o origin) assignMounts(f *[]Mount, n *node) error {
	*f = []Mount{}
	return eachRow(n, []string{"source", "target", "mode"}, func(row *node) error {
		m := Mount{At: o.source(row), Dir: o.dir}
		if err := row.strings(map[string]*string{"source": &m.Source, "target": &m.Target}); err != nil {
			return err
		}
		if mode := row.kids["mode"]; mode != nil {
			if s, ok := mode.value.(string); ok {
				m.Mode = []string{s}
			} else if list, err := stringsOf(mode); err != nil {
				return err
			} else {
				m.Mode = list
			}
		}
		*f = append(*f, m)
		return nil
	})
}

func (o origin) assignSidecars(f *[]Sidecar, n *node) error {
	*f = nil
	return eachRow(n, []string{"network", "host", "port"}, func(row *node) error {
		s := Sidecar{At: o.source(row)}
		if err := row.strings(map[string]*string{"network": &s.Network, "host": &s.Host}); err != nil {
			return err
		}
		port := row.kids["port"]
		if port == nil {
			return wrong(row, "port is missing")
		}
		if err := assignPort(&s.Port, port); err != nil {
			return err
		}
		*f = append(*f, s)
		return nil
	})
}

func assignSteps(f *[]map[string]any, n *node) error {
	if len(n.rows) == 0 {
		if list, ok := n.value.([]any); !ok || len(list) > 0 {
			return wrongType(n, "a list of tables")
		}
	}
	*f = []map[string]any{}
	for _, row := range n.rows {
		*f = append(*f, row.value.(map[string]any))
	}
	return nil
}

// eachRow calls use for every table of a list of tables that has no other keys than the known ones.
func eachRow(n *node, known []string, use func(*node) error) error {
	if list, ok := n.value.([]any); ok && len(list) == 0 {
		return nil
	}
	if len(n.rows) == 0 {
		return wrongType(n, "a list of tables with "+strings.Join(known, ", "))
	}
	for _, row := range n.rows {
		for _, name := range row.names() {
			if !slices.Contains(known, name) {
				return unknownKey(row.kids[name], name, known)
			}
		}
		if err := use(row); err != nil {
			return err
		}
	}
	return nil
}

func unknownKey(n *node, name string, known []string) *problem {
	return &problem{at: n, onKey: true, text: fmt.Sprintf("unknown key %q", name), hint: didYouMean(fault.Nearest(name, known))}
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
