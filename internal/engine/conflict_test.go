package engine

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// What the suite says of things that are in the way.

func removingNothing(t *testing.T, s suite) {
	for _, kind := range []sandbox.ObjectKind{sandbox.ContainerObject, sandbox.NetworkObject, sandbox.VolumeObject, sandbox.ImageObject} {
		if err := s.Remove(t.Context(), kind, "berth-"+mark+"-nosuch"); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func inUseSaysByWhom(t *testing.T, s suite) {
	network := testNetworks(t, s.Engine)[0]
	spec := s.spec("user")
	spec.Network.Mode, spec.Network.Attached = network, []sandbox.Attachment{{Name: network}}
	spec.Mounts = []sandbox.Mount{{Kind: sandbox.Volume, Source: "berth-" + mark + "-used", Target: "/data"}}
	removeLater(t, s.Engine, sandbox.VolumeObject, "berth-"+mark+"-used")
	if err := s.CreateVolume(t.Context(), "berth-"+mark+"-used", spec.Labels); err != nil {
		t.Fatal(err)
	}
	s.up(t, spec)
	for _, row := range []struct {
		kind       sandbox.ObjectKind
		name, want string
	}{
		{sandbox.NetworkObject, network, "network " + network + ": in use by container berth-" + mark + "-user"},
		{sandbox.VolumeObject, "berth-" + mark + "-used", "volume berth-" + mark + "-used: in use by container berth-" + mark + "-user"},
	} {
		err := s.Remove(t.Context(), row.kind, row.name)
		if err == nil || err.Error() != row.want || fault.KindOf(err) != fault.Conflict {
			t.Errorf("got %v, want %s", err, row.want)
		}
	}
}

func nameTaken(t *testing.T, s suite) {
	spec := s.spec("twice")
	s.made(t, spec)
	_, err := s.Create(t.Context(), spec)
	if want := "sandbox " + mark + "-twice: a container of this name is already there"; err == nil || err.Error() != want || fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v, want %s", err, want)
	}
}

func portTaken(t *testing.T, s suite) {
	network := testNetworks(t, s.Engine)[0]
	first, second := s.spec("first"), s.spec("second")
	taken := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), freePort(t))
	for _, spec := range []*sandbox.Spec{&first, &second} {
		spec.Network.Mode, spec.Network.Attached = network, []sandbox.Attachment{{Name: network}}
		spec.Network.Ports = []sandbox.Port{{Container: 8000, Host: taken}}
	}
	s.up(t, first)
	id := s.made(t, second)
	err := s.Start(t.Context(), id)
	want := "sandbox " + mark + "-second: port " + taken.String() + " is taken by container berth-" + mark + "-first"
	if err == nil || err.Error() != want || fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v, want %s", err, want)
	}
}

// freePort gives a port of 127.0.0.1 below those that the kernel hands out, so that no other test can be given it.
func freePort(t *testing.T) uint16 {
	t.Helper()
	for i := range 100 {
		port := 20000 + (os.Getpid()+i)%10000
		l, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		l.Close() //nolint:errcheck // nothing was written
		return uint16(port)
	}
	t.Fatal("no port is free")
	return 0
}

func failedCreateLeavesNothing(t *testing.T, s suite) {
	network := testNetworks(t, s.Engine)[0]
	spec := s.spec("half")
	spec.Network.Mode = network
	spec.Network.Attached = []sandbox.Attachment{{Name: network}, {Name: "berth-" + mark + "-nosuch"}}
	_, err := s.Create(t.Context(), spec)
	if want := "network berth-" + mark + "-nosuch: there is no such network"; err == nil || err.Error() != want || fault.KindOf(err) != fault.NotFound {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := s.Inspect(t.Context(), "berth-"+mark+"-half"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("left: %v", err)
	}
}

func foreignVolume(t *testing.T, s suite) {
	name := "berth-" + mark + "-foreign"
	removeLater(t, s.Engine, sandbox.VolumeObject, name)
	if err := s.CreateVolume(t.Context(), name, map[string]string{sandbox.LabelSandbox: "other"}); err != nil {
		t.Fatal(err)
	}
	err := s.CreateVolume(t.Context(), name, map[string]string{sandbox.LabelSandbox: "shop"})
	if want := "volume " + name + ": there already is one, and it is not this sandbox's"; err == nil || err.Error() != want || fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v, want %s", err, want)
	}
}
