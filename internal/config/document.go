package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"berth/internal/fault"
	"berth/internal/text"
)

// document is a TOML file as a tree of values that know their place.
type document struct {
	name string // as shown
	text string
	root *node
}

// node is one value of a document, or of a variable or flag: then it has no place.
type node struct {
	name  string
	value any
	start int // byte offset of the value (of a table: of its header); -1 when it has no place
	kids  map[string]*node
	rows  []*node // of a list of tables
}

// names gives the names of n's members in the order of the alphabet.
func (n *node) names() []string { return slices.Sorted(maps.Keys(n.kids)) }

// strings fills the named fields from n's members; all are required.
func (n *node) strings(fields map[string]*string) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		kid := n.kids[name]
		if kid == nil {
			return wrong(n, "%s is missing", name)
		}
		s, ok := kid.value.(string)
		if !ok || s == "" {
			return wrong(kid, "%s: want a string, not %s", name, describe(kid.value))
		}
		*fields[name] = s
	}
	return nil
}

const maxFile = 1 << 20

// ReadText reads a file that a stranger may have named or put there: a regular one of at most 1 MiB, without ever
// waiting. The error is a fault that names the path.
func ReadText(path string) (string, error) { return readFile(path, path) }

// readFile reads a regular file of at most 1 MiB without ever waiting for it; a stranger may have put anything there.
func readFile(path, shown string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", unreadable(shown, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", unreadable(shown, err)
	case info.IsDir():
		return "", fault.New(fault.Usage, "move the folder away, or name a file with --config", "%s: is a folder, not a file", shown)
	case !info.Mode().IsRegular():
		return "", fault.New(fault.Usage, "", "%s: is not a regular file", shown)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", unreadable(shown, err)
	}
	if len(data) > maxFile {
		return "", fault.New(fault.Usage, "", "%s: is larger than 1 MiB", shown)
	}
	return string(data), nil
}

func unreadable(shown string, err error) error {
	reason, hint := err, ""
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		reason = pe.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		hint = "make it readable for you: chmod u+r " + shown
	}
	return &fault.Fault{Kind: fault.Usage, Message: fmt.Sprintf("%s: %v", shown, reason), Hint: hint, Cause: err}
}

// parseDocument reads TOML. An error names line and column and shows the line.
func parseDocument(name, text string) (*document, error) {
	text = strings.TrimPrefix(text, "\ufeff") // some editors put it there; it is no character of the first line
	d := &document{name: name, text: text}
	var top map[string]toml.Primitive
	meta, err := toml.Decode(text, &top)
	if pe := (toml.ParseError{}); errors.As(err, &pe) {
		return nil, d.fault(pe.Position.Start, max(1, pe.Position.Len), sentence(pe.Message), "")
	}
	if err != nil {
		return nil, fault.New(fault.Usage, "", "%s: %w", name, err)
	}
	d.root = &node{start: -1, kids: map[string]*node{}}
	for key, value := range top {
		d.root.kids[key] = tree(&meta, key, value, -1)
	}
	return d, nil
}

// sentence brings a message of the library to the form of ours: a small letter first, no period.
func sentence(message string) string {
	first, size := utf8.DecodeRuneInString(message)
	return strings.TrimSuffix(string(unicode.ToLower(first))+message[size:], ".")
}

// probe takes any value and fails: the library then tells where the value stands, which it does in no other way.
type probe struct{ value any }

var errFound = errors.New("found")

func (p *probe) UnmarshalTOML(value any) error {
	p.value = value
	return errFound
}

// tree makes the node of one value and those below. above is the place of what holds it, for a value that the library
// has no place for: one inside an inline list.
func tree(meta *toml.MetaData, name string, p toml.Primitive, above int) *node {
	var (
		found probe
		place toml.ParseError
	)
	errors.As(meta.PrimitiveDecode(p, &found), &place)
	n := &node{name: name, value: found.value, start: place.Position.Start}
	if place.Position.Line == 0 {
		n.start = above
	}
	switch {
	case isTable(found.value):
		n.kids = branches(meta, n, p)
		if place.Position.Line == 0 {
			n.start = firstOf(n.kids, above) // a table without a header of its own
		}
	case isTables(found.value):
		var rows []toml.Primitive
		if meta.PrimitiveDecode(p, &rows) == nil {
			for _, row := range rows {
				n.rows = append(n.rows, tree(meta, name, row, n.start))
			}
		}
	}
	return n
}

func firstOf(kids map[string]*node, above int) int {
	first := -1
	for _, kid := range kids {
		if kid.start >= 0 && kid.start != above && (first < 0 || kid.start < first) {
			first = kid.start
		}
	}
	if first < 0 {
		return above
	}
	return first
}

