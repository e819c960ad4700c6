package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
	"berth/internal/secret"
)

// Variable is one environment variable of OpenHands or docker that berth knows.
type Variable struct {
	Name   string
	Key    string // the key it sets; empty: none
	Effect Effect
	Why    string // one line: what it does here, or why it does nothing

	take func(l *loader, v Variable, text string) error
}

// Effect is what berth does with a foreign variable.
type Effect string

// The effects.
const (
	Honoured Effect = "honoured" // means here what it means there
	Changed  Effect = "changed"  // is translated into keys of berth
	Refused  Effect = "refused"  // stops the launch, if it is switched on
	Ignored  Effect = "ignored"  // says one line and does nothing
)

// Variable gives the name of the environment variable of a key, or "" for a key that has none.
func (k Key) Variable() string {
	if k.NoEnv {
		return ""
	}
	return "BERTH_" + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

// EnvTable is every foreign variable that berth knows, weakest first where two set one key.
var EnvTable = []Variable{
	{Name: "WORKSPACE_BASE", Key: "volumes", Effect: Honoured, Why: "old: host folder mounted at /workspace; write SANDBOX_VOLUMES", take: keepWorkspace},
	{Name: "WORKSPACE_MOUNT_PATH", Key: "volumes", Effect: Honoured, Why: "old: host folder, wins over WORKSPACE_BASE; write SANDBOX_VOLUMES", take: keepWorkspace},
	{Name: "WORKSPACE_MOUNT_PATH_IN_SANDBOX", Key: "volumes", Effect: Honoured, Why: "old: where that folder appears; write SANDBOX_VOLUMES", take: keepWorkspace},
	{Name: "WORKSPACE_MOUNT_REWRITE", Key: "volumes", Effect: Honoured, Why: "old: from:to, replaced in WORKSPACE_BASE; write SANDBOX_VOLUMES", take: keepWorkspace},
	{Name: "DOCKER_HOST", Key: "host", Effect: Honoured, Why: "the engine's address, as for the docker command", take: plain},
	{Name: "DOCKER_CONTEXT", Key: "context", Effect: Honoured, Why: "the docker context, as for the docker command", take: plain},

	{Name: "SANDBOX_VOLUMES", Key: "volumes", Effect: Honoured, Why: "what is mounted; replaces the file's list", take: plain},
	{Name: "SANDBOX_USER_ID", Key: "user", Effect: Honoured, Why: "uid of the sandbox", take: takeIDs},
	{Name: "SANDBOX_GROUP_ID", Key: "user", Effect: Honoured, Why: "gid of the sandbox, beside SANDBOX_USER_ID", take: takeIDs},
	{Name: "SANDBOX_VOLUME_OVERLAYS", Key: "overlay_dir", Effect: Honoured, Why: "where the changes of overlay mounts are kept", take: plain},
	{Name: "SANDBOX_ADDITIONAL_NETWORKS", Key: "additional_networks", Effect: Honoured, Why: "networks to join: a JSON list, or names by commas", take: plain},
	{Name: "SANDBOX_BASE_CONTAINER_IMAGE", Key: "image", Effect: Changed, Why: "taken as the image itself; to have a server put into it, write base and runtime under [images.NAME]", take: takeBaseImage},
	{Name: "SANDBOX_RUNTIME_CONTAINER_IMAGE", Key: "image", Effect: Honoured, Why: "the image to run", take: plain},
	{Name: "SANDBOX_RUNTIME_STARTUP_ENV_VARS", Key: "env", Effect: Honoured, Why: "variables inside, as a JSON object", take: takeStartupEnv},
	{Name: "SANDBOX_VSCODE_PORT", Key: "links.port", Effect: Changed, Why: "the VS Code link gets this port; api has the one before, VNC the one after", take: takeCodePort},
	{Name: "SANDBOX_TIMEOUT", Key: "ready_timeout", Effect: Changed, Why: "seconds; here: how long to wait until the sandbox answers", take: takeSeconds},
	{Name: "SANDBOX_ENABLE_GPU", Key: "gpu", Effect: Honoured, Why: "hand in the host's GPUs", take: plain},
	{Name: "SANDBOX_CUDA_VISIBLE_DEVICES", Key: "gpu_devices", Effect: Honoured, Why: "which GPUs", take: plain},
	{Name: "SANDBOX_KEEP_RUNTIME_ALIVE", Key: "on_quit", Effect: Changed, Why: "true is on_quit = \"leave\", false is \"stop\"", take: takeKeepAlive},
	{Name: "SANDBOX_DOCKER_RUNTIME_KWARGS", Effect: Changed, Why: "mem_limit, nano_cpus, shm_size, pids_limit become keys; anything else is refused", take: takeKwargs},

	{Name: "SANDBOX_USE_HOST_NETWORK", Effect: Refused, Why: "a sandbox never shares the host's network; name the networks it needs with additional_networks", take: refuseTrue},
	{Name: "SANDBOX_RUNTIME_BINDING_ADDRESS", Effect: Refused, Why: "links listen on 127.0.0.1 and ::1 only; reach them from elsewhere through ssh -L", take: refuseAddress},
	{Name: "SANDBOX_RM_ALL_CONTAINERS", Effect: Refused, Why: "it stops the containers of every session; end your own with berth stop --all", take: refuseTrue},

	{Name: "SANDBOX_PAUSE_CLOSED_RUNTIMES", Effect: Ignored, Why: "sandboxes that are left are left running; pause one with berth pause"},
	{Name: "SANDBOX_CLOSE_DELAY", Effect: Ignored, Why: "nothing is stopped after a delay; see on_quit"},
	{Name: "SANDBOX_RUNTIME_EXTRA_DEPS", Effect: Ignored, Why: "write it as a run step under [images.NAME]"},
	{Name: "SANDBOX_RUNTIME_EXTRA_BUILD_ARGS", Effect: Ignored, Why: "build arguments stay in the image's history, so berth uses none; write steps under [images.NAME]"},
	{Name: "SANDBOX_FORCE_REBUILD_RUNTIME", Effect: Ignored, Why: "an image is rebuilt when its definition changes; force it with berth build --refresh"},
	{Name: "SANDBOX_PLATFORM", Effect: Ignored, Why: "the engine's own platform is used; write platform under [images.NAME] for another"},
	{Name: "SANDBOX_API_KEY", Effect: Ignored, Why: "it is for remote runtimes; berth makes a fresh key for each sandbox"},
	{Name: "SANDBOX_HOST_PORT", Effect: Ignored, Why: "there is no app server to call back; see links.port"},
	{Name: "SANDBOX_CONTAINER_URL_PATTERN", Effect: Ignored, Why: "links are http://NAME.localhost:PORT"},
	{Name: "SANDBOX_STARTUP_GRACE_SECONDS", Effect: Ignored, Why: "see ready_timeout"},
	{Name: "SANDBOX_LOCAL_RUNTIME_URL", Effect: Ignored, Why: "links are http://NAME.localhost:PORT"},
	{Name: "SANDBOX_REMOTE_RUNTIME_API_URL", Effect: Ignored, Why: "berth launches on an engine of yours only"},
	{Name: "SANDBOX_REMOTE_RUNTIME_INIT_TIMEOUT", Effect: Ignored, Why: "berth launches on an engine of yours only"},
	{Name: "SANDBOX_REMOTE_RUNTIME_API_TIMEOUT", Effect: Ignored, Why: "berth launches on an engine of yours only"},
	{Name: "SANDBOX_REMOTE_RUNTIME_ENABLE_RETRIES", Effect: Ignored, Why: "berth launches on an engine of yours only"},
	{Name: "SANDBOX_REMOTE_RUNTIME_CLASS", Effect: Ignored, Why: "see oci_runtime"},
	{Name: "SANDBOX_REMOTE_RUNTIME_RESOURCE_FACTOR", Effect: Ignored, Why: "see memory and cpus"},
	{Name: "SANDBOX_ENABLE_AUTO_LINT", Effect: Ignored, Why: "it is the agent's own; set it where the agent is set up"},
	{Name: "SANDBOX_INITIALIZE_PLUGINS", Effect: Ignored, Why: "it is the agent's own; set it where the agent is set up"},
	{Name: "SANDBOX_BROWSERGYM_EVAL_ENV", Effect: Ignored, Why: "it is for evaluations of the agent"},
	{Name: "SANDBOX_SELECTED_REPO", Effect: Ignored, Why: "mount a clone of it, or clone it inside"},
	{Name: "SANDBOX_TRUSTED_DIRS", Effect: Ignored, Why: "see berth trust"},
}

// notKeys are BERTH_ variables that are read elsewhere.
var notKeys = []string{"BERTH_NO_BROWSER", "BERTH_DOCKER", "BERTH_CASES", "BERTH_CONFIG"}

const envPrefix = "SANDBOX_ENV_"

// environment applies the variables: the known foreign ones in the order of the table, SANDBOX_ENV_*, then BERTH_*.
func (l *loader) environment() error {
	known := map[string]bool{}
	for _, v := range EnvTable {
		known[v.Name] = true
		if err := l.takeVariable(v); err != nil {
			return err
		}
	}
	for _, name := range l.variables(envPrefix) {
		known[name] = true
		l.setEnv(strings.TrimPrefix(name, envPrefix), l.in.Environ[name], name)
	}
	for i := range Keys {
		name := Keys[i].Variable()
		known[name] = true
		if text, set := l.in.Environ[name]; set && (text != "" || name == "BERTH_VOLUMES") {
			if err := l.setText(&Keys[i], text, Source{Kind: FromEnv, Name: name}, false); err != nil {
				return err
			}
		}
	}
	l.noticeUnknown(known)
	return nil
}

func (l *loader) takeVariable(v Variable) error {
	text, set := l.in.Environ[v.Name]
	if !set || text == "" && v.Name != "SANDBOX_VOLUMES" {
		return nil
	}
	if v.take == nil {
		l.notice("%s does nothing here: %s", v.Name, v.Why)
		return nil
	}
	return v.take(l, v, text)
}

// variables gives the names with a prefix, sorted.
func (l *loader) variables(prefix string) []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(l.in.Environ)), func(n string) bool { return !strings.HasPrefix(n, prefix) })
	slices.Sort(names)
	return names
}

