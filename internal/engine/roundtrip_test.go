package engine

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"pgregory.net/rapid"

	"berth/internal/sandbox"
)

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

var someImage = sandbox.Image{Ref: "acme/agent:1", ID: digest([]byte("agent")), Digest: digest([]byte("manifest")), Platform: "linux/amd64"}

// nameless is the name that an engine gives a volume nobody named.
var nameless = regexp.MustCompile("^[0-9a-f]{64}$")

// sameSpec compares all but what the image adds: its environment, and a nameless volume at each VOLUME of its own.
func sameSpec(t interface{ Fatalf(string, ...any) }, want, have sandbox.Spec) {
	want.Env, have.Env = nil, nil
	have.Mounts = slices.DeleteFunc(slices.Clone(have.Mounts), func(m sandbox.Mount) bool {
		return m.Kind == sandbox.Volume && nameless.MatchString(m.Source)
	})
	if len(have.Mounts) == 0 {
		have.Mounts = nil
	}
	if !reflect.DeepEqual(want, have) {
		t.Fatalf("asked for and found differ:\n%v\n%+v\n%+v", sandbox.Diff(want, have), want, have)
	}
}

func TestWhatIsAskedForIsReadBack(t *testing.T) {
	for _, d := range []dialect{{api: "1.41"}, {api: "1.51"}, {api: "1.41", podman: true}} {
		rapid.Check(t, func(t *rapid.T) {
			want := specs(place{image: someImage, folder: "/src", networks: []string{"0berth-x", "other", "third"}, limits: true, open: true, podman: d.podman}).Draw(t, "spec")
			r, err := translate(want, d)
			if err != nil {
				t.Skip(err)
			}
			told := asInspected(r)
			if d.podman {
				likeDocker(&told)
			}
			sameSpec(t, want, observe(told, "").Spec)
		})
	}
}

// asInspected is the answer of an engine that rewrites nothing.
func asInspected(r request) container.InspectResponse {
	joined := r.networks.EndpointsConfig
	for _, a := range r.connect {
		joined[a.Name] = &network.EndpointSettings{Aliases: a.Aliases}
	}
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{
			ID: digest([]byte(r.name))[7:], Name: "/" + r.name, Image: r.config.Image, HostConfig: r.host,
		},
		Mounts:          points(r.host.Mounts, r.host.Binds),
		Config:          r.config,
		NetworkSettings: &container.NetworkSettings{Networks: joined},
	}
}

// points tells of every mount as an engine does beside the request.
func points(mounts []mount.Mount, binds []string) []container.MountPoint {
	var out []container.MountPoint
	for _, m := range mounts {
		out = append(out, container.MountPoint{Type: m.Type, Name: m.Source, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly})
	}
	for _, text := range binds {
		m := observeBind(text)
		out = append(out, container.MountPoint{Type: mount.TypeBind, Source: m.Source, Destination: m.Target, RW: !m.ReadOnly})
	}
	return out
}

func TestTheRealEngineGivesBackWhatWasAskedFor(t *testing.T) {
	e := realEngine(t)
	tool := loadTool(t, e)
	about, err := e.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	where := place{image: tool.Image, folder: sources(t), networks: testNetworks(t, e), limits: about.CanLimitMemory, podman: e.dialect.podman}
	removeLater(t, e, sandbox.VolumeObject, "berth-"+mark+"-volume")
	rapid.Check(t, func(t *rapid.T) {
		want := specs(where).Draw(t, "spec")
		want.Name = mark + "-" + want.Name
		id, err := e.Create(testContext(t), want)
		if err != nil {
			t.Fatal(err)
		}
		have, err := e.Inspect(testContext(t), id)
		if removed := e.Remove(testContext(t), sandbox.ContainerObject, id); err != nil || removed != nil {
			t.Fatal(err, removed)
		}
		sameSpec(t, want, have.Spec)
	})
}

// sources makes the folders that generated mounts name.
func sources(t *testing.T) string {
	t.Helper()
	folder := sharedFolder(t)
	for _, name := range []string{"plain", "with space", "ünïcode", "c:olon", "com,ma"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// testSubnet gives one of two small subnets of this process.
func testSubnet(i int) string { return fmt.Sprintf("10.83.%d.%d/28", os.Getpid()%250, 16*i) }

// testNetworks makes two networks of small subnets.
func testNetworks(t *testing.T, e *Engine) []string {
	t.Helper()
	names := []string{"0berth-" + mark, "berth-" + mark + "-more"}
	for i, name := range names {
		removeLater(t, e, sandbox.NetworkObject, name)
		err := e.CreateNetwork(t.Context(), sandbox.NetworkSpec{Name: name, Subnet: testSubnet(i)})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
