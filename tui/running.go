package tui

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"berth/internal/fault"
)

// tabs are what a sandbox's screen shows below its links, by number.
var tabs = []struct {
	name  string
	lines func(Sandbox) []Line // nil: the log
	empty string
}{
	{name: "Logs"},
	{"Mounts", func(s Sandbox) []Line { return s.Mounts }, "nothing is mounted"},
	{"Network", func(s Sandbox) []Line { return s.Network }, "no network"},
	{"Security", func(s Sandbox) []Line { return s.Security }, "nothing is known yet; ! audits"},
	{"Files", func(s Sandbox) []Line { return s.Files }, "no changes are kept aside, and nothing that the host would run was touched"},
	{"Config", func(s Sandbox) []Line { return s.Config }, "all values are the defaults"},
}

// sparkWidth is how many figures of the processor are drawn.
const sparkWidth = 8

// runningView is one sandbox: links, posture, figures and tabs. It is kept when it is left, with its place.
type runningView struct {
	name   string
	info   Sandbox
	known  bool
	err    error
	tab    int
	log    *logView
	stats  []Stats
	denied []string // refused targets nobody has answered for
	shown  bool     // its streams are open
	stop   context.CancelFunc
	full   bool
	busy   string // the act under way: "stopping"
	scroller
	page int
}

func newRunning(name string) *runningView {
	return &runningView{name: name, log: newLog(), stop: func() {}}
}

// show opens the streams and reads the sandbox.
func (v *runningView) show(m *model) tea.Cmd {
	v.shown = true
	ctx, cancel := context.WithCancel(m.ctx)
	v.stop = cancel
	return tea.Batch(v.load(m), v.readLog(m, ctx), v.readStats(m, ctx))
}

// hide closes the streams.
func (v *runningView) hide() {
	v.shown = false
	v.stop()
	v.stats = nil
}

func (v *runningView) load(m *model) tea.Cmd {
	return m.work(func(ctx context.Context) then {
		info, err := m.b.Show(ctx, v.name)
		return func(m *model) tea.Cmd { return v.loaded(m, info, err) }
	})
}

// loaded folds what Show gave. A sandbox that came up again gets its streams again.
func (v *runningView) loaded(m *model, info Sandbox, err error) tea.Cmd {
	v.err = err
	if err != nil {
		if fault.KindOf(err) == fault.NotFound && m.top() == screen(v) {
			m.say(sentence(err))
			m.toList("")
		}
		return nil
	}
	again := v.known && v.info.State != Up && info.State == Up
	v.info, v.known = info, true
	if info.Engine != "" {
		m.engine = clean(info.Engine)
	}
	if again && v.shown {
		v.hide()
		return v.show(m)
	}
	return nil
}

func (v *runningView) readLog(m *model, ctx context.Context) tea.Cmd {
	fresh := true
	run := func(ctx context.Context, put func(LogLine)) error { return m.b.Logs(ctx, v.name, ringLines, put) }
	return stream(m, ctx, ringLines, run, func(_ *model, lines []LogLine) tea.Cmd {
		if ctx.Err() != nil {
			return nil
		}
		if fresh {
			v.log.clear()
			fresh = false
		}
		v.log.add(lines)
		return nil
	}, func(_ *model, err error) tea.Cmd {
		if ctx.Err() == nil {
			v.log.gone = "ended"
			if err != nil {
				v.log.gone = sentence(err)
			}
		}
		return nil
	})
}

func (v *runningView) readStats(m *model, ctx context.Context) tea.Cmd {
	run := func(ctx context.Context, put func(Stats)) error { return m.b.Stats(ctx, v.name, put) }
	return stream(m, ctx, sparkWidth, run, func(_ *model, s []Stats) tea.Cmd {
		v.stats = append(v.stats, s...)
		v.stats = slices.Clone(v.stats[max(0, len(v.stats)-sparkWidth):])
		return nil
	}, func(*model, error) tea.Cmd { return nil })
}

func (v *runningView) deny(target string) {
	if target = clean(target); !slices.Contains(v.denied, target) && len(v.denied) < 100 {
		v.denied = append(v.denied, target)
	}
}

func (v *runningView) place() place { return atRunning }

func (v *runningView) title(m *model) (path, right []string) {
	right = []string{v.stateText(m)}
	if m.engine != "" {
		right = append(right, m.engine)
	}
	return []string{v.name}, right
}

// stateText says state and age.
func (v *runningView) stateText(m *model) string {
	if v.busy != "" {
		return v.busy
	}
	row := v.row(m)
	text := m.st.state(row.State)
	if row.Since.IsZero() {
		return text
	}
	old, next := age(m.now().Sub(row.Since))
	m.again(next)
	return text + " " + old
}

