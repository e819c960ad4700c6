package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"berth/internal/dockertest"
	"berth/internal/engine"
	"berth/internal/sandbox"
	"berth/internal/secret"
	"berth/internal/state"
)

// scriptKey is the session key of every sandbox in a script; nothing may ever print it unasked.
const scriptKey = "5e55104e55104e55104e55104e55104e55104e55104e55104e55104e55104e50"

// startEngine gives a script an engine of its own in which nothing runs: engine [20|28].
func startEngine(ts *testscript.TestScript, neg bool, args []string) {
	flavour := dockertest.Docker20()
	if len(args) > 0 && args[0] == "28" {
		flavour = dockertest.Docker28()
	}
	server := dockertest.Start(testOf(ts), flavour)
	*ts.Value(engineKey{}).(**dockertest.Server) = server
	server.Image(dockertest.Image{Ref: "acme/agent:1", Cmd: []string{"/tool", "wait"}, Labels: map[string]string{"dev.berth.contract": "openhands"}})
	server.Program(scriptProgram)
	ts.Setenv("DOCKER_HOST", server.Host())
}

// testOf reaches the test that a script is run by, for what must end with it.
func testOf(ts *testscript.TestScript) testing.TB { return ts.Value(testKey{}).(testing.TB) }

type testKey struct{}

// engineKey is where a script keeps its engine.
type engineKey struct{}

func engineOf(ts *testscript.TestScript) *dockertest.Server {
	return *ts.Value(engineKey{}).(**dockertest.Server)
}

// makeNetwork adds a network of somebody else: network NAME [compose=PROJECT/KEY] [driver=D] [internal] [ipv6] [swarm]
// [config-only] [sealed] [id=ID].
func makeNetwork(ts *testscript.TestScript, neg bool, args []string) {
	n := dockertest.Net{Name: args[0], Driver: "bridge", Scope: "local", Labels: map[string]string{}, Options: map[string]string{}}
	for _, arg := range args[1:] {
		switch name, value, _ := strings.Cut(arg, "="); name {
		case "compose":
			project, key, _ := strings.Cut(value, "/")
			n.Labels["com.docker.compose.project"], n.Labels["com.docker.compose.network"] = project, key
		case "driver":
			n.Driver = value
		case "id":
			n.ID = value
		case "internal":
			n.Internal = true
		case "ipv6":
			n.EnableIPv6 = true
		case "swarm":
			n.Scope, n.Driver = "swarm", "overlay"
		case "config-only":
			n.ConfigOnly = true
		case "sealed":
			n.Internal, n.Options["com.docker.network.bridge.inhibit_ipv4"] = true, "true"
		default:
			ts.Fatalf("network: %s: no such word", arg)
		}
	}
	engineOf(ts).Network(n)
}

// makePeer runs a container of somebody else: peer NAME NETWORK [PORT/tcp] [compose=PROJECT/SERVICE] [dir=WORKING_DIR].
func makePeer(ts *testscript.TestScript, neg bool, args []string) {
	labels := map[string]string{}
	var ports []string
	for _, arg := range args[2:] {
		switch name, value, found := strings.Cut(arg, "="); {
		case name == "compose":
			project, service, _ := strings.Cut(value, "/")
			labels["com.docker.compose.project"], labels["com.docker.compose.service"] = project, service
		case name == "dir":
			labels["com.docker.compose.project.working_dir"] = ts.MkAbs(value)
		case !found:
			ports = append(ports, arg)
		}
	}
	engineOf(ts).Run(args[0], labels, ports, args[1])
}

// scriptProgram plays the commands that scripts run inside.
func scriptProgram(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	switch args[0] {
	case "/tool":
		fmt.Fprintf(stdout, "GET /?tkn=%s \x1b]0;title\aserving\n", scriptKey)
		fmt.Fprintf(stdout, `{"levelname": "WARNING", "name": "server", "message": "\u001b[31mkey %s"}`+"\n", scriptKey)
		return dockertest.Waits
	case "echo":
		fmt.Fprintln(stdout, strings.Join(args[1:], " "))
	case "cat":
		_, _ = io.Copy(stdout, stdin)
	case "tar":
		_, _ = io.Copy(io.Discard, stdin)
	case "warn":
		fmt.Fprintln(stderr, "careful")
	case "exit":
		code, _ := strconv.Atoi(args[1])
		return code
	case "test":
		if args[2] != "/tmp" {
			return 1
		}
	}
	return 0
}