func isTable(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

// isTables tells whether a value is a list of tables, in either way of writing it.
func isTables(value any) bool {
	list, inline := value.([]any)
	_, headers := value.([]map[string]any)
	return headers || inline && len(list) > 0 && !slices.ContainsFunc(list, func(item any) bool { return !isTable(item) })
}

func branches(meta *toml.MetaData, n *node, p toml.Primitive) map[string]*node {
	var members map[string]toml.Primitive
	if meta.PrimitiveDecode(p, &members) != nil {
		return nil
	}
	kids := map[string]*node{}
	for name, member := range members {
		kids[name] = tree(meta, name, member, n.start)
	}
	return kids
}

// problem turns p into the fault that is shown: where, what, the line with the piece underlined.
func (d *document) problem(key string, p *problem) *fault.Fault {
	start, length := d.key(p.at)
	text := p.text
	if !p.onKey {
		start, length = d.value(p.at, start, length)
		text = cmp.Or(p.key, key, p.at.name) + ": " + text
	}
	return d.fault(start, length, text, p.hint)
}

func (d *document) fault(start, length int, reason, hint string) *fault.Fault {
	start = min(max(start, 0), len(d.text))
	line, col := d.place(start)
	return &fault.Fault{Kind: fault.Usage, Hint: hint,
		Message: fmt.Sprintf("%s:%d:%d: %s\n%s", d.name, line, col, text.Line(reason), d.snippet(start, length))}
}

// place gives line and column, in characters, of a byte offset; both start at 1.
func (d *document) place(start int) (line, col int) {
	before := d.text[:start]
	line = strings.Count(before, "\n") + 1
	return line, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
}

const snippetWidth = 72

// snippet shows the line of an offset and underlines a piece of it.
func (d *document) snippet(start, length int) string {
	from := strings.LastIndexByte(d.text[:start], '\n') + 1
	line, _, _ := strings.Cut(d.text[from:], "\n")
	line = strings.TrimSuffix(line, "\r")
	before, piece := cut(line, start-from, length)
	number, _ := d.place(start)
	label := fmt.Sprintf("  %d | ", number)
	shown := []rune(text.Line(line))
	skip := 0
	if before > snippetWidth-8 {
		skip = before - 8
	}
	shown = shown[min(skip, len(shown)):]
	shown = shown[:min(snippetWidth, len(shown))]
	marks := strings.Repeat("^", max(1, min(piece, snippetWidth-(before-skip))))
	return label + strings.TrimRight(string(shown), " ") + "\n" +
		strings.Repeat(" ", len(label)-2) + "| " + strings.Repeat(" ", before-skip) + marks
}

// cut counts the characters of line before a byte offset and in the piece that begins there.
func cut(line string, at, length int) (before, piece int) {
	at = min(max(at, 0), len(line))
	end := min(at+max(length, 1), len(line))
	return utf8.RuneCountInString(line[:at]), utf8.RuneCountInString(line[at:end])
}

// key gives offset and length of the name of n in the text.
func (d *document) key(n *node) (start, length int) {
	if n.start < 0 {
		return 0, 1
	}
	from := strings.LastIndexByte(d.text[:n.start], '\n') + 1
	line, _, _ := strings.Cut(d.text[from:], "\n")
	if at := wordIn(line, n.name, n.start-from); at >= 0 {
		return from + at, len(n.name)
	}
	return n.start, 1
}

// wordIn finds name as a whole word of line: the last one before limit, else the first.
func wordIn(line, name string, limit int) int {
	found := -1
	for at := 0; name != ""; {
		i := strings.Index(line[at:], name)
		if i < 0 {
			break
		}
		i += at
		at = i + len(name)
		if bareChar(line, i-1) || bareChar(line, at) {
			continue
		}
		if found >= 0 && i > limit {
			break
		}
		found = i
	}
	return found
}

func bareChar(line string, i int) bool {
	if i < 0 || i >= len(line) {
		return false
	}
	c := line[i]
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// value gives offset and length of the value of n: to the end of the line or the comment. A table is its key.
func (d *document) value(n *node, start, length int) (int, int) {
	if n.start < 0 || n.kids != nil || n.rows != nil {
		return start, length
	}
	at := n.start
	if at > 0 && strings.IndexByte(`["'`, d.text[at-1]) >= 0 {
		at-- // the library gives the place after the opening sign
	}
	line, _, _ := strings.Cut(d.text[at:], "\n")
	if s, ok := n.value.(string); ok && strings.HasPrefix(line[min(1, len(line)):], s) {
		return at, min(len(line), len(s)+2)
	}
	if i := strings.IndexByte(line, '#'); i >= 0 {
		line = line[:i]
	}
	return at, len(strings.TrimRight(line, " \t\r"))
}
