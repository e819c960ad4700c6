// Command pack builds berth-inside for each architecture and packs it where berth embeds it: `go run ./internal/inside/pack [ARCH...]`.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"berth/internal/inside"

	"github.com/andybalholm/brotli"
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

// packAll leaves the packed file alone when the programs are the same, so that berth is not linked again for nothing.
func packAll(ctx context.Context, arches []string) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	top := string(bytes.TrimSpace(root))
	var all []byte
	list := ""
	for _, arch := range arches {
		binary, err := build(ctx, top, arch)
		if err != nil {
			return err
		}
		if len(binary) > limit {
			return fmt.Errorf("berth-inside for %s is %d bytes, more than %d", arch, len(binary), limit)
		}
		all = append(all, binary...)
		list += fmt.Sprintf("%s %x %d\n", arch, sha256.Sum256(binary), len(binary))
	}
	base := filepath.Join(top, "internal", "inside", "packed", "berth-inside")
	if old, err := os.ReadFile(base + ".list"); err == nil && string(old) == list {
		if _, err := os.Stat(base + ".br"); err == nil {
			return nil
		}
	}
	small, err := squeeze(all)
	if err != nil {
		return err
	}
	fmt.Printf("berth-inside for %s: %d bytes, packed %d\n", strings.Join(arches, " and "), len(all), len(small))
	if err := os.WriteFile(base+".br", small, 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".list", []byte(list), 0o644)
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

// quality is the highest but one: it packs 5 % better than the one below, and the highest takes three times as long.
const quality = 10

func squeeze(binary []byte) ([]byte, error) {
	var out bytes.Buffer
	w := brotli.NewWriterOptions(&out, brotli.WriterOptions{Quality: quality, LGWin: 24})
	_, err := w.Write(binary)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
