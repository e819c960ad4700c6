package dockertest

import (
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/system"
)

// Flavour is what kind of engine a server plays.
type Flavour struct {
	Name    string
	API     string // newest it speaks
	Server  string // its Server header
	Version types.Version
	Info    system.Info
}

// Docker20 is Docker 20.10, the oldest that berth uses, as Debian 12 ships it.
func Docker20() Flavour {
	return docker("Docker 20.10", "20.10.24+dfsg1", "1.41", "1.1.5+ds1", "1", nil)
}

// Docker28 is Docker 28.5 on a machine with AppArmor and cgroup v2.
func Docker28() Flavour {
	return docker("Docker 28.5", "28.5.2", "1.51", "1.3.3", "2", []string{"name=apparmor", "name=cgroupns"})
}

func docker(name, version, api, runc, cgroup string, security []string) Flavour {
	return Flavour{
		Name: name, API: api, Server: "Docker/" + version + " (linux)",
		Version: types.Version{
			Version: version, APIVersion: api, MinAPIVersion: "1.24", Os: "linux", Arch: "amd64", KernelVersion: "6.1.0-40-amd64",
			Components: []types.ComponentVersion{{Name: "Engine", Version: version}, {Name: "runc", Version: runc}},
		},
		Info: system.Info{
			ID: "fake", Driver: "overlay2", ServerVersion: version, OperatingSystem: "Debian GNU/Linux 12 (bookworm)",
			OSType: "linux", Architecture: "x86_64", KernelVersion: "6.1.0-40-amd64", NCPU: 4, MemTotal: 16 << 30,
			DockerRootDir: "/var/lib/docker", CgroupDriver: "systemd", CgroupVersion: cgroup,
			MemoryLimit: true, SwapLimit: true, CPUCfsPeriod: true, CPUCfsQuota: true, CPUShares: true, PidsLimit: true,
			DefaultRuntime: "runc", Runtimes: map[string]system.RuntimeWithStatus{"runc": {}, "io.containerd.runc.v2": {}},
			SecurityOptions: append(security, "name=seccomp,profile=builtin"),
		},
	}
}

// Podman4 is Podman 4.3, rootless, through its Docker socket.
func Podman4() Flavour {
	f := docker("Podman 4.3", "4.3.1", "1.41", "", "2", []string{"name=rootless"})
	f.Server = "Libpod/4.3.1 (linux)"
	f.Version.Components = []types.ComponentVersion{{Name: "Podman Engine", Version: "4.3.1"}, {Name: "OCI Runtime (crun)", Version: "crun version 1.8.1"}}
	f.Info.DefaultRuntime = "crun"
	f.Info.Runtimes = map[string]system.RuntimeWithStatus{"crun": {}, "runc": {}}
	f.Info.DockerRootDir = "/home/me/.local/share/containers/storage"
	return f
}
