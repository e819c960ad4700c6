package tui

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// What the screen keeps of a log, whatever the sandbox writes.
const (
	ringLines = 10_000
	ringBytes = 16 << 20
)

// logLine is a line as it is kept: clean, and not endless.
type logLine struct {
	time string // "09:14:07", "" when unknown
	text string
}

// logView keeps the last lines of a log and which of them are in view. Lines are numbered from the first that ever
// came, so that the view stays when old ones go.
type logView struct {
	lines  []logLine // a ring once it is full
	head   int       // index of the oldest
	first  int       // number of the oldest
	bytes  int
	after  int // number after the last line in view, when not following
	follow bool
	wrap   bool
	times  bool
	typed  field // the search being typed
	query  string
	hits   int // lines that match the query
	page   int
	gone   string // why no more lines come
}

func newLog() *logView { return &logView{follow: true, times: true} }

func (l *logView) len() int         { return len(l.lines) }
func (l *logView) total() int       { return l.first + len(l.lines) }
func (l *logView) at(n int) logLine { return l.lines[(l.head+n-l.first)%len(l.lines)] }

// clear forgets the lines but not how they are looked at.
func (l *logView) clear() {
	l.lines, l.head, l.first, l.bytes, l.after, l.hits, l.gone = nil, 0, 0, 0, 0, 0, ""
}

// add keeps new lines and drops the oldest beyond the bounds.
func (l *logView) add(lines []LogLine) {
	for _, n := range lines {
		line := logLine{text: clean(told(strings.TrimRight(n.Text, "\r\n")))}
		if !n.Time.IsZero() {
			line.time = n.Time.Format("15:04:05")
		}
		l.keep(line)
	}
}

// told shortens a line of a server that logs in JSON, as the agent server does, to what a person reads: its level unless
// that is INFO, its message, and what its exception ends with. Any other line stays as it is.
func told(text string) string {
	if !strings.HasPrefix(text, "{") {
		return text
	}
	var said struct {
		Level     string `json:"levelname"`
		Message   string `json:"message"`
		Exception string `json:"exc_info"`
	}
	if json.Unmarshal([]byte(text), &said) != nil || said.Message == "" {
		return text
	}
	if said.Level != "" && said.Level != "INFO" {
		said.Message = said.Level + " " + said.Message
	}
	if trace := strings.TrimSpace(said.Exception); trace != "" {
		said.Message += " · " + trace[strings.LastIndex(trace, "\n")+1:]
	}
	return said.Message
}

func (l *logView) keep(line logLine) {
	l.bytes += len(line.text)
	l.hits += l.hit(line)
	if len(l.lines) < ringLines && l.head == 0 {
		l.lines = append(l.lines, line)
	} else {
		l.bytes -= len(l.lines[l.head].text)
		l.hits -= l.hit(l.lines[l.head])
		l.lines[l.head] = line
		l.head = (l.head + 1) % len(l.lines)
		l.first++
	}
	if l.bytes > ringBytes {
		l.shrink()
	}
}

// shrink drops the oldest lines until a quarter of the bytes is free; long lines are rare, so this is too.
func (l *logView) shrink() {
	kept := append(append(make([]logLine, 0, len(l.lines)), l.lines[l.head:]...), l.lines[:l.head]...)
	for l.bytes > ringBytes*3/4 && len(kept) > 1 {
		l.bytes -= len(kept[0].text)
		l.hits -= l.hit(kept[0])
		kept = kept[1:]
		l.first++
	}
	l.lines, l.head = append([]logLine(nil), kept...), 0
}

// act moves or changes the view.
func (l *logView) act(do action) bool {
	switch do {
	case "follow":
		l.follow = !l.follow
		l.after = l.total()
		return true
	case "wrap":
		l.wrap = !l.wrap
		return true
	case "times":
		l.times = !l.times
		return true
	case "search":
		l.typed.open, l.typed.text = true, nil
		return true
	case "next":
		l.jump(1)
		return true
	case "previous":
		l.jump(-1)
		return true
	}
	step, ok := steps(do, l.page)
	if ok {
		l.move(step)
	}
	return ok
}

// move scrolls. Going up stops following; reaching the end follows again.
func (l *logView) move(step int) {
	if l.follow {
		l.after = l.total()
	}
	l.after = min(l.total(), max(l.after+step, l.first+min(l.page, l.len())))
	l.follow = l.after >= l.total()
}

// search ends the typing of a query and goes to the last match.
func (l *logView) search() {
	l.query, l.hits = l.typed.String(), 0
	for _, line := range l.lines {
		l.hits += l.hit(line)
	}
	if l.hits == 0 {
		return
	}
	if l.follow {
		l.after = l.total()
	}
	for n := l.after - 1; n >= l.first; n-- {
		if l.matches(n) {
			l.see(n)
			return
		}
	}
	l.jump(1)
}

