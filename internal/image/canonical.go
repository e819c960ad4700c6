package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxInteger = 1<<53 - 1

// encode writes a value as canonical JSON: keys sorted by bytes, no white space, only the escapes that JSON demands.
func encode(value any) (string, error) {
	var b strings.Builder
	err := encodeTo(&b, value)
	return b.String(), err
}

func encodeTo(b *strings.Builder, value any) error {
	switch v := value.(type) {
	case string:
		return encodeString(b, v)
	case bool:
		b.WriteString(strconv.FormatBool(v))
		return nil
	case int64:
		if v > maxInteger || v < -maxInteger {
			return failure(StepKind, "", "%d: is too large a number", v)
		}
		b.WriteString(strconv.FormatInt(v, 10))
		return nil
	case []any:
		return encodeList(b, v)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return encodeList(b, list)
	case map[string]any:
		return encodeObject(b, v)
	}
	return failure(StepKind, "", "%v: want a string, a whole number, true, false, a list or a table", value)
}

func encodeList(b *strings.Builder, list []any) error {
	b.WriteByte('[')
	for i, item := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encodeTo(b, item); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func encodeObject(b *strings.Builder, object map[string]any) error {
	b.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encodeString(b, key); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := encodeTo(b, object[key]); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// escapes are the short ones; every other control character is written \u00xx.
var escapes = map[byte]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func encodeString(b *strings.Builder, s string) error {
	if err := checkText(s); err != nil {
		return err
	}
	b.WriteByte('"')
	for i := range len(s) {
		switch short, ok := escapes[s[i]]; {
		case ok:
			b.WriteString(short)
		case s[i] < ' ':
			fmt.Fprintf(b, `\u%04x`, s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	b.WriteByte('"')
	return nil
}

// checkText refuses what the languages that read the canonical form do not agree about.
func checkText(s string) error {
	switch {
	case !utf8.ValidString(s):
		return failure(BadUTF8, "", "%q: is not UTF-8", s)
	case strings.ContainsRune(s, 0):
		return failure(HasNUL, "", "%q: holds a NUL", s)
	case strings.ContainsAny(s, "\u2028\u2029"):
		return failure(LineSeparator, "", "%q: holds a line separator (U+2028 or U+2029)", s)
	}
	return nil
}

// decode reads JSON with whole numbers as int64.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	return integers(value), nil
}

func integers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = integers(v[key])
		}
	}
	return value
}
