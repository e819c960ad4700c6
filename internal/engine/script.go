package engine

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/sandbox"
)

// Script gives the docker commands that make a sandbox without berth, to be pasted into a shell. Secrets are not in it:
// they go as `-e NAME`. What the docker command cannot say stands in its first lines.
func Script(s sandbox.Spec, own *sandbox.NetworkSpec) []string {
	s = s.Normalise()
	lines := append([]string{"# sandbox " + s.Name + " as docker commands"}, remarks(s, "docker")...)
	if s.Seccomp != "" && s.Seccomp != unfiltered {
		lines = append(lines, "# <( ) is bash and zsh: docker reads the system call filter from a file")
	}
	if own != nil {
		words := []string{"docker", "network", "create"}
		if own.Subnet != "" {
			words = append(words, "--subnet", own.Subnet)
		}
		if own.Internal {
			words = append(words, "--internal")
		}
		words = append(words, pairs("--opt", own.Options)...)
		words = append(words, pairs("--label", own.Labels)...)
		lines = append(lines, shellLine(append(words, own.Name)))
	}
	for _, m := range s.Mounts {
		if m.Kind == sandbox.Volume && m.Own() {
			lines = append(lines, shellLine(append(append([]string{"docker", "volume", "create"}, pairs("--label", s.Labels)...), m.Source)))
		}
	}
	lines = append(lines, wrapped(createFlags(s), s)...)
	for _, a := range s.Network.Attached {
		if a.Name != s.Network.Mode {
			words := []string{"docker", "network", "connect"}
			for _, alias := range a.Aliases {
				words = append(words, "--alias", alias)
			}
			lines = append(lines, shellLine(append(words, a.Name, sandbox.ContainerName(s.Name))))
		}
	}
	return append(lines, homeLine(s), shellLine([]string{"docker", "start", sandbox.ContainerName(s.Name)}))
}

// unfiltered is the word for no system call filter.
const unfiltered = "unconfined"

// remarks say what a tool has no words for.
func remarks(s sandbox.Spec, tool string) []string {
	var lines []string
	var secrets, unset []string
	for _, e := range s.Env {
		switch {
		case e.Unset:
			unset = append(unset, e.Name)
		case e.Secret:
			secrets = append(secrets, e.Name)
		}
	}
	if len(secrets) > 0 {
		lines = append(lines, "# set these first, each to a key of your own: "+strings.Join(secrets, " "))
	}
	if len(unset) > 0 {
		lines = append(lines, "# "+tool+" cannot unset variables of the image: "+strings.Join(unset, " "))
	}
	if s.MaskedPaths != nil || s.ReadonlyPaths != nil {
		lines = append(lines, fmt.Sprintf("# %s cannot say which paths are masked (%d) and read-only (%d): the engine's own lists hold",
			tool, len(s.MaskedPaths), len(s.ReadonlyPaths)))
	}
	var files []string
	for _, m := range s.Mounts {
		if m.Own() && m.Kind == sandbox.Bind {
			files = append(files, m.Source)
		}
	}
	if len(files) > 0 {
		lines = append(lines, "# files of berth's, there once berth up has run: "+strings.Join(files, " "))
	}
	return lines
}

// createFlags are the words of the docker command for a Spec, without image and command.
func createFlags(s sandbox.Spec) [][]string {
	var out [][]string
	flag := func(name, value string) {
		if value != "" {
			out = append(out, []string{name, value})
		}
	}
	yes := func(name string, on bool) {
		if on {
			out = append(out, []string{name})
		}
	}
	each := func(name string, values []string) {
		for _, v := range values {
			out = append(out, []string{name, v})
		}
	}
	flag("--name", sandbox.ContainerName(s.Name))
	flag("--platform", s.Image.Platform)
	flag("--user", s.Process.User)
	each("--group-add", s.Process.Groups)
	flag("--workdir", s.Process.WorkDir)
	if len(s.Process.Entrypoint) > 0 {
		flag("--entrypoint", s.Process.Entrypoint[0])
	}
	out = append(out, []string{"--init=" + strconv.FormatBool(s.Process.Init)})
	yes("--tty", s.Process.TTY)
	flag("--stop-signal", s.Process.StopSignal)
	if s.Process.StopTimeout > 0 {
		flag("--stop-timeout", strconv.Itoa(int((s.Process.StopTimeout+time.Second-1)/time.Second)))
	}
	out = append(out, healthFlags(s.Process.Health)...)
	for _, e := range s.Env {
		switch {
		case e.Unset:
		case e.Secret:
			flag("-e", e.Name)
		default:
			flag("-e", e.Name+"="+e.Value)
		}
	}
	for _, m := range s.Mounts {
		flag("--mount", mountFlag(m))
	}
	for _, target := range slices.Sorted(maps.Keys(translateTmpfs(s.Tmpfs, dialect{}))) {
		flag("--tmpfs", target+":"+translateTmpfs(s.Tmpfs, dialect{})[target])
	}
	flag("--hostname", s.Network.Hostname)
	flag("--network", s.Network.Mode)
	for _, a := range s.Network.Attached {
		if a.Name == s.Network.Mode {
			each("--network-alias", a.Aliases)
		}
	}
	for _, p := range s.Network.Ports {
		flag("--publish", fmt.Sprintf("%s:%d", p.Host, p.Container))
	}
	each("--add-host", s.Network.ExtraHosts)
	each("--dns", s.Network.DNS)
	each("--dns-search", s.Network.DNSSearch)
	out = append(out, limitFlags(s.Limits)...)
	out = append(out, isolationFlags(s.Isolation)...)
	flag("--log-driver", s.Log.Driver)
	for _, pair := range keyValues(s.Log.Options) {
		flag("--log-opt", pair)
	}
	for _, pair := range keyValues(translateLabels(s)) {
		flag("--label", pair)
	}
	return out
}

