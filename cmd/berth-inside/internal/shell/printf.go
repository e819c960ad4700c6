package shell

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printf is POSIX's, with bash's %q, %b and -v: the interpreter's own knows neither widths nor precisions. It gives what runs instead: true, false, or the setting of -v's variable.
func printf(out, errOut io.Writer, args []string) []string {
	variable := ""
	if len(args) > 1 && args[0] == "-v" {
		variable, args = args[1], args[2:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(errOut, "printf: a format is needed")
		return status(exitUsage)
	}
	f := &formatter{args: args[1:]}
	text := f.all(args[0])
	for _, complaint := range f.complaints {
		fmt.Fprintf(errOut, "printf: %s\n", complaint)
	}
	if variable != "" {
		return []string{"eval", variable + "=" + quote(text)}
	}
	if _, err := io.WriteString(out, text); err != nil || len(f.complaints) > 0 {
		return status(1)
	}
	return status(0)
}

// formatter writes one format over its arguments, again and again until they are used up.
type formatter struct {
	args       []string
	out        strings.Builder
	complaints []string
	ended      bool // \c
}

func (f *formatter) all(format string) string {
	for {
		before := len(f.args)
		f.once(format)
		if f.ended || len(f.args) == 0 || len(f.args) == before {
			return f.out.String()
		}
	}
}

func (f *formatter) once(format string) {
	for i := 0; i < len(format) && !f.ended; i++ {
		switch {
		case format[i] == '\\':
			text, size, ends := escape(format[i:], false)
			f.out.WriteString(text)
			f.ended = ends
			i += size - 1
		case format[i] == '%' && i+1 < len(format) && format[i+1] == '%':
			f.out.WriteByte('%')
			i++
		case format[i] == '%':
			i += f.directive(format[i:]) - 1
		default:
			f.out.WriteByte(format[i])
		}
	}
}

func (f *formatter) next() string {
	if len(f.args) == 0 {
		return ""
	}
	arg := f.args[0]
	f.args = f.args[1:]
	return arg
}

// directive writes one "%…" and gives its length.
func (f *formatter) directive(format string) int {
	flags := "%"
	at := 1
	for ; at < len(format) && strings.IndexByte("-+ #0123456789.*", format[at]) >= 0; at++ {
		if format[at] == '*' {
			flags += strconv.FormatInt(f.number(f.next()), 10)
			continue
		}
		flags += string(format[at])
	}
	for at < len(format) && strings.IndexByte("hlLjzt", format[at]) >= 0 {
		at++ // C's sizes mean nothing here
	}
	if at == len(format) {
		f.complain("`%s': missing format character", format)
		return len(format)
	}
	switch letter := format[at]; letter {
	case 's':
		fmt.Fprintf(&f.out, flags+"s", f.next())
	case 'q':
		fmt.Fprintf(&f.out, flags+"s", quote(f.next()))
	case 'b':
		fmt.Fprintf(&f.out, flags+"s", f.expanded(f.next()))
	case 'c':
		_, size := utf8.DecodeRuneInString(f.args0())
		fmt.Fprintf(&f.out, flags+"s", f.next()[:size])
	case 'd', 'i':
		fmt.Fprintf(&f.out, flags+"d", f.number(f.next()))
	case 'u':
		fmt.Fprintf(&f.out, flags+"d", uint64(f.number(f.next())))
	case 'x', 'X', 'o':
		fmt.Fprintf(&f.out, flags+string(letter), uint64(f.number(f.next())))
	case 'f', 'F', 'e', 'E', 'g', 'G':
		fmt.Fprintf(&f.out, withPrecision(flags, letter)+string(letter), f.float(f.next()))
	default:
		f.complain("`%c': invalid format character", letter)
	}
	return at + 1
}

func (f *formatter) args0() string {
	if len(f.args) == 0 {
		return ""
	}
	return f.args[0]
}

// withPrecision gives %g C's six digits; Go's own default is as many as are needed.
func withPrecision(flags string, letter byte) string {
	if strings.Contains(flags, ".") || letter == 'f' || letter == 'F' || letter == 'e' || letter == 'E' {
		return flags
	}
	return flags + ".6"
}

func (f *formatter) complain(format string, args ...any) {
	f.complaints = append(f.complaints, fmt.Sprintf(format, args...))
}

// number reads "12", "0x1f", "017", "'a" (the character's number); nothing is 0.
func (f *formatter) number(text string) int64 {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return 0
	}
	if trimmed[0] == '\'' || trimmed[0] == '"' {
		r, _ := utf8.DecodeRuneInString(trimmed[1:])
		return int64(r)
	}
	n, err := strconv.ParseInt(trimmed, 0, 64)
	if err == nil {
		return n
	}
	if u, err := strconv.ParseUint(trimmed, 0, 64); err == nil {
		return int64(u)
	}
	f.complain("%s: invalid number", text)
	digits := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "-0123456789"))]
	n, _ = strconv.ParseInt(digits, 10, 64) // what could be read, as other shells do
	return n
}

func (f *formatter) float(text string) float64 {
	if strings.TrimSpace(text) == "" {
		return 0
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil && !math.IsInf(n, 0) {
		f.complain("%s: invalid number", text)
	}
	return n
}

// expanded writes out the escapes of %b.
func (f *formatter) expanded(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		part, size, ends := escape(text[i:], true)
		out.WriteString(part)
		if ends {
			f.ended = true
			break
		}
		i += size - 1
	}
	return out.String()
}

var simpleEscapes = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '\\': `\`, 'e': "\x1b", '"': `"`, '\'': "'"}

// escape reads a backslash sequence: what it means, its length, and whether it ends the output (\c). In %b octal numbers begin with 0.
func escape(text string, inArgument bool) (meaning string, size int, ends bool) {
	if len(text) == 1 {
		return `\`, 1, false
	}
	c := text[1]
	if s, known := simpleEscapes[c]; known {
		return s, 2, false
	}
	switch {
	case c == 'c':
		return "", 2, true
	case c == 'x':
		return digits(text, 2, 2, 16)
	case c == 'u':
		return digits(text, 2, 4, 16)
	case c == 'U':
		return digits(text, 2, 8, 16)
	case c == '0' && inArgument:
		return digits(text, 2, 3, 8)
	case c >= '0' && c <= '7':
		return digits(text, 1, 3, 8)
	}
	return text[:2], 2, false
}

// digits reads up to most digits of a base from an index on; \x and octal give a byte, \u a character.
func digits(text string, from, most, base int) (meaning string, size int, ends bool) {
	end := from
	for end < len(text) && end < from+most && strings.IndexByte("0123456789abcdef"[:base], lower(text[end])) >= 0 {
		end++
	}
	if end == from {
		return text[:from], from, false
	}
	n, err := strconv.ParseUint(text[from:end], base, 32)
	if err != nil {
		return text[:end], end, false
	}
	if text[1] == 'u' || text[1] == 'U' {
		return string(rune(n)), end, false
	}
	return string([]byte{byte(n)}), end, false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
