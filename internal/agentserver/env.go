package agentserver

import (
	"cmp"
	"slices"
	"strconv"

	"berth/internal/secret"
)

// Var is one variable berth sets in the sandbox. A Secret one is never printed; an Unset one takes away the image's (sent as a bare name).
type Var struct {
	Name   string
	Value  string
	Unset  bool
	Secret bool
}

// Facts are what the variables depend on.
type Facts struct {
	Name       string        // of the sandbox
	Home       string        // HOME inside, absolute; "" leaves it to the image
	Key        secret.String // of the server's API: 64 hex digits; VS Code puts it unquoted into a shell line
	SecretKey  secret.String // stable for the sandbox, else its saved settings are lost with Key
	VSCode     bool          // its link is asked for
	VSCodeBase string        // path prefix of VS Code, "" for none
	VNC        bool          // its link is asked for
	Browser    bool          // the agent's browser tools are wanted
}

// Env gives the variables of a contract, sorted by name. The user's own come after and win.
func Env(c Contract, f Facts) []Var {
	var vars []Var
	switch c {
	case OpenHands:
		vars = slices.Concat(keyVars(f), openHandsVars(f))
	case Starter:
		vars = keyVars(f)
	case OpenHandsV0:
		vars = v0Vars(f)
	}
	if f.Home != "" {
		vars = append(vars, Var{Name: "HOME", Value: f.Home})
	}
	slices.SortFunc(vars, func(a, b Var) int { return cmp.Compare(a.Name, b.Name) })
	return vars
}

// keyVars set the key under the name that is taken from agents' shells in all versions, and clear the other: with both, only OH_SESSION_API_KEYS_0 is accepted.
func keyVars(f Facts) []Var {
	return []Var{
		{Name: "SESSION_API_KEY", Value: f.Key.Reveal(), Secret: true},
		{Name: "OH_SESSION_API_KEYS_0", Unset: true},
	}
}

func openHandsVars(f Facts) []Var {
	state := cmp.Or(f.Home, "/var/tmp") + "/.berth/"
	vars := []Var{
		{Name: "OH_SECRET_KEY", Value: f.SecretKey.Reveal(), Secret: true},
		{Name: "OPENHANDS_AGENT_SERVER_CONFIG_PATH", Value: ConfigPath},
		{Name: "OPENHANDS_SUPPRESS_BANNER", Value: "1"},
		// Without it a price list is fetched while modules load: without name resolution most starts die in an import deadlock.
		{Name: "LITELLM_LOCAL_MODEL_COST_MAP", Value: "True"},
		// Preloading runs before the socket opens.
		{Name: "OH_PRELOAD_TOOLS", Value: strconv.FormatBool(f.Browser)},
		{Name: "OH_ENABLE_VSCODE", Value: strconv.FormatBool(f.VSCode)},
		{Name: "OH_VSCODE_PORT", Value: strconv.Itoa(int(VSCodePort))},
		{Name: "OH_ENABLE_VNC", Value: strconv.FormatBool(f.VNC)},
		{Name: "OH_WORKSPACE_PATH", Value: Workspace},
		// By default these three lie in the user's project, commands and their output in clear.
		{Name: "OH_CONVERSATIONS_PATH", Value: state + "conversations"},
		{Name: "OH_BASH_EVENTS_DIR", Value: state + "bash_events"},
		{Name: "OH_PERSISTENCE_DIR", Value: state + "openhands"},
		{Name: "OH_BASH_EVENTS_RETENTION_SECONDS", Value: "86400"},
	}
	if f.VSCodeBase != "" {
		vars = append(vars, Var{Name: "OH_VSCODE_BASE_PATH", Value: f.VSCodeBase})
	}
	return vars
}

func v0Vars(f Facts) []Var {
	return []Var{
		{Name: "port", Value: strconv.Itoa(int(APIPort))},
		{Name: "VSCODE_PORT", Value: strconv.Itoa(int(VSCodePort))},
		{Name: "APP_PORT_1", Value: "8011"},
		{Name: "APP_PORT_2", Value: "8012"},
		{Name: "OPENHANDS_SESSION_ID", Value: f.Name},
		{Name: "SESSION_API_KEY", Value: f.Key.Reveal(), Secret: true},
	}
}
