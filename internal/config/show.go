package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/egress"
	"berth/internal/secret"
)

// Line is one key as `berth config show` prints it.
type Line struct {
	Key    string
	Value  string // as TOML, secrets masked; empty when nobody set it
	Source Source
}

// Lines gives every key with its value and source, in the order of the table.
func (s *Settings) Lines() []Line {
	lines := make([]Line, len(Keys))
	for i, key := range Keys {
		lines[i] = Line{key.Name, oneLine(key.field(s)), s.Source(key.Name)}
	}
	return lines
}

// oneLine writes a field as TOML on one line; empty for a value nobody set.
func oneLine(field any) string {
	switch f := field.(type) {
	case *string:
		return quoteSet(*f)
	case *[]string:
		return list(*f, strconv.Quote)
	case *bool:
		return strconv.FormatBool(*f)
	case *int:
		return number(int64(*f))
	case *uint16:
		return number(int64(*f))
	case *[]uint16:
		return list(*f, func(p uint16) string { return strconv.Itoa(int(p)) })
	case *float64:
		if *f != 0 {
			return strconv.FormatFloat(*f, 'g', -1, 64)
		}
	case *Size:
		if *f != 0 {
			return strconv.Quote(f.String())
		}
	case *time.Duration:
		return quoteSet(f.String())
	case *netip.Prefix:
		return quoteSet(f.String())
	case *User:
		return quoteSet(f.String())
	case *Egress:
		if len(f.Allow) > 0 {
			return list(texts(f.Allow), strconv.Quote)
		}
		return quoteSet(f.String())
	case *[]egress.Target:
		return list(texts(*f), strconv.Quote)
	case *map[string]string:
		return table(*f, strconv.Quote)
	case *map[string]secret.String:
		return table(*f, func(v secret.String) string { return strconv.Quote(v.String()) })
	case *[]VolumeText:
		return list(*f, func(v VolumeText) string { return strconv.Quote(v.Text) })
	case *[]Mount:
		return list(*f, func(m Mount) string {
			return fmt.Sprintf("{source = %q, target = %q, mode = %s}", m.Source, m.Target, cmp.Or(list(m.Mode, strconv.Quote), "[]"))
		})
	case *[]Sidecar:
		return list(*f, func(c Sidecar) string {
			return fmt.Sprintf("{network = %q, host = %q, port = %d}", c.Network, c.Host, c.Port)
		})
	case *map[string]*ImageProfile:
		return strings.Join(slices.Sorted(maps.Keys(*f)), ", ")
	}
	return ""
}

func quoteSet(s string) string {
	if s == "" {
		return ""
	}
	return strconv.Quote(s)
}

// texts gives how each item is written, nil for nil.
func texts[T fmt.Stringer](items []T) []string {
	if items == nil {
		return nil
	}
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = item.String()
	}
	return out
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func list[T any](items []T, write func(T) string) string {
	if items == nil {
		return ""
	}
	parts := make([]string, len(items))
	for i, item := range items {
		parts[i] = write(item)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func table[V any](m map[string]V, write func(V) string) string {
	if len(m) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, tomlKey(name)+" = "+write(m[name]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func tomlKey(name string) string {
	for i := range len(name) {
		if !bareChar(name, i) {
			return strconv.Quote(name)
		}
	}
	return name
}
