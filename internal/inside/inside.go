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

	"github.com/klauspost/compress/zstd"
)

// Arches are the architectures berth-inside is built for, in Go's words.
var Arches = []string{"amd64", "arm64"}

// packed holds what `go run ./internal/inside/pack` wrote: NAME.zst, and NAME.sha256 with the unpacked file's hash and size.
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
	defer r.Close()
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
	text, err := packed.ReadFile(packedName(arch, ".sha256"))
	if err != nil {
		return "", 0, missing(arch)
	}
	if _, err := fmt.Sscan(string(text), &sum, &size); err != nil {
		return "", 0, missing(arch)
	}
	return sum, size, nil
}

// open gives a reader of the unpacked program; it holds the decoder's memory until closed.
func open(arch string) (io.ReadCloser, error) {
	f, err := packed.Open(packedName(arch, ".zst"))
	if err != nil {
		return nil, missing(arch)
	}
	d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fault.New(fault.Failure, missingHint, "berth-inside for %s: %w", arch, err)
	}
	return d.IOReadCloser(), nil
}

func packedName(arch, suffix string) string { return "packed/berth-inside-" + arch + suffix }

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