func (v *runningView) row(m *model) Row {
	if row, ok := m.row(v.name); ok {
		return row
	}
	return v.info.Row
}

func (v *runningView) word(m *model, do action) (string, bool) {
	row := v.row(m)
	switch do {
	case "stop":
		if row.State == Stopped || row.State == Broken {
			return "start", true
		}
	case "pause":
		if row.State == Paused {
			return "resume", true
		}
		return "", row.State == Up
	case "shell":
		return "", row.State == Up
	case "search":
		return "", v.tab == 0
	case "quit":
		return "leave running", true
	}
	return "", true
}

func (v *runningView) digit(_ *model, d int) tea.Cmd {
	if d >= 1 && d <= len(tabs) {
		v.open(d - 1)
	}
	return nil
}

func (v *runningView) open(tab int) { v.tab, v.top = (tab+len(tabs))%len(tabs), 0 }

func (v *runningView) act(m *model, do action) (tea.Cmd, bool) {
	switch do {
	case "tab-next":
		v.open(v.tab + 1)
		return nil, true
	case "tab-previous":
		v.open(v.tab - 1)
		return nil, true
	case "full-log":
		v.full = !v.full
		v.open(0)
		return nil, true
	case "back", "pane":
		if v.full && do == "back" {
			v.full = false
			return nil, true
		}
		m.toList(v.name)
		return nil, true
	case "search":
		v.open(0)
	case "pager":
		return m.page(v.log.String()), true
	case "save":
		return m.save(v.name, "logs", v.log.String()), true
	case "allow-once":
		return v.allow(m, false), true
	case "allow-always":
		return v.allow(m, true), true
	case "docker":
		return m.copyCommand(v.name, nil), true
	}
	if cmd, ok := m.actOn(do, v.row(m), []string{v.name}); ok {
		return cmd, true
	}
	if v.tab == 0 {
		return nil, v.log.act(do)
	}
	return nil, v.scroller.act(do, v.page)
}

// allow answers for the target refused last.
func (v *runningView) allow(m *model, always bool) tea.Cmd {
	if len(v.denied) == 0 {
		return nil
	}
	target := v.denied[len(v.denied)-1]
	v.denied = v.denied[:len(v.denied)-1]
	return m.work(func(ctx context.Context) then {
		err := m.b.Allow(ctx, v.name, target, always)
		return func(m *model) tea.Cmd {
			if err != nil {
				m.fail(err)
			} else {
				m.say(target + " is allowed " + map[bool]string{false: "once", true: "from now on"}[always])
			}
			return nil
		}
	})
}

func (v *runningView) field() *field { return &v.log.typed }

func (v *runningView) typing(_ *model, done bool) tea.Cmd {
	if done {
		v.log.search()
	}
	return nil
}

// draw draws the sandbox; what does not fit gives way to the log.
func (v *runningView) draw(m *model, c *canvas) {
	if v.full {
		v.log.draw(c)
		return
	}
	if v.err != nil && !v.known {
		c.addAll(hang(m.st.in(bad, "✗")+" "+sentence(v.err), c.w, 2))
		return
	}
	if !v.known {
		c.add(m.st.in(faint, "  reading"))
		return
	}
	v.drawPosture(c)
	v.drawLinks(m, c)
	v.drawStats(c)
	v.drawTabs(c)
	v.drawTab(m, c)
	v.drawDenied(m, c)
}

func (v *runningView) drawPosture(c *canvas) {
	if why := v.row(c.m).Why; why != "" {
		c.addAll(hang(c.st.in(bad, "✗")+" "+clean(why), c.w, 2))
	}
	lines := hang(clean(v.info.Posture), c.w, 2)
	if len(lines) > 2 && c.h < 14 {
		lines = []string{lines[0], cut(lines[1]+"…", c.w)}
	}
	c.addAll(lines)
}

// drawLinks draws each link; its address is never cut, it goes on on the next line.
func (v *runningView) drawLinks(m *model, c *canvas) {
	label, longest := 0, 0
	for _, l := range v.info.Links {
		label, longest = max(label, width(clean(l.Label))), max(longest, width(clean(l.URL)))
	}
	for _, l := range v.info.Links {
		v.drawLink(m, c, l, label, longest)
	}
}

// linkActions are the keys that open links.
var linkActions = map[string]action{"code": "code", "vnc": "vnc"}

