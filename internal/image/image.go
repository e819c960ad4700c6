// Package image turns the definition of an image into one canonical text and its keys, the same on every machine; it does not build anything.
package image

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// Definition is an image as its author wrote it.
type Definition struct {
	Platform string // as written: "linux/amd64", "x86_64", "arm64/v8"; never empty
	Base     Base
	Steps    []map[string]any // as TOML or JSON give them
	Network  string           // of the build; "" and "default" are the same
	Fresh    *int64           // of refresh: unix time divided by it; nil: packages are installed once
	// AllowSecretFiles are paths below Files, or patterns, that may be copied although they look secret.
	AllowSecretFiles []string
	// Files is the folder that sources are relative to; it must tell links (fs.ReadLinkFS).
	Files fs.FS
}

// Base is what an image is built on.
type Base struct {
	Ref string
	ID  string // "sha256:" and 64 hex digits, of BaseID
}

// Manifest is the canonical form of a definition. Two definitions with one Text build the same image.
type Manifest struct {
	Text  string   // canonical JSON
	head  string   // the same without steps
	Steps []string // canonical JSON of each step
	Left  []string // files that were left out because they look secret: paths below Definition.Files, sorted
}

// Canonical brings a definition to its canonical form. Errors are *Error.
func Canonical(d Definition) (Manifest, error) {
	platform, err := Platform(d.Platform)
	if err != nil {
		return Manifest{}, err
	}
	base, err := d.Base.canonical()
	if err != nil {
		return Manifest{}, err
	}
	b := &builder{d: d}
	steps := make([]any, len(d.Steps))
	for i, step := range d.Steps {
		canonical, err := b.step(step)
		if err != nil {
			return Manifest{}, atStep(err, i+1)
		}
		steps[i] = canonical
	}
	c := map[string]any{"v": int64(1), "platform": platform, "base": base, "steps": steps}
	if d.Network != "" && d.Network != "default" {
		c["network"] = d.Network
	}
	m, err := manifestOf(c)
	m.Left = b.leftOut()
	return m, err
}

// ReadManifest reads a text that is already canonical in content, such as the label dev.berth.manifest.
func ReadManifest(text []byte) (Manifest, error) {
	value, err := decode(text)
	if err != nil {
		return Manifest{}, failure(BadUTF8, "", "manifest: %v", err)
	}
	c, ok := value.(map[string]any)
	if !ok {
		return Manifest{}, failure(StepKind, "", "manifest: is not an object")
	}
	return manifestOf(c)
}

func manifestOf(c map[string]any) (Manifest, error) {
	var m Manifest
	steps, ok := c["steps"].([]any)
	if !ok {
		return m, failure(StepKind, "", "manifest: has no steps")
	}
	for i, step := range steps {
		text, err := encode(step)
		if err != nil {
			return m, atStep(err, i+1)
		}
		m.Steps = append(m.Steps, text)
	}
	var err error
	if m.Text, err = encode(c); err != nil {
		return m, err
	}
	head := map[string]any{}
	for key, value := range c {
		head[key] = value
	}
	head["steps"] = []any{}
	m.head, err = encode(head)
	return m, err
}

// Key is what the image is known by: 64 hex digits.
func (m Manifest) Key() string {
	sum := sha256.Sum256([]byte("berth-image-v1\n" + m.Text))
	return hex.EncodeToString(sum[:])
}

// Tag is the name under which the engine keeps the image.
func (m Manifest) Tag() string { return "localhost/berth/image:" + m.Key()[:12] }

// Prefix gives the key before the first step and after each: of two definitions, they are equal as long as the steps are.
func (m Manifest) Prefix() []string {
	sum := sha256.Sum256([]byte("berth-step-v1\n" + m.head))
	out := []string{hex.EncodeToString(sum[:])}
	for _, step := range m.Steps {
		sum = sha256.Sum256([]byte("berth-step-v1\n" + string(sum[:]) + step))
		out = append(out, hex.EncodeToString(sum[:]))
	}
	return out
}

var identity = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (b Base) canonical() (map[string]any, error) {
	ref, err := Reference(b.Ref)
	if err != nil {
		return nil, err
	}
	if !identity.MatchString(b.ID) {
		return nil, failure(BadReference, "", "%s: %q is not the id of an image", b.Ref, b.ID)
	}
	return map[string]any{"ref": ref, "id": b.ID}, nil
}

// Reference gives the full form of an image's name: debian is docker.io/library/debian:latest.
func Reference(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", failure(BadReference, "write name:tag or name@sha256:…", "%s: is not the name of an image: %w", ref, err)
	}
	return reference.TagNameOnly(named).String(), nil
}

// architectures are those an engine may have, and the other names of some.
var architectures = map[string]string{
	"amd64": "amd64", "x86_64": "amd64", "x86-64": "amd64", "arm64": "arm64", "aarch64": "arm64", "arm": "arm/v7", "armhf": "arm/v7",
	"armel": "arm/v6", "386": "386", "i386": "386", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64", "mips64le": "mips64le",
	"loong64": "loong64",
}

// variants are the variants of architectures that have a name of their own; an empty one is the architecture itself.
var variants = map[string]string{
	"amd64/v1": "amd64", "arm64/v8": "arm64", "arm64/8": "arm64", "arm/v5": "arm/v5", "arm/v6": "arm/v6", "arm/v7": "arm/v7",
	"arm/5": "arm/v5", "arm/6": "arm/v6", "arm/7": "arm/v7", "amd64/v2": "amd64/v2", "amd64/v3": "amd64/v3", "amd64/v4": "amd64/v4",
}

// Platform gives the form os/arch[/variant] that engines use; the os is always linux.
func Platform(text string) (string, error) {
	rest := strings.TrimPrefix(strings.ToLower(text), "linux/")
	arch, variant, has := strings.Cut(rest, "/")
	name, known := architectures[arch]
	if has {
		name, known = variants[strings.Split(name, "/")[0]+"/"+variant]
	}
	if !known {
		return "", failure(BadPlatform, "write linux/amd64 or linux/arm64", "%s: is not a platform that images are built for", text)
	}
	return "linux/" + name, nil
}