func (l *loader) noticeUnknown(known map[string]bool) {
	for _, name := range notKeys {
		known[name] = true
	}
	all := slices.Sorted(maps.Keys(known))
	for _, name := range append(l.variables("SANDBOX_"), l.variables("BERTH_")...) {
		if known[name] {
			continue
		}
		if near := fault.Nearest(name, all); near != "" {
			l.notice("%s is unknown and does nothing; did you mean %s?", name, near)
		} else {
			l.notice("%s is unknown and does nothing", name)
		}
	}
}

func (l *loader) notice(format string, args ...any) {
	l.s.Notices = append(l.s.Notices, fmt.Sprintf(format, args...))
}

// setText puts the text of a variable or flag into the field of a key.
func (l *loader) setText(key *Key, text string, source Source, adds bool) error {
	o := l.origin(key, l.in.WorkDir, func(*node) Source { return source })
	o.adds = adds
	field := key.field(l.s)
	if key.Name == "volumes" && source.Kind == FromEnv {
		l.s.Mounts = nil
	}
	value := any(text)
	if o.listOf == nil {
		value = fromText(field, text)
	}
	if err := o.assign(field, &node{name: key.Name, value: value, start: -1}); err != nil {
		return &fault.Fault{Kind: fault.Usage, Message: fmt.Sprintf("%s: %v", source.Name, err), Hint: hintOf(err), Cause: err}
	}
	l.s.sources[key.Name] = source
	return nil
}