func (v *runningView) drawLink(m *model, c *canvas, l Link, label, longest int) {
	key := " "
	if do, ok := linkActions[l.Kind]; ok && l.URL != "" {
		key = m.keys.key(do)
	}
	head := " " + c.st.in(strong, pad(key, 1)) + " " + pad(clean(l.Label), label) + "  "
	note := clean(l.Note)
	if l.URL == "" {
		c.addAll(hang(head+c.st.in(faint, note), c.w, 3))
		return
	}
	url := clean(l.URL)
	open := func(m *model) tea.Cmd { return m.browse(v.name, l.Kind) }
	id := v.name + "-" + l.Kind
	if room := c.w - width(head); width(url) <= room {
		line := head + link(m.o.Hyperlinks, url, id, c.st.in(accent, url))
		if rest := room - longest - 3; rest >= width(note) {
			line += strings.Repeat(" ", longest-width(url)+3) + c.st.in(faint, note)
		}
		c.add(line)
		c.on(0, width(head)+width(url), open)
		return
	}
	c.add(head)
	c.on(0, width(head), open)
	for _, piece := range columns(url, c.w-1) {
		c.add(" " + link(m.o.Hyperlinks, url, id, c.st.in(accent, piece)))
		c.on(1, c.w, open)
	}
}

func (v *runningView) drawStats(c *canvas) {
	if len(v.stats) == 0 {
		return
	}
	s := v.stats[len(v.stats)-1]
	var cpu []float64
	for _, x := range v.stats {
		cpu = append(cpu, x.CPU)
	}
	parts := []string{fmt.Sprintf("cpu %.0f%%", s.CPU)}
	if v.info.CPUs > 0 {
		parts[0] += " of " + strconv.FormatFloat(v.info.CPUs, 'f', -1, 64)
	}
	narrow := c.w < 72
	if !narrow {
		parts[0] += " " + spark(cpu, sparkWidth, 100*max(0.5, v.info.CPUs))
	}
	parts = append(parts, "mem "+of(size(s.Memory), s.MemoryMax, size, narrow),
		"pids "+of(strconv.FormatInt(s.Pids, 10), s.PidsMax, func(n int64) string { return strconv.FormatInt(n, 10) }, narrow))
	c.add(cut(strings.Join(parts, map[bool]string{true: "  ", false: "   "}[narrow]), c.w))
}

// of says a figure and its limit, if there is one and room for it.
func of(figure string, limit int64, say func(int64) string, narrow bool) string {
	if limit <= 0 || narrow {
		return figure
	}
	return figure + " of " + say(limit)
}

// drawTabs names the tabs; where there is no room, only the open one and the numbers.
func (v *runningView) drawTabs(c *canvas) {
	full := 0
	for _, t := range tabs {
		full += 4 + len(t.name)
	}
	var line strings.Builder
	var starts []int
	for i, t := range tabs {
		starts = append(starts, width(line.String()))
		text := strconv.Itoa(i + 1)
		if full <= c.w || i == v.tab {
			text += " " + t.name
		}
		if i == v.tab {
			line.WriteString(c.st.in(strong, "›"+text) + " ")
		} else {
			line.WriteString(c.st.in(faint, " "+text) + " ")
		}
	}
	if full+9 <= c.w {
		line.WriteString(c.st.in(faint, " [ ] tabs"))
	}
	c.add(line.String())
	for i, x := range starts {
		end := c.w
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		c.on(x, end, func(*model) tea.Cmd { v.open(i); return nil })
	}
}

func (v *runningView) drawTab(m *model, c *canvas) {
	keep := 0
	if len(v.denied) > 0 {
		keep = 1
	}
	body := c.part(c.w, c.room()-keep)
	if tab := tabs[v.tab]; tab.lines == nil {
		v.log.draw(body)
	} else {
		lines := table(m.st, tab.lines(v.info), c.w)
		if len(lines) == 0 {
			lines = hang("  "+tab.empty, c.w, 2)
		}
		v.page = body.h
		v.scroller.draw(body, lines)
	}
	body.fill(0)
	c.put(body)
}

func (v *runningView) drawDenied(m *model, c *canvas) {
	if len(v.denied) == 0 {
		return
	}
	once, always := m.keys.key("allow-once"), m.keys.key("allow-always")
	more := ""
	if n := len(v.denied) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	said, keys := "egress  denied", fmt.Sprintf("  %s allow once  %s always", once, always)
	if c.w < 64 {
		said, keys, more = "denied", fmt.Sprintf("  %s once  %s always", once, always), ""
	}
	text := elide(v.denied[len(v.denied)-1], max(8, c.w-width(said+" "+more+keys)))
	c.add(cut(m.st.in(warning, said)+" "+text+more+keys, c.w))
}

// toList goes to the list with this sandbox chosen.
func (m *model) toList(name string) {
	m.list.choose(name)
	if i := slices.Index(m.stack, screen(m.list)); i >= 0 {
		m.stack = m.stack[:i+1]
		return
	}
	m.stack = []screen{m.list}
}