func healthFlags(h *sandbox.Health) [][]string {
	if h == nil {
		return [][]string{{"--no-healthcheck"}}
	}
	words := make([]string, len(h.Command))
	for i, w := range h.Command {
		words[i] = quote(w)
	}
	return [][]string{{"--health-cmd", strings.Join(words, " ")}, {"--health-interval", h.Interval.String()},
		{"--health-timeout", h.Timeout.String()}, {"--health-retries", "3"}}
}

func limitFlags(l sandbox.Limits) [][]string {
	swap := l.MemorySwap
	if swap == 0 {
		swap = -1
	}
	out := [][]string{{"--memory-swap", strconv.FormatInt(swap, 10)}}
	for _, row := range []struct {
		flag  string
		value int64
	}{{"--memory", l.Memory}, {"--cpu-shares", l.CPUShares}, {"--pids-limit", l.Pids}, {"--shm-size", l.Shm}} {
		if row.value > 0 {
			out = append(out, []string{row.flag, strconv.FormatInt(row.value, 10)})
		}
	}
	if l.NanoCPUs > 0 {
		out = append(out, []string{"--cpus", strconv.FormatFloat(float64(l.NanoCPUs)/1e9, 'f', -1, 64)})
	}
	for _, u := range l.Ulimits {
		out = append(out, []string{"--ulimit", fmt.Sprintf("%s=%d:%d", u.Name, u.Soft, u.Hard)})
	}
	return out
}

func isolationFlags(i sandbox.Isolation) [][]string {
	var out [][]string
	for _, row := range []struct {
		flag  string
		value string
	}{{"--pid", i.PidMode}, {"--uts", i.UTSMode}, {"--ipc", i.IpcMode}, {"--cgroupns", i.CgroupnsMode}, {"--userns", i.UsernsMode},
		{"--cgroup-parent", i.CgroupParent}, {"--runtime", i.Runtime}, {"--restart", i.Restart}} {
		if row.value != "" {
			out = append(out, []string{row.flag, row.value})
		}
	}
	for _, row := range []struct {
		flag   string
		values []string
	}{{"--cap-drop", i.CapDrop}, {"--cap-add", i.CapAdd}, {"--device", i.Devices}, {"--link", i.Links},
		{"--volumes-from", i.VolumesFrom}, {"--sysctl", keyValues(i.Sysctls)}, {"--security-opt", translateSecurity(i)}} {
		for _, v := range row.values {
			out = append(out, []string{row.flag, v})
		}
	}
	for _, row := range []struct {
		flag string
		on   bool
	}{{"--privileged", i.Privileged}, {"--read-only", i.ReadonlyRootfs}, {"--oom-kill-disable", i.OomKillDisable},
		{"--publish-all", i.PublishAllPorts}, {"--rm", i.AutoRemove}, {"--gpus=all", i.GPU}} {
		if row.on {
			out = append(out, []string{row.flag})
		}
	}
	if i.OomScoreAdj != 0 {
		out = append(out, []string{"--oom-score-adj", strconv.Itoa(i.OomScoreAdj)})
	}
	return out
}

// mountFlag writes a mount as the docker command reads it: a line of CSV.
func mountFlag(m sandbox.Mount) string {
	fields := []string{"type=" + string(m.Kind), "source=" + m.Source, "target=" + m.Target}
	if m.ReadOnly {
		fields = append(fields, "readonly")
	}
	if m.NoCopy {
		fields = append(fields, "volume-nocopy")
	}
	if m.Kind == sandbox.Bind {
		fields = append(fields, "bind-propagation=rprivate", "bind-nonrecursive=true")
	}
	var line strings.Builder
	w := csv.NewWriter(&line)
	_ = w.Write(fields) // into memory: it cannot fail
	w.Flush()
	return strings.TrimSuffix(line.String(), "\n")
}

// wrapped lays the create command out, a flag a line.
func wrapped(flags [][]string, s sandbox.Spec) []string {
	lines := []string{`docker create \`}
	for _, words := range flags {
		lines = append(lines, "  "+flagLine(words)+` \`)
	}
	image := s.Image.ID
	if image == "" {
		image = s.Image.Ref
	}
	last := []string{image}
	if len(s.Process.Entrypoint) > 1 {
		last = append(last, s.Process.Entrypoint[1:]...)
	}
	return append(lines, "  "+shellLine(append(last, s.Process.Cmd...)))
}

// flagLine quotes a flag; a system call filter becomes a file that the shell makes.
func flagLine(words []string) string {
	if filter, ok := strings.CutPrefix(words[len(words)-1], "seccomp="); ok && words[0] == "--security-opt" && filter != unfiltered {
		return "--security-opt seccomp=<(printf %s " + quote(filter) + ")"
	}
	return shellLine(words)
}

// homeLine makes the home folder in its volume, owned by the sandbox's user.
func homeLine(s sandbox.Spec) string {
	uid, gid, _ := strings.Cut(s.Process.User, ":")
	return fmt.Sprintf(`d=$(mktemp -d) && mkdir -m 700 "$d/agent" && tar -C "$d" --numeric-owner --owner=%s --group=%s -cf - agent | docker cp - %s:/home; rm -r "$d"`,
		quote(uid), quote(gid), quote(sandbox.ContainerName(s.Name)))
}

func pairs(flag string, values map[string]string) []string {
	var words []string
	for _, pair := range keyValues(values) {
		words = append(words, flag, pair)
	}
	return words
}

func keyValues(values map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, name+"="+values[name])
	}
	return out
}

func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// quote makes a word that any POSIX shell takes as it is.
func quote(word string) string {
	plain := func(r rune) bool {
		return r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=:/.,@%+", r))
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
