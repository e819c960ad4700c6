package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/sandbox"
)

// Compose gives a compose file with one service that is the sandbox. Secrets are not in it: they are variables to be
// set by whoever runs it. What compose cannot say stands in its first lines.
func Compose(s sandbox.Spec, own *sandbox.NetworkSpec) []string {
	s = s.Normalise()
	f := &composeFile{lines: append([]string{"# sandbox " + s.Name + " as a compose file"}, remarks(s, "compose")...)}
	f.lines = append(f.lines, "# compose cannot make /home/agent before the start: berth does, owned by the sandbox's user")
	if s.Seccomp != "" && s.Seccomp != unfiltered {
		f.lines = append(f.lines, "# the system call filter goes into a file beside this one: berth up --print=json | jq -r .Seccomp > seccomp.json")
		s.Seccomp = "./seccomp.json"
	}
	f.add(0, "name", "berth-"+s.Name)
	f.open(0, "services")
	f.open(1, s.Name)
	f.service(s)
	f.open(0, "volumes")
	for _, m := range s.Mounts {
		if m.Kind == sandbox.Volume {
			f.open(1, m.Source)
			f.add(2, "name", m.Source)
		}
	}
	if len(s.Network.Attached) > 0 {
		f.open(0, "networks")
	}
	for _, a := range s.Network.Attached {
		if own == nil || a.Name != own.Name {
			f.open(1, a.Name)
			f.add(2, "external", true)
		}
	}
	if own != nil {
		f.open(1, own.Name)
		f.add(2, "name", own.Name)
		f.add(2, "internal", own.Internal)
		f.add(2, "driver_opts", nonNil(own.Options))
		if own.Subnet != "" {
			f.add(2, "ipam", map[string]any{"config": []map[string]string{{"subnet": own.Subnet}}})
		}
	}
	return f.lines
}

// composeFile writes YAML whose values are JSON, which is YAML too: so nothing needs quoting rules of its own.
type composeFile struct{ lines []string }

func (f *composeFile) open(depth int, name string) {
	f.lines = append(f.lines, strings.Repeat("  ", depth)+text(name)+":")
}

// add writes a member unless it is empty. A dollar is doubled, or compose takes it for a variable.
func (f *composeFile) add(depth int, name string, value any) {
	shown := strings.ReplaceAll(text(value), "$", "$$")
	switch shown {
	case `""`, "null", "[]", "{}", "0", "false":
		return
	}
	f.lines = append(f.lines, strings.Repeat("  ", depth)+text(name)+": "+shown)
}

func text(value any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // a Spec holds nothing that JSON cannot say
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func nonNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func (f *composeFile) service(s sandbox.Spec) {
	image := s.Image.ID
	if image == "" {
		image = s.Image.Ref
	}
	env := map[string]any{}
	for _, e := range s.Env {
		switch {
		case e.Unset:
		case e.Secret:
			env[e.Name] = nil
		default:
			env[e.Name] = e.Value
		}
	}
	tmpfs := []string{}
	for target, options := range translateTmpfs(s.Tmpfs, dialect{}) {
		tmpfs = append(tmpfs, target+":"+options)
	}
	ulimits := map[string]any{}
	for _, u := range s.Limits.Ulimits {
		ulimits[u.Name] = map[string]int64{"soft": u.Soft, "hard": u.Hard}
	}
	ports := []string{}
	for _, p := range s.Network.Ports {
		ports = append(ports, fmt.Sprintf("%s:%d", p.Host, p.Container))
	}
	l := s.Limits
	for _, row := range []struct {
		name  string
		value any
	}{
		{"container_name", sandbox.ContainerName(s.Name)}, {"image", image}, {"platform", s.Image.Platform},
		{"user", s.Process.User}, {"group_add", s.Process.Groups}, {"entrypoint", s.Process.Entrypoint},
		{"command", s.Process.Cmd}, {"working_dir", s.Process.WorkDir}, {"init", s.Process.Init}, {"tty", s.Process.TTY},
		{"stop_signal", s.Process.StopSignal}, {"stop_grace_period", period(s.Process.StopTimeout)},
		{"healthcheck", composeHealth(s.Process.Health)}, {"environment", env}, {"volumes", composeMounts(s.Mounts)},
		{"tmpfs", slices.Sorted(slices.Values(tmpfs))}, {"hostname", s.Network.Hostname}, {"ports", ports}, {"extra_hosts", s.Network.ExtraHosts},
		{"dns", s.Network.DNS}, {"dns_search", s.Network.DNSSearch}, {"mem_limit", l.Memory}, {"memswap_limit", l.MemorySwap},
		{"cpus", float64(l.NanoCPUs) / 1e9}, {"cpu_shares", l.CPUShares}, {"pids_limit", l.Pids}, {"shm_size", l.Shm},
		{"ulimits", ulimits}, {"privileged", s.Privileged}, {"cap_drop", s.CapDrop}, {"cap_add", s.CapAdd},
		{"read_only", s.ReadonlyRootfs}, {"security_opt", translateSecurity(s.Isolation)}, {"pid", s.PidMode},
		{"uts", s.UTSMode}, {"ipc", s.IpcMode}, {"cgroup", s.CgroupnsMode}, {"userns_mode", s.UsernsMode},
		{"cgroup_parent", s.CgroupParent}, {"runtime", s.Runtime}, {"restart", s.Restart}, {"devices", s.Devices},
		{"sysctls", nonNil(s.Sysctls)}, {"oom_score_adj", s.OomScoreAdj}, {"oom_kill_disable", s.OomKillDisable},
		{"logging", map[string]any{"driver": s.Log.Driver, "options": nonNil(s.Log.Options)}}, {"labels", translateLabels(s)},
	} {
		f.add(2, row.name, row.value)
	}
	f.networks(s.Network)
}

func (f *composeFile) networks(n sandbox.Network) {
	if len(n.Attached) == 0 {
		f.add(2, "network_mode", n.Mode)
		return
	}
	f.open(2, "networks")
	for _, a := range n.Attached {
		f.lines = append(f.lines, "      "+text(a.Name)+": "+text(map[string][]string{"aliases": append([]string{}, a.Aliases...)}))
	}
}

func composeMounts(list []sandbox.Mount) []map[string]any {
	var out []map[string]any
	for _, m := range list {
		one := map[string]any{"type": string(m.Kind), "source": m.Source, "target": m.Target, "read_only": m.ReadOnly}
		if m.Kind == sandbox.Bind {
			one["bind"] = map[string]any{"propagation": "rprivate", "create_host_path": false}
		} else {
			one["volume"] = map[string]bool{"nocopy": m.NoCopy}
		}
		out = append(out, one)
	}
	return out
}

func composeHealth(h *sandbox.Health) map[string]any {
	if h == nil {
		return map[string]any{"disable": true}
	}
	return map[string]any{"test": append([]string{"CMD"}, h.Command...), "interval": period(h.Interval), "timeout": period(h.Timeout), "retries": 3}
}

func period(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
