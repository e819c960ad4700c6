package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"berth/internal/fault"
	clean "berth/internal/text"
)

// wordsMax bounds what is shown of an engine's own words, in bytes.
const wordsMax = 400

// known says what an engine's own words mean. The first row whose text occurs wins; "" as reason keeps the words.
var known = []struct {
	text   string
	kind   fault.Kind
	reason string
	hint   string
	after  string // what stands behind this in the engine's words, up to a quote, names the culprit
}{
	// images and registries
	{"no such image", fault.Image, "the engine does not have this image", "", ""},
	{"no matching manifest for", fault.Image, "the registry has it, but not for this platform", "name one that it has: --image REF@sha256:..., or build it for this machine", ""},
	{"does not match the specified platform", fault.Image, "the local image is of another platform", "", ""},
	{"does not match the detected host platform", fault.Image, "the image is of another platform", "", ""},
	{"pull access denied", fault.Image, "the registry has no such image, or wants a login", "docker login", ""},
	{"unauthorized", fault.Image, "the registry wants a login", "docker login", ""},
	{"authentication required", fault.Image, "the registry wants a login", "docker login", ""},
	{"no basic auth credentials", fault.Image, "the registry wants a login", "docker login", ""},
	{"denied: requested access", fault.Image, "the registry does not give this image to you", "docker login", ""},
	{"manifest unknown", fault.Image, "the registry has no image of this name and tag", "", ""},
	{"manifest for", fault.Image, "the registry has no image of this name and tag", "", ""},
	{"toomanyrequests", fault.Image, "the registry lets you pull no more for now", "docker login, or wait an hour", ""},
	{"invalid reference format", fault.Usage, "not the name of an image", "write name:tag, e.g. acme/agent:1", ""},
	{"server gave http response to https client", fault.Image, "the registry speaks no TLS", "add it to insecure-registries in the engine's daemon.json, if you trust the way to it", ""},
	{"x509:", fault.Image, "the registry's certificate is not trusted by the engine", "put its CA into /etc/docker/certs.d/HOST/ca.crt", ""},
	{"no such host", fault.Image, "the registry's name is unknown to the engine", "check the name and the engine's network or proxy; --image workbench and --image starter need no registry", ""},
	{"tls handshake timeout", fault.Image, "the registry does not answer", "--image workbench and --image starter need no registry", ""},
	{"request canceled while waiting for connection", fault.Image, "the registry does not answer", "--image workbench and --image starter need no registry", ""},
	{"connect: connection refused", fault.Image, "nothing answers at the registry's address", "see the name and port; --image workbench and --image starter need no registry", ""},
	{"i/o timeout", fault.Image, "the registry does not answer", "--image workbench and --image starter need no registry", ""},
	// disk
	{"no space left on device", fault.Engine, "the engine's disk is full", "docker system df", ""},
	{"disk quota exceeded", fault.Engine, "the engine's disk is full", "docker system df", ""},
	// create
	{"is already in use by container", fault.Conflict, "a container of this name is already there", "berth ls -a, then berth rm NAME", ""},
	{"that name is already in use", fault.Conflict, "a container of this name is already there", "berth ls -a, then berth rm NAME", ""},
	{"bind source path does not exist", fault.Usage, "there is no such folder or file on the engine's machine", "", "does not exist: "},
	{"nanocpus can not be set", fault.Engine, "this engine cannot limit the processor", "delegate the cpu controller to the user (systemd: Delegate=yes), or --give-up limit-cpus", ""},
	{"range of cpus is from", fault.Usage, "more cores are asked for than the engine has", "", ""},
	{"unknown or invalid runtime name", fault.Usage, "the engine does not have this OCI runtime", "docker info --format '{{json .Runtimes}}'", ""},
	{"unknown runtime specified", fault.Usage, "the engine does not have this OCI runtime", "docker info --format '{{json .Runtimes}}'", ""},
	{"minimum memory limit allowed", fault.Usage, "too little memory is asked for", "", ""},
	{"duplicate mount point", fault.Usage, "", "give each place in the sandbox one mount", ""},
	{"container cannot be connected to network endpoints", fault.Failure, "this engine takes one network at a time", "", ""},
	// networks and ports
	{"port is already allocated", fault.Conflict, "a port of this machine is taken", "choose another: BERTH_LINKS_PORT=PORT", ""},
	{"address already in use", fault.Conflict, "a port of this machine is taken", "choose another: BERTH_LINKS_PORT=PORT", ""},
	{"non-overlapping ipv4 address pool", fault.Conflict, "the engine has no free subnet left", "docker network prune", ""},
	{"pool overlaps with other one", fault.Conflict, "the subnet is in use by another network", "", ""},
	{"has active endpoints", fault.Conflict, "containers are still joined to it", "", ""},
	{"volume is in use", fault.Conflict, "a container still uses it", "", ""},
	// start and exec
	{"error setting rlimit", fault.Engine, "the engine may not raise the limit of open files that far", "--give-up limit-nofile=4096", ""},
	{"seccomp is not supported", fault.Engine, "the engine has no seccomp filter", "", ""},
	{"are you trying to mount a directory onto a file", fault.Usage, "a folder is to be mounted onto a file, or a file onto a folder", "", ""},
	{"error mounting", fault.Usage, "", "", ""},
	{"unable to find user", fault.Usage, "the image does not know this user", "give numbers, uid:gid", "unable to find user "},
	{"chdir to cwd", fault.Usage, "the sandbox has no such folder to work in", "", "chdir to cwd (\""},
	{"catatonit", fault.Engine, "Podman has no catatonit, which is the init process it gives", "sudo apt install catatonit", ""},
	{"command that was not found", fault.NotFound, "there is no such program in the image", "", "executable file `"},
	{"executable file not found", fault.NotFound, "there is no such program in the image", "", "exec: \""},
	{"\": stat ", fault.NotFound, "there is no such program in the image", "", "exec: \""},
	{"\": permission denied", fault.Failure, "this is not a program that can run", "", "exec: \""},
	{"is paused", fault.Conflict, "the sandbox is paused", "berth resume NAME", ""},
	{"container state improper", fault.Conflict, "the sandbox is not running", "berth start NAME", ""},
	{"is not running", fault.Conflict, "the sandbox is not running", "berth start NAME", ""},
	{"is restarting", fault.Conflict, "the sandbox is just starting", "", ""},
}

