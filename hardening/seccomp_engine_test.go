package hardening

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// tried says what each filter does with the calls of testdata/trycalls: a name stands where the call is let through.
var tried = map[string]string{
	"compat":   "unix inet inet6 netlink-route netlink-uevent personality-ask vmsplice ptrace fifo",
	"base":     "unix inet inet6 netlink-route netlink-uevent personality-ask vmsplice ptrace fifo",
	"strict":   "unix inet inet6 netlink-route personality-ask ptrace fifo",
	"paranoid": "unix inet inet6 netlink-route personality-ask",
	"userns":   "unix inet inet6 netlink-route personality-ask unshare setns clone3 ptrace fifo",
}

func TestFiltersHoldOnARealEngine(t *testing.T) {
	image := tryImage(t, runtime.GOARCH)
	for name, want := range tried {
		t.Run(name, func(t *testing.T) {
			out, err := runUnder(t, image, Seccomp(name))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			through, filter := letThrough(out)
			if filter != "2" {
				t.Errorf("Seccomp is %q in /proc/self/status: no filter runs", filter)
			}
			if want := slices.Sorted(slices.Values(strings.Fields(want))); !slices.Equal(through, want) {
				t.Errorf("let through %v\nnot         %v\n%s", through, want, out)
			}
			if clone := "clone3: function not implemented"; !strings.Contains(out, clone) && name != "userns" {
				t.Errorf("the C library would not fall back to clone:\n%s", out)
			}
		})
	}
}

// Without the filter the same calls get through, so what the test above saw was the filter.
func TestWithoutAFilterTheseCallsGetThrough(t *testing.T) {
	out, err := runUnder(t, tryImage(t, runtime.GOARCH), "unconfined")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	through, filter := letThrough(out)
	for _, name := range []string{"alg", "unix-high-bits", "personality-no-aslr", "unshare", "setns", "vmsplice"} {
		if !slices.Contains(through, name) {
			t.Errorf("%s is refused without a filter too:\n%s", name, out)
		}
	}
	if filter != "0" {
		t.Errorf("Seccomp is %q", filter)
	}
}

// A 32-bit program would find sockets that the filter closes; so it ends with SIGSYS, but under compat.
func Test32BitProgramsEndAtOnce(t *testing.T) {
	image := tryImage(t, map[string]string{"amd64": "386", "arm64": "arm"}[runtime.GOARCH])
	if out, err := runUnder(t, image, Seccomp("compat")); err != nil {
		t.Fatalf("under compat: %v\n%s", err, out)
	}
	for _, name := range []string{"base", "strict", "paranoid", "userns"} {
		out, err := runUnder(t, image, Seccomp(name))
		const sigsys = 31
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 128+sigsys || out != "" {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// letThrough reads what trycalls printed: EPERM and ENOSYS are the filter's refusals.
func letThrough(out string) (names []string, filter string) {
	for line := range strings.Lines(out) {
		name, result, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case name == "filter":
			filter = result
		case result != "operation not permitted" && result != "function not implemented":
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, filter
}

// tryImage makes an image of testdata/trycalls alone, for the time of the test.
func tryImage(t *testing.T, arch string) string {
	t.Helper()
	if os.Getenv("BERTH_DOCKER") == "" {
		t.Skip("BERTH_DOCKER is not set: no engine to try it on")
	}
	if about, _ := exec.Command("docker", "version").Output(); bytes.Contains(about, []byte("Podman")) { // what fails is seen below
		t.Skip("the docker command sends a filter's text, and Podman takes files only")
	}
	program := filepath.Join(t.TempDir(), "trycalls")
	build := exec.Command("go", "build", "-o", program, "./testdata/trycalls")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	name := fmt.Sprintf("localhost/berth/hardening-test:%s-%d", arch, os.Getpid())
	load := exec.Command("docker", "import", "-", name)
	load.Stdin = archive(t, program)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "rmi", name).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return name
}

func archive(t *testing.T, program string) *bytes.Buffer {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range []*tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "trycalls", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

// runUnder runs the image as nobody, without capabilities, under a filter.
func runUnder(t *testing.T, image, filter string) (string, error) {
	t.Helper()
	if filter != "unconfined" {
		path := filepath.Join(t.TempDir(), "filter.json")
		if err := os.WriteFile(path, []byte(filter), 0o644); err != nil {
			t.Fatal(err)
		}
		filter = path
	}
	run := exec.Command("docker", "run", "--rm", "--network=none", "--cap-drop=ALL", "--user=65534:65534",
		"--security-opt=no-new-privileges", "--security-opt=seccomp="+filter, image, "/trycalls")
	out, err := run.Output()
	return string(out), err
}
