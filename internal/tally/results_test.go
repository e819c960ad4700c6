package main

import (
	"strings"
	"testing"
)

const first = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA/two"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: no engine here\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p","Elapsed":1.5}
`

func counted(t *testing.T, answers ...string) (results, [3]int) {
	t.Helper()
	all := results{}
	for _, text := range answers {
		if err := all.add(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	passed, failed, skipped := all.sum()
	return all, [3]int{passed, failed, skipped}
}

func TestOnlyTestsWithoutSubtestsCount(t *testing.T) {
	all, got := counted(t, first)
	if want := [3]int{2, 1, 1}; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := all.reasons(); len(got) != 1 || got[0] != "p TestB: no engine here" {
		t.Errorf("reasons %q", got)
	}
}

func TestOverSeveralRuns(t *testing.T) {
	rows := []struct {
		name, second string
		want         [3]int
	}{
		{"a pass beats a skip", `{"Action":"pass","Package":"p","Test":"TestB"}`, [3]int{3, 1, 0}},
		{"a failure beats a pass", `{"Action":"fail","Package":"p","Test":"TestC"}`, [3]int{1, 2, 1}},
		{"a skip beats nothing", `{"Action":"skip","Package":"p","Test":"TestC"}`, [3]int{2, 1, 1}},
		{"a package that did not build fails once", `{"Action":"fail","Package":"q"}`, [3]int{2, 2, 1}},
		{"a parent that fails by itself counts", `{"Action":"pass","Package":"r","Test":"T/x"}
{"Action":"fail","Package":"r","Test":"T"}`, [3]int{3, 2, 1}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if _, got := counted(t, first, row.second); got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestARunShowsPackagesAndWhatFailed(t *testing.T) {
	in := `{"Action":"output","Package":"p","Test":"TestA","Output":"kept quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
not json
{"Action":"fail","Package":"p","Elapsed":1.5}
`
	var out strings.Builder
	ok, err := follow(strings.NewReader(in), &out)
	if err != nil || ok {
		t.Errorf("ok %v, %v", ok, err)
	}
	if want := "got 1, want 2\nnot json\nfail  p  1.5 s\n"; out.String() != want {
		t.Errorf("shown:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestTheLastLineStandsAlone(t *testing.T) {
	dir := t.TempDir()
	var shown strings.Builder
	name := dir + "/one.json"
	if ok, err := run(name, nil, strings.NewReader(`{"Action":"pass","Package":"p","Test":"T"}`), &shown); !ok || err != nil {
		t.Fatal(ok, err)
	}
	var out strings.Builder
	if ok, err := run("", []string{name}, nil, &out); !ok || err != nil || out.String() != "1 passed, 0 failed, 0 skipped\n" {
		t.Errorf("%v %v %q", ok, err, out.String())
	}
}

func TestAMissingAnswerIsAnError(t *testing.T) {
	if ok, err := run("", []string{t.TempDir() + "/none.json"}, nil, &strings.Builder{}); ok || err == nil {
		t.Error("a run that left no answer counted as good")
	}
}
