package inside

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/fault"
)

// packedOrSkip skips where nothing was packed: a build without berth-inside is allowed and tested by its own test.
func packedOrSkip(t *testing.T) {
	t.Helper()
	if _, err := Hash("amd64"); err != nil {
		t.Skip("berth-inside is not packed: run `go run ./internal/inside/pack`")
	}
}

func TestAnUnknownArchitectureIsRefusedWithTheKnownOnes(t *testing.T) {
	_, err := Binary("riscv64")
	if got, want := err.Error(), `architecture "riscv64": berth has no program for the inside of the sandbox`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := fault.HintOf(err), "use an engine on amd64 or arm64"; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
}

func TestABuildWithoutTheProgramSaysHowToGetOne(t *testing.T) {
	err := missing("amd64")
	if got, want := err.Error()+": "+fault.HintOf(err), "this build has no berth-inside: run make build"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheProgramIsAnELFOfItsArchitectureAndHasItsHash(t *testing.T) {
	packedOrSkip(t)
	machines := map[string]byte{"amd64": 62, "arm64": 183} // e_machine
	for _, arch := range Arches {
		b, err := Binary(arch)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(b, []byte("\x7fELF")) || b[18] != machines[arch] {
			t.Errorf("%s: not an ELF for it: % x", arch, b[:20])
		}
		if want, _ := Hash(arch); hexSum(b) != want {
			t.Errorf("%s: hash %s, packed as %s", arch, hexSum(b), want)
		}
		if len(b) > 10<<20 {
			t.Errorf("%s: %d bytes, more than 10 MB", arch, len(b))
		}
	}
}

func TestUnpackMakesOneExecutableAndRepairsADamagedOne(t *testing.T) {
	packedOrSkip(t)
	dir := filepath.Join(t.TempDir(), "cache", "berth")
	path, err := Unpack(dir, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := Hash("amd64")
	if filepath.Base(path) != "berth-inside-"+want[:16] {
		t.Errorf("name %s is not made of the hash %s", filepath.Base(path), want)
	}
	before, _ := os.Stat(path)
	if before.Mode() != 0o755 {
		t.Errorf("mode %v, want 0755", before.Mode())
	}
	if _, err := Unpack(dir, "amd64"); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("a good file was written again")
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(dir, "amd64"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || hexSum(b) != want {
		t.Error("a damaged file was kept")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnpackNamesTheFolderItCannotMake(t *testing.T) {
	packedOrSkip(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Unpack(filepath.Join(file, "berth"), "amd64")
	if err == nil || err.Error() != file+"/berth: not a directory" {
		t.Errorf("got %v", err)
	}
}

func TestTheStarterImageDependsOnItsContentOnly(t *testing.T) {
	packedOrSkip(t)
	one, two := starter(t, "1.0"), starter(t, "1.0")
	if one.ID != two.ID || !bytes.Equal(bytesOf(t, one), bytesOf(t, two)) {
		t.Error("two images of one version differ")
	}
	if other := starter(t, "1.1"); other.ID == one.ID || other.Key == one.Key {
		t.Error("another version must change id and key")
	}
	if key, _ := StarterKey("amd64", "1.0"); key != one.Key {
		t.Errorf("key %s, image says %s", key, one.Key)
	}
}

func TestAVersionThatIsNoTagStillNamesAnImage(t *testing.T) {
	if got, want := StarterRef("1.2.0+dirty"), "localhost/berth/starter:1.2.0-dirty"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheStarterImageHoldsWhatTheContractSays(t *testing.T) {
	packedOrSkip(t)
	img := starter(t, "1.0")
	parts := untar(t, bytes.NewReader(bytesOf(t, img)))
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(parts["manifest.json"].content, &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest[0].RepoTags[0] != "localhost/berth/starter:1.0" || "sha256:"+strings.TrimSuffix(manifest[0].Config, ".json") != img.ID {
		t.Errorf("manifest %+v", manifest[0])
	}
	config := parts[manifest[0].Config].content
	if "sha256:"+hexSum(config) != img.ID {
		t.Error("the id is not the hash of the configuration")
	}
	layer := parts[manifest[0].Layers[0]].content
	if !strings.Contains(string(config), hexSum(layer)) {
		t.Error("the configuration does not name the layer")
	}
	files := untar(t, bytes.NewReader(layer))
	for name, mode := range map[string]int64{".berth/starter": 0o755, "tmp/": 0o1777, "workspace/": 0o777, "home/berth/": 0o777, "etc/passwd": 0o644, "etc/group": 0o644} {
		if got := files[name]; got.header == nil || got.header.Mode != mode {
			t.Errorf("%s: %+v, want mode %o", name, got.header, mode)
		}
	}
	for _, name := range StarterCommands {
		if got := files["bin/"+name]; got.header == nil || got.header.Linkname != "/.berth/starter" {
			t.Errorf("bin/%s: %+v, want a link to the program", name, got.header)
		}
	}
}

type part struct {
	header  *tar.Header
	content []byte
}

func untar(t *testing.T, r io.Reader) map[string]part {
	t.Helper()
	parts := map[string]part{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		parts[h.Name] = part{h, b}
	}
}

func starter(t *testing.T, version string) Image {
	t.Helper()
	img, err := StarterImage("amd64", version)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func bytesOf(t *testing.T, img Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := img.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
