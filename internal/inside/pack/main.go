// Command pack builds berth-inside for each architecture and packs it where berth embeds it: `go run ./internal/inside/pack [ARCH...]`.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"berth/internal/inside"

	"github.com/klauspost/compress/zstd"
)

// limit is the most an unpacked program may weigh.
const limit = 10 << 20

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	arches := inside.Arches
	if len(os.Args) > 1 {
		arches = os.Args[1:]
	}
	err := packAll(ctx, arches)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func packAll(ctx context.Context, arches []string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	top := string(bytes.TrimSpace(root))
	for _, arch := range arches {
		if err := packOne(ctx, top, arch); err != nil {
			return err
		}
	}
	return nil
}

// packOne leaves the packed files alone when the program is the same, so that berth is not linked again for nothing.
func packOne(ctx context.Context, top, arch string) error {
	binary, err := build(ctx, top, arch)
	if err != nil {
		return err
	}
	if len(binary) > limit {
		return fmt.Errorf("berth-inside for %s is %d bytes, more than %d", arch, len(binary), limit)
	}
	sum := sha256.Sum256(binary)
	text := fmt.Sprintf("%x %d\n", sum, len(binary))
	base := filepath.Join(top, "internal", "inside", "packed", "berth-inside-"+arch)
	if old, err := os.ReadFile(base + ".sha256"); err == nil && string(old) == text {
		if _, err := os.Stat(base + ".zst"); err == nil {
			return nil
		}
	}
	small, err := squeeze(binary)
	if err != nil {
		return err
	}
	fmt.Printf("berth-inside %s: %d bytes, packed %d\n", arch, len(binary), len(small))
	if err := os.WriteFile(base+".zst", small, 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".sha256", []byte(text), 0o644)
}

func build(ctx context.Context, top, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "berth-pack-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "berth-inside")
	// Without the tag the server would carry HTTP/2, which no client of it speaks over plain HTTP; buildvcs off keeps the bytes the same from commit to commit; without inlining the packed program is an eighth smaller.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "nethttpomithttp2", "-gcflags=all=-l",
		"-ldflags", "-s -w -buildid=", "-o", out, "./cmd/berth-inside")
	cmd.Dir, cmd.Stderr = top, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go build ./cmd/berth-inside for %s: %w", arch, err)
	}
	return os.ReadFile(out)
}

func squeeze(binary []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return w.EncodeAll(binary, nil), w.Close()
}
