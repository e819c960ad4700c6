package tui

import (
	"context"
	"maps"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// networksView picks the networks a plan joins.
type networksView struct {
	plan   *planView
	list   NetworkList
	known  bool
	err    error
	chosen map[string]bool
	relays []string
	typed  field
	cursor
	page int
}

func (m *model) chooseNetworks(p *planView) tea.Cmd {
	v := &networksView{plan: p, chosen: map[string]bool{}}
	m.push(v)
	edits := maps.Clone(p.edits)
	if edits[EditRelay] != "" {
		v.relays = strings.Split(edits[EditRelay], ",")
	}
	return m.work(func(ctx context.Context) then {
		list, err := m.b.Networks(ctx, edits)
		return func(*model) tea.Cmd {
			v.list, v.err, v.known = list, err, true
			for _, n := range list.Networks {
				v.chosen[n.Value] = n.Chosen
			}
			return nil
		}
	})
}

func (v *networksView) place() place { return atNetworks }

func (v *networksView) title(*model) (path, right []string) {
	path = []string{v.plan.plan.Sandbox, "networks"}
	if v.typed.used() {
		right = []string{filtered(v.typed, len(v.shown()), len(v.list.Networks))}
	}
	return path, right
}

func (v *networksView) shown() []Network {
	return left(v.typed, v.list.Networks, func(n Network) (string, string) { return n.Name, n.About + " " + n.Members })
}

// current is the network under the cursor.
func (v *networksView) current() Network {
	rows := v.shown()
	if len(rows) == 0 {
		return Network{}
	}
	return rows[max(0, min(v.at, len(rows)-1))]
}

func (v *networksView) word(_ *model, do action) (string, bool) {
	switch do {
	case "relay":
		return "", v.current().Relay != ""
	case "mark":
		return "", v.current().Name != "" && v.current().Refused == ""
	case "take":
		return "", len(v.list.Networks) > 0
	}
	return "", true
}

func (v *networksView) act(m *model, do action) (tea.Cmd, bool) {
	if v.cursor.act(do, v.page, len(v.shown())) {
		return nil, true
	}
	n := v.current()
	switch do {
	case "find":
		v.typed.open = true
		return nil, true
	case "mark":
		if n.Refused == "" && n.Name != "" {
			v.chosen[n.Value] = !v.chosen[n.Value]
		}
		return nil, true
	case "relay":
		v.relay(n)
		return nil, true
	case "take":
		return v.take(m), true
	}
	return nil, false
}

// relay asks for a network's service by a relay, or takes that back.
func (v *networksView) relay(n Network) {
	if n.Relay == "" {
		return
	}
	want := n.Value + "/" + n.Relay
	if i := slices.Index(v.relays, want); i >= 0 {
		v.relays = slices.Delete(v.relays, i, i+1)
		return
	}
	v.relays = append(v.relays, want)
}

// take goes back to the plan with what was chosen.
func (v *networksView) take(m *model) tea.Cmd {
	var names []string
	for _, n := range v.list.Networks {
		if v.chosen[n.Value] {
			names = append(names, n.Value)
		}
	}
	m.back()
	if len(v.list.Networks) == 0 {
		return nil
	}
	v.plan.edits = maps.Clone(v.plan.edits)
	delete(v.plan.edits, EditRelay)
	if len(v.relays) > 0 {
		v.plan.edits[EditRelay] = strings.Join(v.relays, ",")
	}
	return v.plan.set(m, EditNetworks, v.edit(names))
}

// edit is what to write for the networks that were chosen. None at all must be said where the configuration names some.
func (v *networksView) edit(names []string) string {
	configured := slices.ContainsFunc(v.list.Networks, func(n Network) bool { return n.Chosen })
	if len(names) == 0 && configured {
		return "[]"
	}
	return strings.Join(names, ",")
}

func (v *networksView) field() *field               { return &v.typed }
func (v *networksView) typing(*model, bool) tea.Cmd { return nil }

func (v *networksView) draw(m *model, c *canvas) {
	rows := v.shown()
	if len(rows) == 0 {
		drawEmpty(c, v.known, v.err, v.list.Why, "no networks to join")
		return
	}
	name := 0
	for _, n := range rows {
		name = max(name, width(clean(n.Name)))
	}
	name = min(name, c.w*2/5)
	n := v.current()
	below := detail(c, c.w < 64, n.About, n.Members, n.Opens, refusal(n))
	v.page = max(1, c.room()-len(below))
	from, to := v.window(len(rows), v.page)
	for i := from; i < to; i++ {
		v.drawRow(m, c, rows[i], i == v.at, name)
		c.on(0, c.w, func(m *model) tea.Cmd {
			v.at = i
			return m.do("mark")
		})
	}
	c.fill(len(below))
	c.addAll(below)
}

func refusal(n Network) string {
	if n.Refused == "" {
		return ""
	}
	return "refused: " + n.Refused
}

// detail says below a list what its chosen row had no room for, a third of the screen at most.
func detail(c *canvas, want bool, facts ...string) []string {
	var said []string
	for _, f := range facts {
		if f = clean(f); f != "" {
			said = append(said, f)
		}
	}
	if !want || len(said) == 0 {
		return nil
	}
	lines := hang("  "+strings.Join(said, "; "), c.w, 2)
	return lines[:min(len(lines), max(1, c.h/3))]
}

func (v *networksView) drawRow(m *model, c *canvas, n Network, here bool, name int) {
	box := "[ ]"
	switch {
	case n.Refused != "":
		box = "[-]"
	case v.chosen[n.Value]:
		box = "[x]"
	}
	line := pick(m, here) + " " + box + " " + pad(elide(clean(n.Name), name), name) + "  "
	if c.w < 64 {
		c.add(line)
		return
	}
	if n.Refused != "" {
		c.add(cut(line+m.st.in(faint, clean(refusal(n))), c.w))
		return
	}
	rest := clean(n.About)
	if n.Members != "" {
		rest += "  " + clean(n.Members)
	}
	opens := clean(n.Opens)
	if slices.ContainsFunc(v.relays, func(r string) bool { return strings.HasPrefix(r, n.Value+"/") }) {
		opens = "relay to " + clean(n.Relay) + ", nothing else opens"
	}
	c.add(spread(line+cut(rest, c.w-width(line)-width(opens)-2), m.st.in(warning, opens), c.w))
}

func pick(m *model, here bool) string {
	if here {
		return m.st.in(strong, "›")
	}
	return " "
}

// drawEmpty says why a picker has nothing to pick.
func drawEmpty(c *canvas, known bool, err error, why, otherwise string) {
	text := "  asking the engine"
	switch {
	case err != nil:
		text = c.st.in(bad, "✗") + " " + sentence(err)
	case known && why != "":
		text = "  " + clean(why)
	case known:
		text = "  " + otherwise
	}
	c.addAll(hang(text, c.w, 2))
}
