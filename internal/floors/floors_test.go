package floors

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestEveryImportGoesDown(t *testing.T) {
	listed, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []Package
	for decoder := json.NewDecoder(strings.NewReader(string(listed))); ; {
		var p Package
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 10 {
		t.Fatalf("only %d packages were listed", len(packages))
	}
	for _, wrong := range Check(packages) {
		t.Error(wrong)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, row := range []struct {
		about string
		in    Package
		want  string
	}{
		{"up", Package{ImportPath: "berth/internal/sandbox", Imports: []string{"berth/internal/launch"}},
			"internal/sandbox (floor 2) uses internal/launch (floor 4)"},
		{"sideways", Package{ImportPath: "berth/internal/engine", Imports: []string{"berth/hardening"}},
			"internal/engine (floor 3) uses hardening (floor 3)"},
		{"outside", Package{ImportPath: "berth/cmd/berth", Imports: []string{"github.com/docker/docker/client"}},
			"cmd/berth uses github.com/docker/docker/client, which its room may not"},
		{"a name that only begins alike", Package{ImportPath: "berth/internal/config", Imports: []string{"github.com/BurntSushi/tomlette"}},
			"internal/config uses github.com/BurntSushi/tomlette, which its room may not"},
		{"a test that goes up", Package{ImportPath: "berth/mounts", TestImports: []string{"berth/tui"}},
			"mounts (test) (floor 1) uses tui (floor 6)"},
		{"a room on no floor", Package{ImportPath: "berth/internal/util"}, "internal/util: this room is on no floor"},
	} {
		t.Run(row.about, func(t *testing.T) {
			if got := Check([]Package{row.in}); !slices.Equal(got, []string{row.want}) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestWhatIsAllowed(t *testing.T) {
	got := Check([]Package{
		{ImportPath: "berth/internal/engine", Imports: []string{"context", "berth/internal/fault", "github.com/docker/docker/client"},
			TestImports: []string{"berth/internal/engine", "berth/internal/dockertest", "pgregory.net/rapid"}},
		{ImportPath: "berth/e2e/bench", Imports: []string{"berth/tui", "github.com/chromedp/chromedp"}},
	})
	if len(got) > 0 {
		t.Errorf("refused: %q", got)
	}
}
