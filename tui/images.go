package tui

import (
	"context"
	"maps"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"berth/internal/event"
)

// imagesView picks the image of a plan.
type imagesView struct {
	plan  *planView
	list  ImageList
	known bool
	err   error
	work  string // what is being done, and how far it is
	typed field
	cursor
	page int
}

func (m *model) chooseImage(p *planView) tea.Cmd {
	v := &imagesView{plan: p}
	m.push(v)
	return v.load(m)
}

func (v *imagesView) load(m *model) tea.Cmd {
	edits := maps.Clone(v.plan.edits)
	return m.work(func(ctx context.Context) then {
		list, err := m.b.Images(ctx, edits)
		return func(*model) tea.Cmd {
			fresh := !v.known
			v.list, v.err, v.known = list, err, true
			if i := slices.IndexFunc(list.Images, func(i Image) bool { return i.Chosen }); fresh && i >= 0 {
				v.at = i
			}
			return nil
		}
	})
}

func (v *imagesView) place() place { return atImages }

func (v *imagesView) title(*model) (path, right []string) {
	path = []string{v.plan.plan.Sandbox, "image"}
	if v.typed.used() {
		right = []string{filtered(v.typed, len(v.shown()), len(v.list.Images))}
	}
	return path, right
}

func (v *imagesView) shown() []Image {
	return left(v.typed, v.list.Images, func(i Image) (string, string) { return i.Ref, i.Where })
}

func (v *imagesView) current() Image {
	rows := v.shown()
	if len(rows) == 0 {
		return Image{}
	}
	return rows[max(0, min(v.at, len(rows)-1))]
}

// imageActs are what a picker can have done to an image.
var imageActs = map[action]Action{"validate": DoValidate, "pull": DoPull, "build": DoBuild}

func (v *imagesView) word(_ *model, do action) (string, bool) {
	if act, ok := imageActs[do]; ok {
		return "", slices.Contains(v.current().Can, act)
	}
	return "", do != "take" || v.current().Ref != ""
}

func (v *imagesView) act(m *model, do action) (tea.Cmd, bool) {
	if v.cursor.act(do, v.page, len(v.shown())) {
		return nil, true
	}
	if _, works := v.word(m, do); !works {
		return nil, true
	}
	if act, ok := imageActs[do]; ok {
		return v.prepare(m, act), true
	}
	switch do {
	case "find":
		v.typed.open = true
		return nil, true
	case "take":
		m.back()
		return v.plan.set(m, EditImage, v.current().Ref), true
	}
	return nil, false
}

// prepare validates, pulls or builds the image under the cursor, one at a time.
func (v *imagesView) prepare(m *model, act Action) tea.Cmd {
	if v.work != "" {
		return nil
	}
	ref := v.current().Ref
	v.work = doing[act][0] + " " + clean(ref)
	run := func(ctx context.Context, put func(event.Event)) error { return m.b.Prepare(ctx, act, ref, put) }
	return stream(m, m.ctx, 256, run, func(_ *model, events []event.Event) tea.Cmd {
		e := events[len(events)-1]
		v.work = doing[act][0] + " " + clean(ref) + "  " + clean(e.Text)
		if e.Total > 0 {
			v.work = doing[act][0] + " " + clean(ref) + "  " + diskSize(e.Current) + "/" + diskSize(e.Total)
		}
		return nil
	}, func(m *model, err error) tea.Cmd {
		v.work = ""
		if err != nil {
			m.fail(err)
		} else {
			m.say(ref + " " + doing[act][1])
		}
		return v.load(m)
	})
}

func (v *imagesView) field() *field               { return &v.typed }
func (v *imagesView) typing(*model, bool) tea.Cmd { return nil }

func (v *imagesView) draw(m *model, c *canvas) {
	if v.work != "" {
		c.add(cut(" "+m.st.in(accent, "●")+" "+v.work, c.w))
	}
	rows := v.shown()
	if len(rows) == 0 {
		drawEmpty(c, v.known, v.err, v.list.Why, "no images to choose from")
		return
	}
	ref, where := 0, 0
	for _, img := range rows {
		ref, where = max(ref, width(clean(img.Ref))), max(where, width(whereOf(img)))
	}
	narrow := c.w < 64
	ref, where = min(ref, max(12, c.w*3/10)), min(where, max(12, c.w*3/10))
	if narrow {
		ref, where = c.w-4, 0
	}
	img := v.current()
	note := clean(img.Note)
	cutOff := narrow || width(clean(img.Ref)) > ref || 8+ref+where+width(note) > c.w
	below := detail(c, cutOff, img.Ref, whereOf(img), note)
	v.page = max(1, c.room()-len(below))
	from, to := v.window(len(rows), v.page)
	for i := from; i < to; i++ {
		c.add(cut(imageRow(m, rows[i], i == v.at, ref, where), c.w))
		c.on(0, c.w, func(*model) tea.Cmd { v.at = i; return nil })
	}
	c.fill(len(below))
	c.addAll(below)
}

func imageRow(m *model, img Image, here bool, ref, where int) string {
	row := pick(m, here) + " "
	if where == 0 {
		return row + m.st.mark(img.Mark) + " " + elide(clean(img.Ref), ref)
	}
	return row + pad(elide(clean(img.Ref), ref), ref) + "  " + pad(whereOf(img), where) + "  " + m.st.mark(img.Mark) + " " + clean(img.Note)
}

// whereOf says where an image is, and how large.
func whereOf(img Image) string {
	if img.Size == 0 {
		return clean(img.Where)
	}
	return pad(clean(img.Where), 6) + " " + diskSize(img.Size)
}
