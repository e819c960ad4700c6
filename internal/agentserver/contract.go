// Package agentserver knows the programs an image can hold: their ports, paths, variables, answers and endings; it runs no container.
package agentserver

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Contract is which program an image holds and so how it is started, asked and stopped.
type Contract string

// The contracts. Plain has no server: it is only started and entered.
const (
	OpenHands   Contract = "openhands"
	OpenHandsV0 Contract = "openhands-v0"
	Sagewai     Contract = "sagewai"
	Starter     Contract = "starter"
	Plain       Contract = "plain"
	Custom      Contract = "custom"
)

// Contracts are all of them, in the order they are offered.
var Contracts = []Contract{OpenHands, Starter, OpenHandsV0, Sagewai, Plain, Custom}

// PublicImage is the agent server's own image as its makers publish it, in the version that the workbench has too.
const PublicImage = "ghcr.io/openhands/agent-server:1.58.0-python"

// Ports inside the sandbox.
const (
	APIPort    uint16 = 8000
	VSCodePort uint16 = 8001
	VNCPort    uint16 = 8002 // noVNC's page and its WebSocket
	RFBPort    uint16 = 5901 // Xvnc, on loopback
)

// Paths inside the sandbox.
const (
	Workspace     = "/workspace"
	ConfigPath    = "/.berth/agent-server.json"                                       // read-only, launcher's: else a file in the mounted project configures the server
	ConfigContent = "{}\n"                                                            // what stands in ConfigPath
	VSCodeProgram = "/openhands/.openvscode-server/bin/openvscode-server"             // VS Code can run if and only if this exists
	V0Marker      = "/openhands/micromamba"                                           // exists in images of the V0 runtime only
	SagewaiRunner = "sagewai-tool-runner"                                             // on PATH in Sagewai images only
	inits         = "tini dumb-init docker-init catatonit s6-svscan init tini-static" // entrypoints that reap by themselves
)

// spec is what berth has to know of one contract beside its variables.
type spec struct {
	ready []string // asked in this order; the next one only after a 404
	grace time.Duration
	ports []uint16
}

var specs = map[Contract]spec{
	OpenHands:   {ready: []string{"/ready", "/health"}, grace: 8 * time.Second, ports: []uint16{APIPort, VSCodePort, VNCPort}},
	Starter:     {ready: []string{"/ready", "/health"}, grace: 3 * time.Second, ports: []uint16{APIPort}},
	OpenHandsV0: {ready: []string{"/alive"}, grace: 3 * time.Second, ports: []uint16{APIPort, VSCodePort}},
	Sagewai:     {grace: 3 * time.Second},
	Plain:       {grace: 3 * time.Second},
	Custom:      {grace: 3 * time.Second},
}

// ReadyPaths are the paths whose 200 means ready, to be asked in this order, the next one only after a 404. None: running is ready.
func (c Contract) ReadyPaths() []string { return slices.Clone(specs[c].ready) }

// Grace is how long a stop waits for the program to end by itself.
func (c Contract) Grace() time.Duration { return specs[c].grace }

// Ports are where the program can listen; a link to another port is never made.
func (c Contract) Ports() []uint16 { return slices.Clone(specs[c].ports) }

// HasAPI tells whether the program answers the agent server's HTTP API.
func (c Contract) HasAPI() bool { return c == OpenHands || c == Starter }

// Detect tells which contract an image speaks. Its label dev.berth.contract wins; else the entrypoint (and what of it stands in cmd) is looked at; else it is Plain.
// V0 and Sagewai images show only by their files: see V0Marker and SagewaiRunner.
func Detect(labels map[string]string, entrypoint, cmd []string) Contract {
	if c := Contract(labels["dev.berth.contract"]); slices.Contains(Contracts, c) {
		return c
	}
	if labels["dev.berth.kind"] == "starter" {
		return Starter
	}
	if serverEnd(slices.Concat(entrypoint, cmd)) > 0 {
		return OpenHands
	}
	return Plain
}

// serverEnd gives the index after the words that start an agent server, 0 if there are none.
func serverEnd(words []string) int {
	for i, word := range words {
		if path.Base(word) == "openhands-agent-server" {
			return i + 1
		}
		if i > 0 && word == "openhands.agent_server" && words[i-1] == "-m" {
			return i + 1
		}
	}
	return 0
}

// Cmd gives the Cmd of the container; its Entrypoint stays the image's. nil keeps the image's Cmd too.
// Over the tunnel everything inside listens on 127.0.0.1; published ports need 0.0.0.0.
func (c Contract) Cmd(entrypoint, cmd []string, published bool) []string {
	switch c {
	case OpenHands, Starter:
		// A server named by the image's Cmd would be lost with it.
		words := slices.Concat(entrypoint, cmd)
		kept := max(serverEnd(words), len(entrypoint))
		return append(slices.Clone(words[len(entrypoint):kept]), "--host", listenHost(published), "--port", strconv.Itoa(int(APIPort)))
	case Sagewai:
		return []string{"sleep", "infinity"}
	}
	return nil
}

func listenHost(published bool) string {
	if published {
		return "0.0.0.0"
	}
	return "127.0.0.1"
}

// V0Command is the whole command of a V0 image, whose Entrypoint is cleared; V0WorkDir is where it runs. V0 needs root, su and sudo, so profile compat.
func V0Command() []string {
	return append(strings.Fields("/openhands/micromamba/bin/micromamba run -n openhands poetry run python -u -m openhands.runtime.action_execution_server"),
		strconv.Itoa(int(APIPort)), "--working-dir", Workspace, "--plugins", "agent_skills", "jupyter", "vscode", "--username", "openhands", "--user-id", "1000")
}

// V0WorkDir is the working folder of V0Command.
const V0WorkDir = "/openhands/code/"

// NeedsInit tells whether the engine has to add an init as PID 1; two of them make tini complain that it is not PID 1.
func NeedsInit(entrypoint []string) bool {
	if len(entrypoint) == 0 {
		return true
	}
	return !slices.Contains(strings.Fields(inits), path.Base(entrypoint[0]))
}