// makeSandbox makes a sandbox as a launch leaves it: sandbox NAME PROJECT [stopped|created].
func makeSandbox(ts *testscript.TestScript, neg bool, args []string) {
	places, err := state.Find(map[string]string{"XDG_STATE_HOME": ts.Getenv("XDG_STATE_HOME"), "XDG_RUNTIME_DIR": ts.Getenv("XDG_RUNTIME_DIR")}, ts.Getenv("HOME"))
	ts.Check(err)
	hostname, err := os.Hostname()
	ts.Check(err)
	store, err := state.Open(places, hostname, os.Getuid())
	ts.Check(err)
	condition := ""
	if len(args) > 2 {
		condition = args[2]
	}
	ts.Check(leaveSandbox(testOf(ts).Context(), ts.Getenv("DOCKER_HOST"), store, args[0], ts.MkAbs(args[1]), condition))
}

// leaveSandbox makes what a launch leaves: record, volume, network and container, which runs unless condition says that
// it is "stopped" or only "created".
func leaveSandbox(ctx context.Context, host string, store *state.Store, name, project, condition string) error {
	record := state.Record{Name: name, Project: project, Image: "acme/agent:1", Profile: "standard", Finished: true,
		Posture: "standard · 60 rules hold", Created: time.Now(), Keys: state.Keys{Session: secret.New(scriptKey)}}
	e, err := engine.Open(ctx, engine.Options{Host: host, Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		return err
	}
	defer e.Close() //nolint:errcheck // of a test
	labels := map[string]string{sandbox.LabelSandbox: name, sandbox.LabelOwner: store.Owner()}
	image, err := e.Image(ctx, "acme/agent:1")
	err = errors.Join(err, store.Save(record), e.CreateVolume(ctx, sandbox.HomeVolume(name), labels),
		e.CreateNetwork(ctx, sandbox.NetworkSpec{Name: sandbox.OwnNetwork(name), Labels: labels}))
	if err != nil {
		return err
	}
	id, err := e.Create(ctx, scriptSpec(name, project, store.Owner(), image.Image))
	if err == nil && condition != "created" {
		err = e.Start(ctx, id)
	}
	if err == nil && condition == "stopped" {
		err = e.Signal(ctx, id, sandbox.Stop, time.Second)
	}
	return err
}

func scriptSpec(name, project, owner string, image sandbox.Image) sandbox.Spec {
	return sandbox.Spec{
		Name: name, Image: image, Process: sandbox.Process{User: "1000:1000", StopTimeout: time.Second},
		Env: []sandbox.Env{{Name: "SESSION_API_KEY", Value: scriptKey, Secret: true}},
		Mounts: []sandbox.Mount{{Kind: sandbox.Bind, Source: project, Target: "/workspace"},
			{Kind: sandbox.Volume, Source: sandbox.HomeVolume(name), Target: "/home", NoCopy: true}},
		Network: sandbox.Network{Mode: sandbox.OwnNetwork(name), Attached: []sandbox.Attachment{{Name: sandbox.OwnNetwork(name)}},
			Ports: []sandbox.Port{{Container: 8001, Host: netip.MustParseAddrPort("127.0.0.1:" + scriptPort(name))}}},
		Limits: sandbox.Limits{Memory: 4 << 30, NanoCPUs: 15e8, Pids: 1024, Shm: 256 << 20},
		Labels: map[string]string{sandbox.LabelSandbox: name, sandbox.LabelOwner: owner, sandbox.LabelProfile: "standard", sandbox.LabelProject: project, sandbox.LabelKind: "sandbox"},
	}
}

// scriptPort gives each sandbox of a script a port of its own; the fake engine binds none.
func scriptPort(name string) string { return strconv.Itoa(8001 + int(name[0])) }
