package build

import (
	"regexp"
	"strings"
	"testing"
)

func TestNamesOfTheImages(t *testing.T) {
	form := regexp.MustCompile(`^localhost/berth/workbench:[0-9a-f]{12}(-slim)?$`)
	for _, r := range Recipes {
		if !form.MatchString(r.Ref()) {
			t.Errorf("%s is called %s", r, r.Ref())
		}
	}
	if Workbench.Key() == Slim.Key() {
		t.Error("two recipes, one key")
	}
	if _, ok := Find("starter"); ok {
		t.Error("the starter is no recipe of packages")
	}
	if r, ok := Find("workbench-slim"); !ok || r != Slim {
		t.Errorf("found %q", r)
	}
}

func TestAKeyChangesWithTheFolderAndWithNothingElse(t *testing.T) {
	if again := Recipe("workbench"); again.Key() != Workbench.Key() {
		t.Error("the same files give two keys")
	}
	if digest("vscode", "") == digest("server", "") || digest("final", "") == digest("final", "a") {
		t.Error("two folders give one key")
	}
}

// stages splits a Dockerfile at its FROM lines, by the name of the stage.
func stages(text string) map[string]string {
	out := map[string]string{}
	for _, block := range regexp.MustCompile(`(?m)^FROM `).Split(text, -1)[1:] {
		head, _, _ := strings.Cut(block, "\n")
		_, name, _ := strings.Cut(head, " AS ")
		out[name] = block
	}
	return out
}

func TestNothingOfTheMachineIsInAResult(t *testing.T) {
	for _, folder := range []string{"vscode", "server", "final"} {
		for name, block := range stages(string(read(folder + "/Dockerfile"))) {
			result := strings.HasPrefix(block, "scratch") || folder == "final"
			if result && regexp.MustCompile(`(?m)^(RUN|COPY host)`).MatchString(block) {
				t.Errorf("%s: stage %q is a result and runs a command or takes the machine's answers", folder, name)
			}
		}
	}
	for name, block := range stages(string(read("system/Dockerfile"))) {
		kept := name == "slim" || name == "desktop" // copied whole into the result
		if kept && strings.Contains(block, "COPY host") && !strings.Contains(block, "rm -rf /host") {
			t.Errorf("system: stage %q keeps the machine's answers", name)
		}
	}
}

func TestEveryPythonPackageIsPinnedByHash(t *testing.T) {
	line := regexp.MustCompile(`^[a-z0-9._-]+==[^ ]+( --hash=sha256:[0-9a-f]{64})+$`)
	for _, name := range []string{"vscode/requirements.txt", "server/requirements.txt", "server/websockify.txt", "server/tools.txt"} {
		for text := range strings.Lines(string(read(name))) {
			if text = strings.TrimSpace(text); !line.MatchString(text) {
				t.Errorf("%s: %q is not pinned by hash", name, text)
			}
		}
	}
}

func TestTheRecipeNamesNoPackageSource(t *testing.T) {
	for _, folder := range []string{"host", "vscode", "server", "system", "final"} {
		for _, name := range contents(folder) {
			if found := regexp.MustCompile(`https?://[a-z]`).Find(read(name)); found != nil && !strings.HasSuffix(name, "package-lock.json") {
				t.Errorf("%s names a host: %s", name, found)
			}
			if strings.Contains(string(read(name)), `"resolved"`) {
				t.Errorf("%s names where packages were found", name)
			}
		}
	}
}
