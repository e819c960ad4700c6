package tui

import tea "github.com/charmbracelet/bubbletea"

// key folds one key press, or several that the terminal delivered at once.
func (m *model) key(k tea.KeyMsg) tea.Cmd {
	if m.answer(k) {
		return nil
	}
	m.notice = ""
	if m.modal != nil {
		return m.modal.key(m, k)
	}
	if t, ok := m.top().(typer); ok && t.field().open {
		if k.String() == "ctrl+c" {
			return m.interrupt()
		}
		return t.typing(m, t.field().key(k))
	}
	if k.Paste {
		return nil
	}
	if k.Type != tea.KeyRunes || k.Alt {
		return m.press(name(k))
	}
	var cmds []tea.Cmd
	for i, r := range k.Runes {
		cmds = append(cmds, m.press(string(r)))
		if t, ok := m.top().(typer); m.modal != nil || ok && t.field().open {
			rest := k
			rest.Runes = k.Runes[i+1:]
			if len(rest.Runes) > 0 {
				cmds = append(cmds, m.key(rest))
			}
			break
		}
	}
	return tea.Batch(cmds...)
}

// answer drops what a terminal says unasked: a late colour report reads as alt+] and a run of characters.
func (m *model) answer(k tea.KeyMsg) bool {
	if k.Alt && len(k.Runes) > 0 && k.Runes[0] == ']' {
		m.swallow = true
		return true
	}
	if !m.swallow {
		return false
	}
	m.swallow = k.Type == tea.KeyRunes && !k.Alt
	return m.swallow && len(k.Runes) > 1 || k.Alt
}

func name(k tea.KeyMsg) string {
	if k.Type == tea.KeySpace {
		return "space"
	}
	return k.String()
}

// press is one key outside of any typing.
func (m *model) press(key string) tea.Cmd {
	if d, ok := m.top().(interface{ digit(*model, int) tea.Cmd }); ok && isDigit(key) {
		return d.digit(m, int(key[0]-'0'))
	}
	do, ok := m.keys.find(m.top().place(), key)
	if !ok {
		return nil
	}
	return m.do(do)
}

// do carries out an action: the screen's own meaning first, then what works everywhere.
func (m *model) do(do action) tea.Cmd {
	if cmd, ok := m.top().act(m, do); ok {
		return cmd
	}
	switch do {
	case "back":
		m.back()
	case "help":
		m.push(newHelp(m))
	case "palette":
		m.push(newPalette(m))
	case "mouse":
		m.mouse = !m.mouse
		m.tty.setMouse(m.mouse)
	case "redraw":
		m.redrawAll = true
	case "suspend":
		return m.suspend()
	case "interrupt":
		return m.interrupt()
	case "quit":
		return m.quit()
	case "quit-stop":
		return m.stopMine()
	}
	return nil
}

// click folds one click or a turn of the wheel.
func (m *model) click(e tea.MouseMsg) tea.Cmd {
	if !m.mouse || m.modal != nil || e.Action != tea.MouseActionPress {
		return nil
	}
	switch e.Button {
	case tea.MouseButtonWheelUp:
		return m.turn("up")
	case tea.MouseButtonWheelDown:
		return m.turn("down")
	case tea.MouseButtonLeft:
		for _, z := range m.zones {
			if z.row == e.Y && z.from <= e.X && e.X < z.to {
				m.notice = ""
				return z.click(m)
			}
		}
	}
	return nil
}

// turn is one notch of the wheel: three lines.
func (m *model) turn(do action) tea.Cmd {
	var cmds []tea.Cmd
	for range 3 {
		cmds = append(cmds, m.do(do))
	}
	return tea.Batch(cmds...)
}
