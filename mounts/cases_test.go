package mounts

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/host"
)

// vectors is one file of cases; a file of another schema has neither machines nor users.
type vectors struct {
	Machines map[string]machine `json:"machines"`
	Cases    []vector           `json:"cases"`
	Users    []userVector       `json:"users"`
}

type vector struct {
	ID         string            `json:"id"`
	Feature    string            `json:"feature"`
	Machine    string            `json:"machine"`
	Env        map[string]string `json:"env"`
	AllowPaths []string          `json:"allow_paths"`
	Expect     struct {
		Mounts   []wantMount   `json:"mounts"`
		Warnings []wantWarning `json:"warnings"`
		Error    *wantError    `json:"error"`
	} `json:"expect"`
}

type wantMount struct {
	Kind     Kind   `json:"kind"`
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
	SELinux  string `json:"selinux"`
	NoCopy   bool   `json:"no_copy"`
	File     bool   `json:"file"`
}

type wantWarning struct {
	Kind  WarningKind `json:"kind"`
	Names []string    `json:"names"`
}

type wantError struct {
	Kind     ErrorKind `json:"kind"`
	Entry    int       `json:"entry"`
	Variable string    `json:"variable"`
	Column   int       `json:"column"`
	Token    string    `json:"token"`
	Names    []string  `json:"names"`
}

type userVector struct {
	ID            string            `json:"id"`
	Feature       string            `json:"feature"`
	Engine        EngineKind        `json:"engine"`
	UID           int               `json:"uid"`
	GID           int               `json:"gid"`
	SudoUID       int               `json:"sudo_uid"`
	SudoGID       int               `json:"sudo_gid"`
	ImageUID      int               `json:"image_uid"`
	WritableBind  bool              `json:"writable_bind"`
	UserNamespace string            `json:"user_namespace"`
	Env           map[string]string `json:"env"`
	Expect        struct {
		User       string     `json:"user"`
		HostOwner  *int       `json:"host_owner"`
		UsernsMode string     `json:"userns_mode"`
		Error      *wantError `json:"error"`
	} `json:"expect"`
}

// TestCases runs every file of vectors in the folder BERTH_CASES names, else those in testdata.
func TestCases(t *testing.T) {
	dir := os.Getenv("BERTH_CASES")
	if dir == "" {
		dir = "testdata"
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s: %v", dir, err)
	}
	ran := 0
	for _, file := range files {
		v, ok := readVectors(t, file)
		if !ok {
			continue
		}
		for _, c := range v.Cases {
			ran++
			t.Run(filepath.Base(file)+"/"+c.ID+" "+c.Feature, func(t *testing.T) { runVector(t, v.machine(c.Machine), c) })
		}
		for _, c := range v.Users {
			ran++
			t.Run(filepath.Base(file)+"/"+c.ID+" "+c.Feature, func(t *testing.T) { runUserVector(t, c) })
		}
	}
	if ran == 0 {
		t.Fatalf("none of the %d files in %s holds cases of mounts", len(files), dir)
	}
}

func readVectors(t *testing.T, file string) (vectors, bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Machines map[string]json.RawMessage `json:"machines"`
		Users    []json.RawMessage          `json:"users"`
	}
	if json.Unmarshal(text, &schema) != nil || schema.Machines == nil && schema.Users == nil {
		return vectors{}, false
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v, true
}

func (v vectors) machine(name string) machine {
	m := v.Machines[name]
	if m.Like == "" {
		return m
	}
	return m.inherit(v.machine(m.Like))
}

