package tui

import (
	"slices"
	"sort"
	"strings"

	"berth/internal/fault"
)

// action is something the user can ask for. Its name is the word of the configuration table keys.
type action string

// place is a screen, as the table of bindings names it.
type place string

const (
	everywhere place = "everywhere"
	atPlan     place = "plan"
	atRules    place = "rules"
	atProgress place = "progress"
	atRunning  place = "sandbox"
	atList     place = "list"
	atNetworks place = "networks"
	atImages   place = "images"
	atAudit    place = "audit"
	atFailure  place = "error"
	atHelp     place = "help"
)

// binding ties keys to an action in some places; hint is the footer's word.
type binding struct {
	do     action
	keys   []string
	hint   string
	help   string
	places []place
}

// bindings is the one table of keys: it makes what the keys do, the footer, the help and the palette. Digits are not
// in it: they are always tabs and remedies by number.
var bindings = []binding{
	{"launch", []string{"enter"}, "launch", "carry out this plan", []place{atPlan}},
	{"image", []string{"i"}, "image", "choose another image", []place{atPlan}},
	{"network", []string{"n"}, "network", "choose networks to join", []place{atPlan}},
	{"profile", []string{"p"}, "profile", "next hardening profile", []place{atPlan}},
	{"edit", []string{"e"}, "edit", "edit the configuration", []place{atPlan, atFailure}},
	{"mask", []string{"m"}, "mask", "hide what looks like secrets", []place{atPlan}},
	{"rules", []string{"!"}, "rules", "each rule and its reason", []place{atPlan}},

	{"layers", []string{"d"}, "layers", "show or hide the layers", []place{atProgress}},
	{"full-log", []string{"l"}, "log", "the log, large or small", []place{atProgress, atRunning}},

	{"remedy", []string{"enter"}, "1", "the first remedy", []place{atFailure}},
	{"retry", []string{"r"}, "retry", "launch again as it was", []place{atFailure}},
	{"report", []string{"y"}, "copy report", "copy all of it, to pass on", []place{atFailure}},
	{"details", []string{"d"}, "details", "every step, and the cause", []place{atFailure}},

	{"open", []string{"enter"}, "open", "open the sandbox", []place{atList}},
	{"new", []string{"n"}, "new", "plan one for this folder", []place{atList}},
	{"code", []string{"o"}, "code", "VS Code in the browser", []place{atList, atRunning}},
	{"vnc", []string{"v"}, "", "the desktop in the browser", []place{atList, atRunning}},
	{"stop", []string{"s"}, "stop", "stop, or start again", []place{atList, atRunning}},
	{"pause", []string{"z"}, "pause", "pause (stays warm), resume", []place{atList, atRunning}},
	{"shell", []string{"E"}, "shell", "a shell inside", []place{atRunning, atList}},
	{"restart", []string{"r"}, "", "stop and start", []place{atList, atRunning}},
	{"remove", []string{"d"}, "remove", "remove; says what is lost", []place{atList, atRunning}},
	{"mark", []string{"space"}, "mark", "mark, to act on many", []place{atList, atNetworks}},
	{"find", []string{"/"}, "find", "filter what is shown", []place{atList, atNetworks, atImages, atHelp, atRules}},
	{"search", []string{"/"}, "search", "search in the log", []place{atRunning}},
	{"next", []string{"n"}, "", "next match", []place{atRunning}},
	{"previous", []string{"N"}, "", "match before", []place{atRunning}},
	{"follow", []string{"f"}, "", "follow the log, or stay", []place{atRunning}},
	{"wrap", []string{"w"}, "", "wrap long lines, or cut", []place{atRunning}},
	{"times", []string{"t"}, "", "show or hide the times", []place{atRunning}},
	{"pager", []string{"P"}, "", "the log in your pager", []place{atRunning}},
	{"save", []string{"S"}, "", "save the log to a file", []place{atRunning}},
	{"pane", []string{"tab"}, "list", "the list, or back", []place{atRunning, atList}},
	{"tab-next", []string{"]"}, "", "next tab", []place{atRunning}},
	{"tab-previous", []string{"["}, "", "tab before", []place{atRunning}},
	{"allow-once", []string{"a"}, "", "allow what was denied, once", []place{atRunning}},
	{"allow-always", []string{"A"}, "", "allow it from now on", []place{atRunning}},
	{"audit", []string{"!"}, "audit", "does it run as planned?", []place{atRunning, atList}},

	{"take", []string{"enter"}, "take", "take what is chosen", []place{atNetworks, atImages}},
	{"relay", []string{"s"}, "relay", "one service only, by relay", []place{atNetworks}},
	{"validate", []string{"v"}, "validate", "check the image", []place{atImages}},
	{"pull", []string{"p"}, "pull", "fetch the image", []place{atImages}},
	{"build", []string{"b"}, "build", "build the image", []place{atImages}},

	{"evidence", []string{"enter"}, "evidence", "show or hide the evidence", []place{atAudit}},
	{"rerun", []string{"r"}, "re-run", "look again, probe inside", []place{atAudit}},
	{"recreate", []string{"R"}, "recreate", "plan this sandbox anew", []place{atAudit}},
	{"export", []string{"x"}, "export", "save the audit to a file", []place{atAudit}},

	{"copy", []string{"y"}, "", "copy a link, fresh key", []place{atRunning, atList}},
	{"show-link", []string{"u"}, "", "show a link, fresh key", []place{atRunning, atList}},
	{"docker", []string{"Y"}, "", "copy the docker command", []place{atPlan, atRunning}},

	{"back", []string{"esc"}, "back", "back", []place{everywhere}},
	{"help", []string{"?"}, "help", "these keys", []place{everywhere}},
	{"palette", []string{":"}, "", "every action by name", []place{everywhere}},
	{"down", []string{"j", "down"}, "", "down", []place{everywhere}},
	{"up", []string{"k", "up"}, "", "up", []place{everywhere}},
	{"page-down", []string{"pgdown", "ctrl+f"}, "", "a page down", []place{everywhere}},
	{"page-up", []string{"pgup", "ctrl+b"}, "", "a page up", []place{everywhere}},
	{"bottom", []string{"G", "end"}, "", "to the end", []place{everywhere}},
	{"top", []string{"g", "home"}, "", "to the beginning", []place{everywhere}},
	{"mouse", []string{"M"}, "", "free the mouse, or take it", []place{everywhere}},
	{"redraw", []string{"ctrl+l"}, "", "draw everything anew", []place{everywhere}},
	{"suspend", []string{"ctrl+z"}, "", "to the shell; fg comes back", []place{everywhere}},
	{"interrupt", []string{"ctrl+c"}, "cancel and remove what was made", "cancel; again: at once", []place{everywhere}},
	{"quit", []string{"q"}, "leave", "leave; sandboxes stay up", []place{everywhere}},
	{"quit-stop", []string{"Q"}, "", "stop those of mine, leave", []place{everywhere}},
}

