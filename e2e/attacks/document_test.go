package attacks

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const document = "../../docs/security.md"

// TestDocumentNamesEveryAttack: the table in docs/security.md has each test of this package, and no other.
func TestDocumentNamesEveryAttack(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Attacked from\n")
	if !found {
		t.Fatalf("%s has no section Attacked from", document)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	named := map[string]bool{}
	for _, match := range regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(section, -1) {
		named[match[1]] = true
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func (Test[A-Za-z]+)\(t \*testing\.T\)`).FindAllStringSubmatch(string(code), -1) {
			if name := match[1]; name != t.Name() && !named[name] {
				t.Errorf("%s: not in the table of %s", name, document)
			}
			delete(named, match[1])
		}
	}
	for name := range named {
		t.Errorf("%s has %s, which is no test here", document, name)
	}
}
