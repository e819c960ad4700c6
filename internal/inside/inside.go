// Package inside holds berth-inside, packed for each architecture, and the starter image made from it; it runs nothing.
package inside

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"berth/internal/fault"

	"github.com/andybalholm/brotli"
)

// Arches are the architectures berth-inside is built for, in Go's words.
var Arches = []string{"amd64", "arm64"}

// packed holds what `go run ./internal/inside/pack` wrote: the programs of all architectures behind each other, packed as
// one, since they have much in common, and a line for each in their order: architecture, hash, size in bytes.
//
//go:embed packed
var packed embed.FS

const missingHint = "run make build"

// Binary gives the unpacked static program for an architecture ("amd64", "arm64").
func Binary(arch string) ([]byte, error) {
	r, err := open(arch)
	if err != nil {
		return nil, err
	}
	binary, err := io.ReadAll(r)
	if err != nil {
		return nil, fault.New(fault.Failure, missingHint, "berth-inside for %s: %w", arch, err)
	}
	return binary, nil
}

// Hash gives the SHA-256 of the unpacked program in hex, without unpacking it.
func Hash(arch string) (string, error) {
	sum, _, err := described(arch)
	return sum, err
}

// described gives the unpacked program's hash and size in bytes.
func described(arch string) (sum string, size int64, err error) {
	sum, _, size, err = found(arch)
	return sum, size, err
}

// found tells where a program begins in what is packed, too.
func found(arch string) (sum string, begins, size int64, err error) {
	text, err := packed.ReadFile("packed/berth-inside.list")
	if err != nil {
		return "", 0, 0, missing(arch)
	}
	for line := range strings.Lines(string(text)) {
		var name string
		if _, err := fmt.Sscan(line, &name, &sum, &size); err != nil {
			break
		}
		if name == arch {
			return sum, begins, size, nil
		}
		begins += size
	}
	return "", 0, 0, missing(arch)
}

// open gives a reader of the unpacked program.
func open(arch string) (io.Reader, error) {
	_, begins, size, err := found(arch)
	if err != nil {
		return nil, err
	}
	f, err := packed.Open("packed/berth-inside.br")
	if err != nil {
		return nil, missing(arch)
	}
	all := brotli.NewReader(f)
	if _, err := io.CopyN(io.Discard, all, begins); err != nil {
		return nil, fault.New(fault.Failure, missingHint, "berth-inside for %s: %w", arch, err)
	}
	return io.LimitReader(all, size), nil
}

// missing tells an unknown architecture from a build that packed none.
func missing(arch string) error {
	if !slices.Contains(Arches, arch) {
		return fault.New(fault.Image, "use an engine on "+strings.Join(Arches, " or "),
			"architecture %q: berth has no program for the inside of the sandbox", arch)
	}
	return fault.New(fault.Failure, missingHint, "this build has no berth-inside")
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