// footers are the keys that the last line names, the most useful first; what does not fit is left out, help and quit
// last of all.
var footers = map[place][]action{
	atPlan:     {"launch", "image", "network", "profile", "edit", "mask", "rules", "help"},
	atRules:    {"back", "find", "help"},
	atProgress: {"layers", "full-log", "interrupt", "help"},
	atRunning:  {"stop", "pause", "shell", "search", "pane", "audit", "help", "quit"},
	atList:     {"open", "new", "code", "stop", "pause", "remove", "mark", "find", "help"},
	atNetworks: {"mark", "take", "relay", "find", "back", "help"},
	atImages:   {"take", "validate", "pull", "build", "find", "back", "help"},
	atAudit:    {"evidence", "rerun", "export", "recreate", "back", "help"},
	atFailure:  {"remedy", "retry", "edit", "details", "report", "back", "help"},
	atHelp:     {"find", "back", "quit"},
}

// keymap is the table as the user bound it.
type keymap []binding

// KeyNames gives the names of all actions that a configuration can bind, sorted.
func KeyNames() []string {
	var out []string
	for _, b := range bindings {
		out = append(out, string(b.do))
	}
	sort.Strings(out)
	return out
}

// CheckKeys finds the first thing wrong with a table of bindings, action to key (several by blanks). The error names
// the action, as `keys.NAME`.
func CheckKeys(keys map[string]string) error {
	_, err := bind(keys)
	return err
}

func bind(keys map[string]string) (keymap, error) {
	m := slices.Clone(keymap(bindings))
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		i := slices.IndexFunc(m, func(b binding) bool { return string(b.do) == name })
		if i < 0 {
			return nil, fault.New(fault.Usage, nearest(name), "keys.%s: no such action", name)
		}
		m[i].keys = strings.Fields(keys[name])
		if k := slices.IndexFunc(m[i].keys, isDigit); k >= 0 {
			return nil, fault.New(fault.Usage, "choose a letter", "keys.%s: %q is a number, they choose tabs and remedies", name, m[i].keys[k])
		}
	}
	for _, name := range names {
		if err := m.clash(action(name)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// nearest hints at the action that was meant.
func nearest(name string) string {
	if near := fault.Nearest(name, KeyNames()); near != "" {
		return "did you mean " + near + "?"
	}
	return "choose one of " + strings.Join(KeyNames(), ", ")
}

// clash tells when a key of an action has another meaning in a place where the action works.
func (m keymap) clash(do action) error {
	mine := m[slices.IndexFunc(m, func(b binding) bool { return b.do == do })]
	for _, b := range m {
		if b.do == do || !overlap(b.places, mine.places) {
			continue
		}
		for _, k := range mine.keys {
			if slices.Contains(b.keys, k) {
				return fault.New(fault.Usage, "choose another key, or bind "+string(b.do)+" elsewhere too",
					"keys.%s: %q is already %s", do, k, b.do)
			}
		}
	}
	return nil
}

// overlap tells whether two sets of places share one. What works everywhere shares with all.
func overlap(a, b []place) bool {
	for _, p := range a {
		if slices.Contains(b, p) {
			return true
		}
	}
	return slices.Contains(a, everywhere) || slices.Contains(b, everywhere)
}

// find gives the action of a key in a place; what is bound there goes before what is bound everywhere.
func (m keymap) find(at place, key string) (action, bool) {
	for _, p := range []place{at, everywhere} {
		for _, b := range m {
			if slices.Contains(b.places, p) && slices.Contains(b.keys, key) {
				return b.do, true
			}
		}
	}
	return "", false
}

// at gives the bindings that belong to a place alone.
func (m keymap) at(p place) []binding {
	var out []binding
	for _, b := range m {
		if slices.Contains(b.places, p) {
			out = append(out, b)
		}
	}
	return out
}

// key gives the first key of an action as the footer writes it, "" when it has none.
func (m keymap) key(do action) string {
	for _, b := range m {
		if b.do == do && len(b.keys) > 0 {
			return shown(b.keys[0])
		}
	}
	return ""
}

// shown writes a key as people do.
func shown(key string) string {
	if rest, ok := strings.CutPrefix(key, "ctrl+"); ok {
		return "^" + strings.ToUpper(rest)
	}
	return key
}

func (b binding) shownKeys() string {
	var out []string
	for _, k := range b.keys {
		out = append(out, shown(k))
	}
	return strings.Join(out, " ")
}

func isDigit(key string) bool { return len(key) == 1 && key[0] >= '0' && key[0] <= '9' }
