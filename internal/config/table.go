package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
)

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
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return wrong(n, "%q is not a name that can be used here", name)
		}
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
	if text, ok := n.value.(string); ok {
		return o.sidecarsOf(f, n, text)
	}
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

// sidecarsOf reads the form that flags have: NETWORK/HOST:PORT, several by commas. A network's name may hold slashes.
func (o origin) sidecarsOf(f *[]Sidecar, n *node, text string) error {
	var out []Sidecar
	if o.adds {
		out = append(out, *f...)
	}
	for _, word := range splitList(text) {
		slash, colon := strings.LastIndex(word, "/"), strings.LastIndex(word, ":")
		if slash < 1 || colon < slash+2 {
			return wrong(n, "want NETWORK/HOST:PORT, not %s", word)
		}
		port, err := strconv.ParseUint(word[colon+1:], 10, 16)
		if err != nil || port == 0 {
			return wrong(n, "%s: want a port from 1 to 65535, not %s", word, word[colon+1:])
		}
		out = append(out, Sidecar{Network: word[:slash], Host: word[slash+1 : colon], Port: uint16(port), At: o.source(n)})
	}
	*f = out
	return nil
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