// jump goes to the next match below or above the last line in view, round the end if need be.
func (l *logView) jump(by int) {
	if l.hits == 0 {
		return
	}
	at := l.after - 1
	if l.follow {
		at = l.total() - 1
	}
	for i := 1; i <= l.len(); i++ {
		n := l.first + ((at-l.first+by*i)%l.len()+l.len())%l.len()
		if l.matches(n) {
			l.see(n)
			return
		}
	}
}

// see makes line n the last in view.
func (l *logView) see(n int) { l.after, l.follow = n+1, false }

func (l *logView) matches(n int) bool { return l.hit(l.at(n)) == 1 }

// hit is 1 for a line that matches the query.
func (l *logView) hit(line logLine) int {
	if index(line.text, l.query) >= 0 {
		return 1
	}
	return 0
}

// index finds a query without regard to case, except when it has capitals itself.
func index(text, query string) int {
	if query == "" {
		return -1
	}
	if strings.ToLower(query) == query {
		if low := strings.ToLower(text); len(low) == len(text) {
			text = low
		}
	}
	return strings.Index(text, query)
}

// draw fills the canvas: the window of lines, and a line that says which.
func (l *logView) draw(c *canvas) {
	h := c.room() - 1
	if h < 1 {
		return
	}
	l.page = h
	if l.len() == 0 {
		c.add(c.st.in(faint, "  "+cmp.Or(l.gone, "no output yet")))
	}
	c.addAll(l.window(c.st, c.w, h))
	c.fill(1)
	c.add(l.status(c.st, c.w))
}

// tail draws the last lines only, as a launch does.
func (l *logView) tail(c *canvas) {
	if l.len() == 0 {
		return
	}
	from := max(l.first, l.total()-c.h)
	for n := from; n < l.total(); n++ {
		c.add(c.st.in(faint, l.plainLine(n, c.w)))
	}
}

func (l *logView) plainLine(n, w int) string {
	line := l.at(n)
	text := " " + line.text
	if l.times && line.time != "" {
		text = " " + line.time + text
	}
	return cut(text, w)
}

// window gives the h rows in view, the last line in view at the bottom.
func (l *logView) window(st style, w, h int) []string {
	after := l.after
	if l.follow || after > l.total() {
		after = l.total()
	}
	after = max(after, l.first+min(h, l.len()))
	var rows []string
	for n := after - 1; n >= l.first && len(rows) < h; n-- {
		rows = append(l.rows(st, n, w), rows...)
	}
	return rows[max(0, len(rows)-h):]
}

// rows draws one line, wrapped or cut.
func (l *logView) rows(st style, n, w int) []string {
	line := l.at(n)
	head := " "
	if l.times && line.time != "" {
		head = st.in(faint, " "+line.time+" ")
	}
	room := max(1, w-width(head))
	pieces := []string{cut(line.text, room)}
	if l.wrap {
		pieces = columns(line.text, room)
	}
	for i, p := range pieces {
		p = highlight(st, p, l.query)
		if i == 0 {
			pieces[i] = head + p
		} else {
			pieces[i] = strings.Repeat(" ", width(head)) + p
		}
	}
	return pieces
}

// highlight marks each place where the query stands.
func highlight(st style, text, query string) string {
	var b strings.Builder
	for {
		i := index(text, query)
		if i < 0 {
			return b.String() + text
		}
		b.WriteString(text[:i])
		b.WriteString(st.in(found, text[i:i+len(query)]))
		text = text[i+len(query):]
	}
}

// status says whether the log is followed, how much there is, and what the search found.
func (l *logView) status(st style, w int) string {
	if l.typed.open {
		return "/" + l.typed.String() + "_"
	}
	text := "following"
	if !l.follow {
		text = fmt.Sprintf("paused, %d below", l.total()-l.after)
	}
	if l.gone != "" {
		text = l.gone
	}
	lines := count(l.len(), "line")
	if l.first > 0 {
		lines = fmt.Sprintf("last %d lines", l.len())
	}
	text += " · " + lines
	if l.query != "" {
		text = fmt.Sprintf("%q: %s · ", l.query, count(l.hits, "hit")) + text
	}
	if gap := w - width(text); gap > 0 {
		text = strings.Repeat(" ", gap) + text
	}
	return st.in(faint, ansi.Truncate(text, w, "…"))
}

// String is the whole log, for a pager or a file.
func (l *logView) String() string {
	var b strings.Builder
	for n := l.first; n < l.total(); n++ {
		if line := l.at(n); line.time != "" {
			b.WriteString(line.time + " ")
		}
		b.WriteString(l.at(n).text + "\n")
	}
	return b.String()
}
