package tui

import (
	"fmt"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

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

// lowHeight is where the head of the screen begins to give way to the tab below it.
const lowHeight = 16

func (v *runningView) drawPosture(c *canvas) {
	if why := v.row(c.m).Why; why != "" {
		c.addAll(hang(c.st.in(bad, "✗")+" "+clean(why), c.w, 2))
	}
	lines := hang(clean(v.info.Posture), c.w, 2)
	if len(lines) > 2 && c.h < lowHeight {
		lines = []string{lines[0], cut(lines[1], c.w-2) + " …"}
	}
	c.addAll(lines)
}

// drawLinks draws each link; its address is never cut, it goes on on the next line. What has none says why, in one
// line for all where the screen is low.
func (v *runningView) drawLinks(m *model, c *canvas) {
	label, longest := 0, 0
	for _, l := range v.info.Links {
		label, longest = max(label, width(clean(l.Label))), max(longest, width(clean(l.URL)))
	}
	if label+longest+5 > c.w {
		label = 0
	}
	var missing []string
	for _, l := range v.info.Links {
		if l.URL == "" && c.h < lowHeight {
			missing = append(missing, "no "+clean(l.Label))
			continue
		}
		v.drawLink(m, c, l, max(label, width(clean(l.Label))), longest)
	}
	if len(missing) > 0 {
		c.add(c.st.in(faint, cut("   "+strings.Join(missing, ", "), c.w)))
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

// drawDenied asks about a refusal; of one that no rule can allow it says why.
func (v *runningView) drawDenied(m *model, c *canvas) {
	i := v.waiting(v.asked)
	if i < 0 {
		return
	}
	now := v.denied[i]
	once, always := m.keys.key("allow-once"), m.keys.key("allow-always")
	more := ""
	if n := len(v.denied) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	said, keys := "egress  denied", fmt.Sprintf("  %s allow once  %s always", once, always)
	if c.w < 64 {
		said, keys, more = "denied", fmt.Sprintf("  %s once  %s always", once, always), ""
	}
	if now.Offer == "" {
		c.add(cut(m.st.in(warning, said)+" "+clean(now.Why)+more, c.w))
		return
	}
	text := elide(clean(now.Target), max(8, c.w-width(said+" "+more+keys)))
	c.add(cut(m.st.in(warning, said)+" "+text+more+keys, c.w))
}
