package main

import (
	"strings"
	"testing"
)

func TestThePageHasARowForEachEngineThatRan(t *testing.T) {
	folder := t.TempDir()
	for _, r := range []Result{
		{Engine: "rootless", Cells: map[string]string{"API": "1.51", "standard": "socket|exec"}},
		{Engine: "docker-20.10", Cells: map[string]string{"API": "1.41"}, Says: []string{"plan: it is old"}},
	} {
		if err := r.save(folder); err != nil {
			t.Fatal(err)
		}
	}
	all, err := results(folder)
	if err != nil || len(all) != 2 || all[0].Engine != "docker-20.10" {
		t.Fatalf("%+v, %v", all, err)
	}
	text := page(all)
	for _, want := range []string{
		"\n| | engine | API | runtime | tests |\n|---|---|---|---|---|\n| docker-20.10 | – | 1.41 | – | – |\n| rootless | – | 1.51 |",
		`| rootless | – | socket\|exec |`, "\n**docker-20.10**\n\n- plan: it is old\n\n**rootless**\n\n- nothing\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
}
