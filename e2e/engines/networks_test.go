package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"berth/e2e/internal/rig"
	"berth/internal/sandbox"
)

// private asks the egress proxy for a service of this machine at an address that is not public.
func (s *suite) private(t *testing.T, p project) {
	t.Helper()
	server, err := net.Listen("tcp4", net.JoinHostPort(ownAddress(t), "0")) // clients ask no proxy for a loopback one
	if err != nil {
		t.Fatal(err)
	}
	go http.Serve(server, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "reached") })) //nolint:errcheck // ends with its listener
	defer server.Close()                                                                                                   //nolint:errcheck // only listened
	got := p.fetch("http://" + server.Addr().String() + "/")
	metadata := p.fetch("http://169.254.169.254/latest/meta-data/")
	if !strings.HasPrefix(metadata, "403") || !strings.HasPrefix(got, "403") {
		t.Errorf("metadata: %s; this machine: %s", metadata, got)
	}
	s.cell("private address", "%.3s", metadata)
}

// ownAddress gives an address of this machine that its neighbours see.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			return prefix.Addr().String()
		}
	}
	t.Fatal("this machine has no address but loopback")
	return ""
}

// resolver looks at whom the sandbox asks for names: nobody outside, whatever the host's resolver is.
func (s *suite) resolver(t *testing.T, p project) {
	t.Helper()
	var servers []string
	r := p.Berth("exec", p.Name, "--", "cat", "/etc/resolv.conf")
	if s.about.podman && r.Code != 0 { // it writes none where there is no network
		s.cell("resolver", "none")
		return
	}
	for line := range strings.Lines(r.Exits(0).Out) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "nameserver" {
			servers = append(servers, words[1])
		}
	}
	if !slices.Equal(servers, []string{"127.0.0.1"}) {
		t.Errorf("names are asked of %v", servers)
	}
	s.cell("resolver", "%s", strings.Join(servers, ", "))
}

// publish asks for published links: refused before engine 28, on loopback alone from then on.
func (s *suite) publish(t *testing.T) {
	p := folder(t, "publish")
	r := p.up("standard", "--publish", "-v", p.Dir+":/workspace:ro")
	if word := s.about.openToTheLAN(); word != "" {
		if r.Code != 2 || !strings.Contains(reason(r), word) {
			t.Errorf("exit %d: %s", r.Code, r.Err)
		}
		s.cell("published", "refused: %s", word)
		rules := p.Berth("firewall", "print").Exits(0)
		if !s.about.podman && !strings.Contains(rules.Out, "-d 127.0.0.0/8 ! -i lo") {
			t.Errorf("the rules: %s", rules.Out)
		}
		return
	}
	r.Exits(0)
	seen, err := s.docker.ContainerInspect(rig.Context(t), sandbox.ContainerName(p.Name))
	if err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, bound := range seen.NetworkSettings.Ports {
		for _, b := range bound {
			if !slices.Contains(hosts, b.HostIP) {
				hosts = append(hosts, b.HostIP)
			}
		}
	}
	if !slices.Equal(hosts, []string{"127.0.0.1"}) {
		t.Errorf("published at %v", hosts)
	}
	s.cell("published", "at %s", strings.Join(hosts, ", "))
	p.Berth("rm", "-f", p.Name).Exits(0)
}

// neighbour is a server with two ports on a network of somebody else.
type neighbour struct{ network, name string }

func (s *suite) neighbour(t *testing.T) neighbour {
	t.Helper()
	ctx := rig.Context(t)
	image := rig.StandinFor(t, s.docker, "linux/"+runtime.GOARCH, "-host", "0.0.0.0", "-also", "8001")
	n := neighbour{rig.Unique("lane"), rig.Unique("cache")}
	made, err := s.docker.NetworkCreate(ctx, n.network, network.CreateOptions{Driver: "bridge"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.docker.NetworkRemove(context.Background(), made.ID) }) // who is left on it has failed the test
	box, err := s.docker.ContainerCreate(ctx, &container.Config{Image: image}, &container.HostConfig{NetworkMode: container.NetworkMode(n.network)},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{n.network: {}}}, nil, n.name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.docker.ContainerRemove(context.Background(), box.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	if err := s.docker.ContainerStart(ctx, box.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return n
}

// joined puts a sandbox on the neighbour's network.
func (s *suite) joined(t *testing.T) {
	n, p := s.neighbour(t), folder(t, "joined")
	s.tool(t, p)
	p.up("standard", "--network", n.network, "-v", p.Dir+":/workspace:ro").Exits(0)
	if got := p.fetch("http://" + n.name + ":8000/ready"); got != `200 {"status":"ready"}` {
		t.Errorf("the neighbour answers %s", got)
	}
	if got := p.fetch("http://" + n.name + ":8001/ready"); !strings.HasPrefix(got, "200") {
		t.Errorf("the other port, which a relay must not open, answers %s", got)
	}
	s.cell("joined", "%.3s", p.fetch("http://"+n.name+":8000/ready"))
	p.Berth("audit", p.Name, "--probe").Exits(0)
	p.Berth("rm", "-f", p.Name).Exits(0)
}

// relay reaches one port of the neighbour, and no other: under strict, or where an engine cannot do what that asks,
// under standard.
func (s *suite) relay(t *testing.T) {
	n, p := s.neighbour(t), folder(t, "relay")
	s.tool(t, p)
	profile := "strict"
	if s.about.rootless {
		profile = "standard"
	}
	r := p.up(profile, "--sidecar", n.network+"/"+n.name+":8000", "-v", p.Dir+":/workspace:ro")
	if s.about.podman {
		if r.Code != 2 || !strings.Contains(r.Err, "a relay needs a sealed network") {
			t.Errorf("exit %d: %s", r.Code, r.Err)
		}
		s.cell("relay", "refused: %s", reason(r))
		return
	}
	r.Exits(0)
	near, far := p.fetch("http://"+n.name+":8000/ready"), p.fetch("http://"+n.name+":8001/ready")
	if near != `200 {"status":"ready"}` || strings.HasPrefix(far, "200") {
		t.Errorf("the named port: %s; another: %s", near, far)
	}
	s.cell("relay", "%.3s, %s", near, profile)
	s.cell("its other port", "closed")
	own, err := s.docker.NetworkInspect(rig.Context(t), sandbox.OwnNetwork(p.Name), network.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	how := []string{"internal"}
	for _, option := range []string{"inhibit_ipv4", "gateway_mode_ipv4"} {
		if value := own.Options["com.docker.network.bridge."+option]; value != "" {
			how = append(how, option+"="+value)
		}
	}
	if !own.Internal || len(how) < 2 {
		t.Errorf("its network is %+v", own)
	}
	s.cell("its network", "%s", strings.Join(how, ", "))
	p.Berth("audit", p.Name, "--probe").Exits(0)
	p.Berth("rm", "-f", p.Name).Exits(0)
}
