package agentserver

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/secret"
)

func TestDetect(t *testing.T) {
	words := strings.Fields
	for _, c := range []struct {
		what       string
		labels     map[string]string
		entrypoint string
		cmd        string
		want       Contract
	}{
		{"the published image", nil, "tini -- /usr/local/bin/openhands-agent-server", "", OpenHands},
		{"the source image", nil, "tini -- /agent-server/.venv/bin/python -m openhands.agent_server", "", OpenHands},
		{"an image without tini", nil, "/usr/local/bin/openhands-agent-server", "", OpenHands},
		{"a server named by Cmd", nil, "tini --", "/usr/local/bin/openhands-agent-server --port 8000", OpenHands},
		{"a module that only looks like it", nil, "python -m openhands.agent_server_tools", "", Plain},
		{"the word without -m", nil, "echo openhands.agent_server", "", Plain},
		{"an ordinary image", nil, "docker-entrypoint.sh", "redis-server", Plain},
		{"nothing at all", nil, "", "", Plain},
		{"the workbench, by its label", map[string]string{"dev.berth.contract": "openhands"}, "tini -- /openhands/bin/workbench", "", OpenHands},
		{"the starter, by its label", map[string]string{"dev.berth.kind": "starter"}, "/.berth/starter", "", Starter},
		{"a label against the entrypoint", map[string]string{"dev.berth.contract": "plain"}, "openhands-agent-server", "", Plain},
		{"a label nobody knows", map[string]string{"dev.berth.contract": "nonsense"}, "openhands-agent-server", "", OpenHands},
	} {
		if got := Detect(c.labels, words(c.entrypoint), words(c.cmd)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
}

func TestTheCommandListensWhereTheLinksNeedIt(t *testing.T) {
	for _, c := range []struct {
		what       string
		contract   Contract
		entrypoint string
		cmd        string
		published  bool
		want       string
	}{
		{"over the tunnel", OpenHands, "tini -- openhands-agent-server", "", false, "--host 127.0.0.1 --port 8000"},
		{"published", OpenHands, "tini -- openhands-agent-server", "", true, "--host 0.0.0.0 --port 8000"},
		{"the image's own arguments go", OpenHands, "openhands-agent-server", "--port 9000", false, "--host 127.0.0.1 --port 8000"},
		{"a server named by Cmd stays", OpenHands, "tini --", "openhands-agent-server --port 9000", false, "openhands-agent-server --host 127.0.0.1 --port 8000"},
		{"the starter", Starter, "/.berth/starter", "", false, "--host 127.0.0.1 --port 8000"},
		{"sagewai", Sagewai, "tini --", "", false, "sleep infinity"},
		{"a plain image keeps its own", Plain, "", "redis-server", false, ""},
	} {
		got := strings.Join(c.contract.Cmd(strings.Fields(c.entrypoint), strings.Fields(c.cmd), c.published), " ")
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
	}
}

func TestTwoInitsAreNeverStacked(t *testing.T) {
	for entrypoint, want := range map[string]bool{
		"": true, "/usr/bin/tini --": false, "tini --": false, "dumb-init": false, "s6-svscan": false, "python -m x": true, "/.berth/starter": true,
	} {
		if got := NeedsInit(strings.Fields(entrypoint)); got != want {
			t.Errorf("%q: got %v, want %v", entrypoint, got, want)
		}
	}
}

func TestEveryContractHasAGrace(t *testing.T) {
	for _, c := range Contracts {
		want := 3 * time.Second
		if c == OpenHands {
			want = 8 * time.Second
		}
		if c.Grace() != want {
			t.Errorf("%s: grace %v, want %v", c, c.Grace(), want)
		}
	}
}

var facts = Facts{Name: "shop", Home: "/home/agent", Key: secret.New("aa"), SecretKey: secret.New("bb"), VSCode: true}

func TestEnvOfAnAgentServer(t *testing.T) {
	const want = `HOME=/home/agent
LITELLM_LOCAL_MODEL_COST_MAP=True
OH_BASH_EVENTS_DIR=/home/agent/.berth/bash_events
OH_BASH_EVENTS_RETENTION_SECONDS=86400
OH_CONVERSATIONS_PATH=/home/agent/.berth/conversations
OH_ENABLE_VNC=false
OH_ENABLE_VSCODE=true
OH_PERSISTENCE_DIR=/home/agent/.berth/openhands
OH_PRELOAD_TOOLS=false
OH_SECRET_KEY=bb (secret)
OH_SESSION_API_KEYS_0 (unset)
OH_VSCODE_PORT=8001
OH_WORKSPACE_PATH=/workspace
OPENHANDS_AGENT_SERVER_CONFIG_PATH=/.berth/agent-server.json
OPENHANDS_SUPPRESS_BANNER=1
SESSION_API_KEY=aa (secret)`
	if got := show(Env(OpenHands, facts)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEnvOfTheOthers(t *testing.T) {
	for contract, want := range map[Contract]string{
		Starter: "HOME=/home/agent\nOH_SESSION_API_KEYS_0 (unset)\nSESSION_API_KEY=aa (secret)",
		Plain:   "HOME=/home/agent",
		Sagewai: "HOME=/home/agent",
		OpenHandsV0: "APP_PORT_1=8011\nAPP_PORT_2=8012\nHOME=/home/agent\nOPENHANDS_SESSION_ID=shop\n" +
			"SESSION_API_KEY=aa (secret)\nVSCODE_PORT=8001\nport=8000",
	} {
		if got := show(Env(contract, facts)); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", contract, got, want)
		}
	}
}

func TestNothingTheServerKeepsLiesInTheProject(t *testing.T) {
	for _, v := range Env(OpenHands, facts) {
		if v.Name != "OH_WORKSPACE_PATH" && strings.HasPrefix(v.Value, Workspace) {
			t.Errorf("%s=%s is in the user's folder", v.Name, v.Value)
		}
	}
}

func show(vars []Var) string {
	var lines []string
	for _, v := range vars {
		line := v.Name + "=" + v.Value
		if v.Unset {
			line = v.Name + " (unset)"
		}
		if v.Secret {
			line += " (secret)"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestExplain(t *testing.T) {
	long := time.Hour
	for _, c := range []struct {
		contract Contract
		ending   Ending
		want     string
	}{
		{OpenHands, Ending{Code: 127, Tail: "[FATAL tini (7)] exec --host failed: No such file or directory"},
			"the image's ENTRYPOINT was replaced, so the arguments reached its init; take the ENTRYPOINT line out of the image's Dockerfile"},
		{Plain, Ending{Code: 1, Tail: "exec /x: exec format error", Ran: long}, "its program is for another architecture or is not a program; choose an image for this engine's platform"},
		{OpenHands, Ending{Code: 127, Foreign: true, Tail: "[FATAL tini (6)] exec /server failed: No such file or directory"},
			"its program is for another architecture or is not a program; choose an image for this engine's platform"},
		{OpenHands, Ending{Code: 1, Tail: "_frozen_importlib._DeadlockError: deadlock", Ran: long},
			"the agent server stopped while it fetched a price list without name resolution; set LITELLM_LOCAL_MODEL_COST_MAP=True in its environment"},
		{Plain, Ending{Code: 1, Tail: "_DeadlockError", Ran: long}, "it ended with exit code 1; look at the log"},
		{OpenHands, Ending{Code: 3, Ran: long}, "the server did not start: its port is busy or a folder it writes to is not writable; look at the log"},
		{Plain, Ending{Code: 3, Ran: long}, "it ended with exit code 3; look at the log"},
		{Plain, Ending{Code: 137, OOMKilled: true}, "it used more memory than its limit and was killed; raise memory"},
		{Plain, Ending{Code: 137}, "it was killed; if you did not do it, raise memory"},
		{OpenHands, Ending{Code: 143, Ran: long}, "it was stopped"},
		{Plain, Ending{Code: 0, Ran: time.Second}, "its main command ended at once; give the image a command that keeps running"},
		{Plain, Ending{Code: 0, Ran: long}, "its main command ended"},
		{Plain, Ending{Code: 127, Error: `exec: "x": no such file or directory`},
			"its program, or the interpreter or library it needs, is not in the image (a CRLF first line does this too); check the first line and the base of the image"},
		{Plain, Ending{Code: 128, Error: "error setting rlimit type 7"}, "the engine could not start it: error setting rlimit type 7"},
	} {
		sentence, hint := Explain(c.contract, c.ending)
		if hint != "" {
			sentence += "; " + hint
		}
		if sentence != c.want {
			t.Errorf("%s %+v\ngot  %s\nwant %s", c.contract, c.ending, sentence, c.want)
		}
	}
}

func TestTheDesktopComesFromTheImagesOwnProgramsInOrder(t *testing.T) {
	only := func(have ...string) func(string) bool {
		return func(path string) bool { return slices.Contains(have, path) }
	}
	command, env := DesktopCommand(only("/usr/local/bin/desktop", "/usr/bin/Xvnc", "/usr/bin/websockify"), false)
	if got := strings.Join(command, " "); got != "/usr/local/bin/desktop" {
		t.Errorf("the image's script must win, got %q", got)
	}
	if want := []string{"DISPLAY=:1", "NOVNC_HOST=127.0.0.1", "NOVNC_PORT=8002"}; !slices.Equal(env, want) {
		t.Errorf("env %q, want %q", env, want)
	}
	command, _ = DesktopCommand(only("/usr/bin/Xtigervnc", "/usr/share/novnc/utils/novnc_proxy"), false)
	const pair = `/usr/bin/Xtigervnc :1 -rfbport 5901 -localhost=1 -SecurityTypes None -AlwaysShared -geometry "${VNC_GEOMETRY:-1280x800}" -depth 24 -nolisten tcp & ` +
		`exec /usr/share/novnc/utils/novnc_proxy --listen "$NOVNC_HOST:$NOVNC_PORT" --vnc 127.0.0.1:5901`
	if len(command) != 3 || command[2] != pair {
		t.Errorf("got %q\nwant %q", command, pair)
	}
	if _, env := DesktopCommand(only("/usr/local/bin/desktop"), true); env[1] != "NOVNC_HOST=0.0.0.0" {
		t.Errorf("published: %q", env)
	}
	for _, lone := range []string{"/usr/bin/Xvnc", "/usr/bin/websockify", "/bin/sh"} {
		if command, _ := DesktopCommand(only(lone), false); command != nil {
			t.Errorf("%s alone is no desktop: %q", lone, command)
		}
	}
}
