package rig

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"berth/e2e/internal/standinimage"
)

// StandinVolume is a VOLUME that every such image declares.
const StandinVolume = standinimage.Volume

// standins are the server's programs, by architecture.
var standins sync.Map

// Standin makes an image with a small agent server, good or bad as its flags say, and gives its reference. It goes
// when the test ends.
func Standin(t testing.TB, flags ...string) string {
	t.Helper()
	return StandinFor(t, Docker(t), "linux/"+runtime.GOARCH, flags...)
}

// StandinFor is Standin on a certain engine and for a certain platform.
func StandinFor(t testing.TB, docker *client.Client, platform string, flags ...string) string {
	t.Helper()
	ref := "localhost/berth-e2e/" + Unique("standin") + ":1"
	answer, err := docker.ImageLoad(Context(t), saved(t, ref, platform, flags))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := docker.ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
			t.Error(err)
		}
	})
	return ref
}

// StandinProgram gives the server's program for this machine, static: with -get it is a client, too.
func StandinProgram(t testing.TB) []byte {
	t.Helper()
	return standin(t, runtime.GOARCH)
}

// standin builds the server for an architecture, once a run.
func standin(t testing.TB, arch string) []byte {
	t.Helper()
	if program, ok := standins.Load(arch); ok {
		return program.([]byte)
	}
	program, err := standinimage.Program(Context(t), arch)
	if err != nil {
		t.Fatal(err)
	}
	standins.Store(arch, program)
	return program
}

// saved gives the image as docker save writes it.
func saved(t testing.TB, ref, platform string, flags []string) *bytes.Buffer {
	t.Helper()
	_, arch, _ := strings.Cut(platform, "/")
	return standinimage.Save(ref, platform, standin(t, arch), flags)
}
