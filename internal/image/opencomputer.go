package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// OpenComputerKeys are the keys that OpenComputer's three implementations compute for one manifest: they differ in the
// order of keys and in escaping.
type OpenComputerKeys struct{ TypeScript, Python, Go string }

// OpenComputer computes the keys of a manifest: its base and steps; memory and other settings do not count.
func OpenComputer(manifest []byte) (OpenComputerKeys, error) {
	root, err := decodeOrdered(manifest)
	if err != nil {
		return OpenComputerKeys{}, err
	}
	object, ok := root.(ordered)
	if !ok {
		return OpenComputerKeys{}, errors.New("manifest: is not an object")
	}
	steps, ok := object.get("steps").([]any)
	if !ok {
		return OpenComputerKeys{}, errors.New("manifest: has no list of steps")
	}
	inner := make([]any, len(steps))
	for i, step := range steps {
		if inner[i], err = nested(step); err != nil {
			return OpenComputerKeys{}, fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	content := ordered{{"base", object.get("base")}, {"steps", inner}}
	return OpenComputerKeys{
		TypeScript: sha(writeJSON(content, false, javascript)),
		Python:     sha(writeJSON(content, true, python)),
		Go:         sha(writeJSON(goContent(content), false, golang)),
	}, nil
}

// nested gives a step as {type, args}; the documents of OpenComputer print the arguments beside the type.
func nested(step any) (any, error) {
	object, ok := step.(ordered)
	if !ok || object.get("type") == nil {
		return nil, errors.New("is not an object with a type")
	}
	if object.get("args") != nil {
		return object, nil
	}
	args := slices.DeleteFunc(slices.Clone(object), func(m member) bool { return m.name == "type" })
	return ordered{{"type", object.get("type")}, {"args", args}}, nil
}

// goContent is content as Go's structs write it: fixed fields, arguments sorted.
func goContent(content ordered) ordered {
	steps := slices.Clone(content.get("steps").([]any))
	for i, step := range steps {
		object := step.(ordered)
		steps[i] = ordered{{"type", object.get("type")}, {"args", sortedDeep(object.get("args"))}}
	}
	return ordered{{"base", content.get("base")}, {"steps", steps}}
}

// ordered is a JSON object that keeps the order of its author.
type ordered []member

type member struct {
	name  string
	value any
}

func (o ordered) get(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func sortedDeep(value any) any {
	switch v := value.(type) {
	case ordered:
		out := make(ordered, len(v))
		for i, m := range v {
			out[i] = member{m.name, sortedDeep(m.value)}
		}
		slices.SortFunc(out, func(a, b member) int { return strings.Compare(a.name, b.name) })
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = sortedDeep(v[i])
		}
		return out
	}
	return value
}

func decodeOrdered(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	value, err := readValue(d)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return value, nil
}

func readValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			item, err := readValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		return readObject(d)
	}
	return token, nil
}

func readObject(d *json.Decoder) (any, error) {
	object := ordered{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := readValue(d)
		if err != nil {
			return nil, err
		}
		object = append(object, member{name.(string), value})
	}
	_, err := d.Token()
	return object, err
}

// writeJSON writes compact JSON, the strings as one language does.
func writeJSON(value any, sorted bool, quote func(string) string) string {
	if sorted {
		value = sortedDeep(value)
	}
	var b strings.Builder
	writeValue(&b, value, quote)
	return b.String()
}

func writeValue(b *strings.Builder, value any, quote func(string) string) {
	switch v := value.(type) {
	case string:
		b.WriteString(quote(v))
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeValue(b, item, quote)
		}
		b.WriteByte(']')
	case ordered:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(m.name))
			b.WriteByte(':')
			writeValue(b, m.value, quote)
		}
		b.WriteByte('}')
	case nil:
		b.WriteString("null")
	default:
		fmt.Fprint(b, v) // numbers as written, true, false
	}
}

// golang writes a string as encoding/json does, with < > & escaped.
func golang(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be written
	}
	return string(text)
}

// javascript writes a string as JSON.stringify does: nothing escaped that need not be.
func javascript(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch short, ok := escapes[s[i]]; {
		case ok:
			b.WriteString(short)
		case s[i] < ' ':
			fmt.Fprintf(&b, `\u%04x`, s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	b.WriteByte('"')
	return b.String()
}

// python writes a string as json.dumps does: everything outside printable ASCII is escaped.
func python(s string) string {
	var b strings.Builder
	for _, r := range javascript(s) {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}