// explain turns an engine's error about subject into a fault; nil stays nil, a fault stays itself.
func (e *Engine) explain(subject string, err error) error {
	var done *fault.Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &done):
		return err
	case errors.Is(err, context.Canceled):
		return &fault.Fault{Kind: fault.Interrupted, Message: subject + ": interrupted", Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &fault.Fault{Kind: fault.Engine, Message: subject + ": the engine did not answer in time", Cause: err}
	case client.IsErrConnectionFailed(err):
		return unreachable(e.at.label, err)
	}
	return understood(subject, err)
}

// understood finds the meaning of an engine's answer.
func understood(subject string, err error) error {
	said := strings.ToLower(err.Error())
	for _, row := range known {
		if !strings.Contains(said, row.text) {
			continue
		}
		reason := row.reason
		if reason == "" {
			reason = words(err.Error())
		} else if row.after != "" {
			reason = culprit(err.Error(), row.after) + reason
		}
		return &fault.Fault{Kind: row.kind, Message: subject + ": " + reason, Hint: row.hint, Cause: err}
	}
	return &fault.Fault{Kind: kindOf(err), Message: subject + ": " + words(err.Error()), Cause: err}
}

// culprit gives what stands behind a mark in an engine's words, as the beginning of a reason.
func culprit(said, mark string) string {
	_, rest, ok := strings.Cut(said, mark)
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, "\"`:\r\n"); end >= 0 {
		rest = rest[:end]
	}
	return words(rest) + ": "
}

// kindOf follows the class of an answer, where its words are unknown.
func kindOf(err error) fault.Kind {
	switch {
	case errdefs.IsNotFound(err):
		return fault.NotFound
	case errdefs.IsConflict(err), errdefs.IsAlreadyExists(err):
		return fault.Conflict
	case errdefs.IsInternal(err), errdefs.IsUnavailable(err):
		return fault.Engine
	}
	return fault.Failure
}

// notFound tells whether the engine has no such thing, which is no failure for who wants it gone.
func notFound(err error) bool { return errdefs.IsNotFound(err) }

// words makes one safe line of an engine's text, which may hold what a sandbox or a registry said.
func words(said string) string {
	said = clean.Line(strings.TrimPrefix(said, "Error response from daemon: "))
	said = strings.TrimRight(strings.Join(strings.Fields(said), " "), ".")
	if len(said) > wordsMax {
		said = strings.ToValidUTF8(said[:wordsMax], "") + "…"
	}
	return said
}

func contains(said string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(said, part) })
}
