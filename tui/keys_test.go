package tui

import (
	"slices"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestNoKeyHasTwoMeaningsInOnePlace(t *testing.T) {
	m, err := bind(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range m {
		if err := m.clash(b.do); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryActionHasANameOnceAndAMeaning(t *testing.T) {
	seen := map[action]bool{}
	for _, b := range bindings {
		if seen[b.do] || b.help == "" || len(b.places) == 0 || len(b.keys) == 0 {
			t.Errorf("%+v", b)
		}
		seen[b.do] = true
		if len(b.help) > 28 {
			t.Errorf("%s: %q is too long for two columns of help at 80", b.do, b.help)
		}
	}
	for at, actions := range footers {
		for _, do := range actions {
			i := slices.IndexFunc(bindings, func(b binding) bool { return b.do == do })
			if i < 0 || bindings[i].hint == "" || !overlap(bindings[i].places, []place{at}) {
				t.Errorf("the footer of %s names %s", at, do)
			}
		}
	}
}

func TestBindingAnotherKeyMovesTheFooterAndTheHelp(t *testing.T) {
	f := newFake()
	d := drive(t, f, Options{Keys: map[string]string{"stop": "x", "launch": "L enter"}, Sandbox: "shop"}, 80, 24)
	d.m.push(d.m.view("shop"))
	d.keys("1")
	d.wants("x stop")
	d.keys("s")
	if got := f.called("stop"); len(got) != 0 {
		t.Errorf("the old key still did: %s", got)
	}
	d.keys("x")
	if got := f.called("stop"); len(got) != 1 {
		t.Errorf("the new key did: %s", got)
	}
	d.keys("?")
	d.wants(" x         stop, or start again")
}

func TestWrongBindingsSayWhatIsWrong(t *testing.T) {
	for _, row := range []struct {
		keys       map[string]string
		want, hint string
	}{
		{map[string]string{"stop": "z"}, `keys.stop: "z" is already pause`, "choose another key, or bind pause elsewhere too"},
		{map[string]string{"stop": "q"}, `keys.stop: "q" is already quit`, "choose another key, or bind quit elsewhere too"},
		{map[string]string{"stopp": "x"}, "keys.stopp: no such action", "did you mean stop?"},
		{map[string]string{"stop": "3"}, `keys.stop: "3" is a number, they choose tabs and remedies`, "choose a letter"},
	} {
		err := CheckKeys(row.keys)
		if err == nil || err.Error() != row.want || fault.HintOf(err) != row.hint || fault.KindOf(err) != fault.Usage {
			t.Errorf("%v: got %v, hint %q", row.keys, err, fault.HintOf(err))
		}
	}
	for _, fine := range []map[string]string{nil, {"stop": "z", "pause": "s"}, {"launch": "L enter"}, {"relay": "z"}, {"quit-stop": ""}} {
		if err := CheckKeys(fine); err != nil {
			t.Errorf("%v: %v", fine, err)
		}
	}
}

func TestKeyNamesAreSorted(t *testing.T) {
	names := KeyNames()
	if !slices.IsSorted(names) || !slices.Contains(names, "quit") || len(names) != len(bindings) {
		t.Errorf("got %s", strings.Join(names, " "))
	}
}
