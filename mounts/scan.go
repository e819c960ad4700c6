package mounts

import "strings"

// chunk is one entry of a value before anything in it is understood.
type chunk struct {
	from, to    int // bytes of the value, without blanks and quotes
	fields      []span
	explicit    bool // "volume:" stands before the first field
	quoted      bool
	commaBefore bool // a comma, not a line break, parts it from the chunk before
}

// span is a piece of the value, in bytes, without blanks around it.
type span struct{ from, to int }

const blanks = " \t"

// scan cuts a value into entries and those into fields. Empty entries are left out.
func scan(value string) []chunk {
	from, to, quotedAll := unquote(value, 0, len(value), blanks+"\r\n")
	var out []chunk
	comma := false
	for from <= to {
		end := entryEnd(value, from, to)
		c := cut(value, from, end)
		if c.from < c.to {
			c.commaBefore = comma
			c.quoted = c.quoted || quotedAll && len(out) == 0
			out = append(out, c)
			comma = true
		}
		comma = comma && (end >= to || value[end] == ',')
		from = end + 1
	}
	return out
}

// entryEnd gives the place of the comma or line break that ends the entry at from, or to.
func entryEnd(value string, from, to int) int {
	from = skip(value, from, to, blanks)
	if from < to && (value[from] == '"' || value[from] == '\'') {
		from++
	}
	for {
		end := fieldEnd(value, from, to)
		if end >= to || value[end] != ':' {
			return end
		}
		from = end + 1
	}
}

// fieldEnd gives the place of the colon, comma or line break that ends the field at from, or to.
func fieldEnd(value string, from, to int) int {
	from = skip(value, from, to, blanks)
	literal := isLiteral(value[from:to])
	if startsDrive(value[from:to]) {
		from += 2
	}
	for at := from; at < to; at++ {
		switch value[at] {
		case '\\':
			if !literal && at+1 < to && (value[at+1] == ',' || value[at+1] == ':') {
				at++
			}
		case ':', ',', '\n':
			return at
		}
	}
	return to
}

// cut parts one entry into its fields.
func cut(value string, from, to int) chunk {
	if to > from && to < len(value) && value[to] == '\n' && value[to-1] == '\r' {
		to--
	}
	var c chunk
	c.from, c.to, c.quoted = unquote(value, from, to, blanks)
	at := c.from
	const volume = "volume:"
	if rest := value[c.from:c.to]; strings.HasPrefix(rest, volume) && !strings.HasPrefix(strings.TrimLeft(rest[len(volume):], blanks), "/") {
		c.explicit = true
		at += len(volume)
	}
	for {
		end := fieldEnd(value, at, c.to)
		f, t := trim(value, at, end, blanks)
		c.fields = append(c.fields, span{f, t})
		if end >= c.to {
			return c
		}
		at = end + 1
	}
}

// unquote trims a range and takes one pair of quotes off it, if no such quote stands inside.
func unquote(value string, from, to int, cutset string) (int, int, bool) {
	from, to = trim(value, from, to, cutset)
	if to-from < 2 || (value[from] != '"' && value[from] != '\'') || value[to-1] != value[from] {
		return from, to, false
	}
	if strings.IndexByte(value[from+1:to-1], value[from]) >= 0 {
		return from, to, false
	}
	from, to = trim(value, from+1, to-1, cutset)
	return from, to, true
}

func trim(value string, from, to int, cutset string) (int, int) {
	from = skip(value, from, to, cutset)
	for to > from && strings.IndexByte(cutset, value[to-1]) >= 0 {
		to--
	}
	return from, to
}

func skip(value string, from, to int, cutset string) int {
	for from < to && strings.IndexByte(cutset, value[from]) >= 0 {
		from++
	}
	return from
}

// unescape gives a field's text.
func unescape(field string) string {
	if isLiteral(field) {
		return field
	}
	var out strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] == '\\' && i+1 < len(field) && (field[i+1] == ',' || field[i+1] == ':') {
			i++
		}
		out.WriteByte(field[i])
	}
	return out.String()
}
