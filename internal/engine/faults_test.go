package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"berth/internal/fault"
)

// Texts as engines of several versions wrote them.
func TestAnEnginesWordsAreUnderstood(t *testing.T) {
	for _, row := range []struct {
		said string
		kind fault.Kind
		want string
	}{
		{"Error response from daemon: No such image: acme/agent:9", fault.Image, "x: the engine does not have this image"},
		{"no matching manifest for linux/arm64/v8 in the manifest list entries", fault.Image, "x: the registry has it, but not for this platform"},
		{"Error response from daemon: pull access denied for acme/agent, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", fault.Image, "x: the registry has no such image, or wants a login"},
		{"Error response from daemon: manifest for debian:nosuch not found: manifest unknown: manifest unknown", fault.Image, "x: the registry has no image of this name and tag"},
		{`Error response from daemon: Get "https://ghcr.io/v2/": unauthorized: authentication required`, fault.Image, "x: the registry wants a login"},
		{`Error response from daemon: Get "https://registry.invalid/v2/": dial tcp: lookup registry.invalid on 127.0.0.53:53: no such host`, fault.Image, "x: the registry's name is unknown to the engine"},
		{`Get "https://r:5000/v2/": http: server gave HTTP response to HTTPS client`, fault.Image, "x: the registry speaks no TLS"},
		{`Get "https://r/v2/": x509: certificate signed by unknown authority`, fault.Image, "x: the registry's certificate is not trusted by the engine"},
		{"toomanyrequests: You have reached your pull rate limit.", fault.Image, "x: the registry lets you pull no more for now"},
		{"write /var/lib/docker/tmp/GetImageBlob1: no space left on device", fault.Engine, "x: the engine's disk is full"},
		{`Error response from daemon: Conflict. The container name "/berth-x" is already in use by container "abc". You have to remove (or rename) that container to be able to reuse that name.`, fault.Conflict, "x: a container of this name is already there"},
		{`invalid mount config for type "bind": bind source path does not exist: /no/such`, fault.Usage, "x: /no/such: there is no such folder or file on the engine's machine"},
		{"NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted", fault.Engine, "x: this engine cannot limit the processor"},
		{"range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available", fault.Usage, "x: more cores are asked for than the engine has"},
		{"unknown or invalid runtime name: runsc", fault.Usage, "x: the engine does not have this OCI runtime"},
		{"Unknown runtime specified runsc", fault.Usage, "x: the engine does not have this OCI runtime"},
		{"OCI runtime create failed: container_linux.go:380: starting container process caused: process_linux.go:545: container init caused: process_linux.go:508: setting rlimits for ready process caused: error setting rlimit type 7: operation not permitted: unknown", fault.Engine, "x: the engine may not raise the limit of open files that far"},
		{"could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network", fault.Conflict, "x: the engine has no free subnet left"},
		{"Pool overlaps with other one on this address space", fault.Conflict, "x: the subnet is in use by another network"},
		{"remove berth-x-home: volume is in use - [abc]", fault.Conflict, "x: a container still uses it"},
		{`OCI runtime create failed: exec: "/nosuch": stat /nosuch: no such file or directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?`, fault.Usage, "x: a folder is to be mounted onto a file, or a file onto a folder"},
		{`OCI runtime create failed: runc create failed: error mounting "/gone" to rootfs at "/x": stat /gone: no such file or directory: unknown`, fault.Usage, `x: OCI runtime create failed: runc create failed: error mounting "/gone" to rootfs at "/x": stat /gone: no such file or directory: unknown`},
		{"unable to find user agent: no matching entries in passwd file", fault.Usage, "x: agent: the image does not know this user"},
		{`OCI runtime create failed: runc create failed: unable to start container process: exec: "/nosuch": stat /nosuch: no such file or directory: unknown`, fault.NotFound, "x: /nosuch: there is no such program in the image"},
		{`OCI runtime exec failed: exec failed: unable to start container process: exec: "/nosuch": stat /nosuch: no such file or directory`, fault.NotFound, "x: /nosuch: there is no such program in the image"},
		{`OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown`, fault.NotFound, "x: nosuch: there is no such program in the image"},
		{`OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown`, fault.Failure, "x: /etc/passwd: this is not a program that can run"},
		{`OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ("/no dir") set in config.json failed: no such file or directory: unknown`, fault.Usage, "x: /no dir: the sandbox has no such folder to work in"},
		{"Container abc is not running", fault.Conflict, "x: the sandbox is not running"},
		{"Container abc is paused, unpause the container before exec", fault.Conflict, "x: the sandbox is paused"},
		{"something new.\n\x1b[31mwith colour", fault.Failure, "x: something new. with colour"},
	} {
		err := understood("x", errors.New(row.said))
		if err.Error() != row.want || fault.KindOf(err) != row.kind {
			t.Errorf("%.60s…\ngot  %v (%s)\nwant %s (%s)", row.said, err, fault.KindOf(err), row.want, row.kind)
		}
	}
}

func TestEveryHintIsOneLine(t *testing.T) {
	for _, row := range known {
		if row.text != strings.ToLower(row.text) {
			t.Errorf("%q can never occur in a lower-case text", row.text)
		}
		if strings.ContainsAny(row.hint, "\n") || strings.HasSuffix(row.hint, ".") || strings.HasSuffix(row.reason, ".") {
			t.Errorf("%q: %q, %q", row.text, row.reason, row.hint)
		}
	}
}

func TestALongAnswerIsCut(t *testing.T) {
	if got := words(strings.Repeat("ä", 1000)); len(got) > wordsMax+len("…") || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes: %.20s", len(got), got)
	}
}

func TestAnInterruptedCallIsNoFailureOfTheEngine(t *testing.T) {
	e := &Engine{}
	if err := e.explain("sandbox shop", context.Canceled); fault.KindOf(err) != fault.Interrupted || err.Error() != "sandbox shop: interrupted" {
		t.Error(err)
	}
	if err := e.explain("sandbox shop", nil); err != nil {
		t.Error(err)
	}
}