func hintOf(err error) string {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p.hint
	}
	return fault.HintOf(err)
}

// fromText brings text to the form that TOML would have given for a field.
func fromText(field any, text string) any {
	switch field.(type) {
	case *bool:
		if b, ok := parseBool(text); ok {
			return b
		}
	case *int, *uint16, *float64:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case *time.Duration, *Size:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	case *[]uint16:
		return numbers(splitList(text))
	case *[]string:
		out := []any{}
		for _, part := range splitList(text) {
			out = append(out, part)
		}
		return out
	}
	return text
}

func numbers(parts []string) any {
	out := []any{}
	for _, part := range parts {
		if i, err := strconv.ParseInt(part, 10, 64); err == nil {
			out = append(out, i)
		} else {
			out = append(out, part)
		}
	}
	return out
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "1", "true", "yes", "on":
		return true, true
	case "0", "false", "no", "off":
		return false, true
	}
	return false, false
}

// refuse is the fault of a variable whose wish berth does not grant.
func refuse(v Variable, text string) error {
	return fault.New(fault.Usage, "unset "+v.Name, "%s=%s: %s", v.Name, text, v.Why)
}

func badText(name, text, want string) error {
	return fault.New(fault.Usage, "", "%s: want %s, not %q", name, want, text)
}

func plain(l *loader, v Variable, text string) error {
	return l.setText(keyNamed(v.Key), text, Source{Kind: FromEnv, Name: v.Name}, false)
}

