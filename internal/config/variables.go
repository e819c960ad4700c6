package config

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
