package config

import (
	"errors"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/egress"
	"berth/internal/fault"
)

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

func egressModes() []string {
	words := make([]string, len(egress.Modes))
	for i, mode := range egress.Modes {
		words[i] = string(mode)
	}
	return words
}

func assignEgress(f *Egress, n *node) error {
	switch v := n.value.(type) {
	case string:
		if slices.Contains(egress.Modes, egress.Mode(v)) {
			*f = Egress{Mode: egress.Mode(v)}
			return nil
		}
		if !strings.ContainsAny(v, ":@,") {
			p := wrong(n, "%q is none of %s, nor a list of host:port", v, strings.Join(egressModes(), ", "))
			p.hint = didYouMean(fault.Nearest(v, egressModes()))
			return p
		}
		*f = Egress{Mode: egress.List}
		return parsed(&f.Allow, n, splitList(v), egress.ParseRules)
	case []any:
		list, err := stringsOf(n)
		if err != nil {
			return err
		}
		*f = Egress{Mode: egress.List}
		return parsed(&f.Allow, n, list, egress.ParseRules)
	}
	return wrongType(n, "off, list, on, direct or a list of host:port")
}

func assignTargets(f *[]egress.Target, n *node) error {
	list, err := stringsOf(n)
	if err != nil {
		return err
	}
	return parsed(f, n, list, egress.ParseTargets)
}

// parsed reads texts by a parser of another room, whose fault keeps its hint and gets n's place.
func parsed[T any](f *[]T, n *node, texts []string, parse func([]string) ([]T, error)) error {
	list, err := parse(texts)
	if err != nil {
		return &problem{at: n, text: err.Error(), hint: fault.HintOf(err)}
	}
	*f = list
	return nil
}