func runVector(t *testing.T, m machine, c vector) {
	h := m.host(c.AllowPaths)
	got, warnings, err := Given{Env: host.Env(c.Env), Cwd: h.Cwd}.Resolve(h)
	if c.Expect.Error != nil {
		checkError(t, err, *c.Expect.Error)
		return
	}
	if err != nil {
		t.Fatalf("error %v", err)
	}
	seen := []wantMount{}
	for _, m := range got {
		seen = append(seen, wantMount{m.Kind, m.Source, m.Target, m.ReadOnly, m.SELinux, m.NoCopy, m.File})
	}
	if !slices.Equal(seen, c.Expect.Mounts) {
		t.Errorf("mounts\n got %+v\nwant %+v", seen, c.Expect.Mounts)
	}
	checkWarnings(t, warnings, c.Expect.Warnings)
}

func checkError(t *testing.T, err error, want wantError) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %+v", want)
	}
	if fault.KindOf(err) != fault.Usage {
		t.Errorf("fault kind %s, want usage", fault.KindOf(err))
	}
	p, ok := problemOf(err)
	if !ok {
		t.Fatalf("an error of no type: %v", err)
	}
	got := wantError{Kind: p.Kind, Entry: p.Entry, Variable: p.Variable, Column: p.Column, Token: p.Token, Names: want.Names}
	if got.Kind != want.Kind || got.Entry != want.Entry || got.Variable != want.Variable || got.Column != want.Column || got.Token != want.Token {
		t.Errorf("error %v\n got %+v\nwant %+v", err, got, want)
	}
	if !strings.Contains(err.Error(), want.Token) {
		t.Errorf("%q does not contain the token %q", err.Error(), want.Token)
	}
	full := err.Error() + "\n" + fault.HintOf(err)
	for _, name := range want.Names {
		if !strings.Contains(full, name) {
			t.Errorf("%q does not contain %q", full, name)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\r\x1b") || strings.HasSuffix(err.Error(), ".") {
		t.Errorf("%q is not one plain sentence without a period", err.Error())
	}
}

func problemOf(err error) (Problem, bool) {
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		return syntax.Problem, true
	}
	var policy *PolicyError
	if errors.As(err, &policy) {
		return policy.Problem, true
	}
	var user *UserError
	if errors.As(err, &user) {
		return Problem{Kind: user.Kind}, true
	}
	return Problem{}, false
}

// checkWarnings pairs each warning with a wish of its kind whose words it contains; none may be left on either side.
func checkWarnings(t *testing.T, got []Warning, want []wantWarning) {
	t.Helper()
	left := slices.Clone(want)
	for _, w := range got {
		i := slices.IndexFunc(left, func(want wantWarning) bool {
			return want.Kind == w.Kind && !slices.ContainsFunc(want.Names, func(n string) bool { return !strings.Contains(w.Text, n) })
		})
		if i < 0 {
			t.Errorf("unexpected warning %s: %s", w.Kind, w.Text)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, w := range left {
		t.Errorf("missing warning %s naming %q", w.Kind, w.Names)
	}
}

func runUserVector(t *testing.T, c userVector) {
	choice, err := PickUser(UserFacts{Engine: c.Engine, UID: c.UID, GID: c.GID, SudoUID: c.SudoUID, SudoGID: c.SudoGID, ImageUID: c.ImageUID,
		WritableBind: c.WritableBind, Namespace: c.UserNamespace, AskedUID: c.Env["SANDBOX_USER_ID"], AskedGID: c.Env["SANDBOX_GROUP_ID"]})
	if c.Expect.Error != nil {
		checkError(t, err, *c.Expect.Error)
		return
	}
	if err != nil {
		t.Fatalf("error %v", err)
	}
	if choice.User != c.Expect.User || choice.UsernsMode != c.Expect.UsernsMode {
		t.Errorf("user %q, mode %q, want %q, %q", choice.User, choice.UsernsMode, c.Expect.User, c.Expect.UsernsMode)
	}
	switch want := c.Expect.HostOwner; {
	case want == nil && choice.Writes:
		t.Errorf("something is written as %d, want nothing", choice.HostOwner)
	case want != nil && (!choice.Writes || choice.HostOwner != *want):
		t.Errorf("owner %d (writes: %v), want %d", choice.HostOwner, choice.Writes, *want)
	}
}