func keepWorkspace(l *loader, v Variable, text string) error {
	if l.s.Workspace == nil {
		l.s.Workspace = map[string]string{}
	}
	l.s.Workspace[v.Name] = text
	if _, set := l.in.Environ["SANDBOX_VOLUMES"]; !set && (v.Name == "WORKSPACE_BASE" || v.Name == "WORKSPACE_MOUNT_PATH") {
		l.s.Volumes, l.s.Mounts = nil, nil
		l.s.sources["volumes"] = Source{Kind: FromEnv, Name: v.Name}
	}
	return nil
}

func takeIDs(l *loader, v Variable, text string) error {
	id, err := parseID(text)
	if err != nil {
		return badText(v.Name, text, "a number")
	}
	u := l.s.User
	if u.Mode != "ids" || l.s.Source("user").Kind != FromEnv {
		u = User{Mode: "ids", UID: -1, GID: -1}
	}
	if v.Name == "SANDBOX_USER_ID" {
		u.UID = id
	} else {
		u.GID = id
	}
	l.s.User, l.s.sources["user"] = u, Source{Kind: FromEnv, Name: v.Name}
	return nil
}

func takeBaseImage(l *loader, v Variable, text string) error {
	if l.in.Environ["SANDBOX_RUNTIME_CONTAINER_IMAGE"] != "" {
		l.notice("%s does nothing here: SANDBOX_RUNTIME_CONTAINER_IMAGE is set as well and wins", v.Name)
		return nil
	}
	l.notice("%s is %s", v.Name, v.Why)
	return plain(l, v, text)
}

func takeStartupEnv(l *loader, v Variable, text string) error {
	values, err := parseObject(text)
	if err != nil {
		return badText(v.Name, text, `a JSON object such as {"NAME": "value"}`)
	}
	for _, variable := range slices.Sorted(maps.Keys(values)) {
		value, ok := values[variable].(string)
		if !ok {
			value = strings.TrimSpace(fmt.Sprint(values[variable]))
		}
		l.setEnv(variable, value, v.Name)
	}
	return nil
}

func (l *loader) setEnv(variable, value, from string) {
	env := maps.Clone(l.s.Env)
	if env == nil {
		env = map[string]secret.String{}
	}
	env[variable] = secret.New(value)
	l.s.Env = env
	l.s.sources["env"] = Source{Kind: FromEnv, Name: from}
	l.s.sources["env."+variable] = Source{Kind: FromEnv, Name: from}
}

func takeCodePort(l *loader, v Variable, text string) error {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port < 2 || port > 65534 {
		return badText(v.Name, text, "a port from 2 to 65534")
	}
	return l.setText(keyNamed("links.port"), strconv.FormatUint(port-1, 10), Source{Kind: FromEnv, Name: v.Name}, false)
}

func takeSeconds(l *loader, v Variable, text string) error {
	if n, err := strconv.ParseInt(text, 10, 32); err != nil || n < 1 {
		return badText(v.Name, text, "a number of seconds")
	}
	return plain(l, v, text)
}

func takeKeepAlive(l *loader, v Variable, text string) error {
	keep, ok := parseBool(text)
	if !ok {
		return badText(v.Name, text, "true or false")
	}
	value := "stop"
	if keep {
		value = "leave"
	}
	return l.setText(keyNamed("on_quit"), value, Source{Kind: FromEnv, Name: v.Name}, false)
}

func refuseTrue(_ *loader, v Variable, text string) error {
	if on, ok := parseBool(text); ok && !on {
		return nil
	}
	return refuse(v, text)
}

func refuseAddress(_ *loader, v Variable, text string) error {
	if text == "127.0.0.1" || text == "::1" || text == "localhost" {
		return nil
	}
	return refuse(v, text)
}
