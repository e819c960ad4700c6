// Package egress decides what a sealed sandbox may reach outside, and is the proxy that carries it there; how the
// sandbox's connections get to it is the gateway's business.
//
// The sandbox has no network and no resolver. Its clients ask the proxy by name; berth looks the name up on the host,
// judges every address, and dials the very address it judged.
package egress

import (
	"fmt"
	"strings"
	"time"

	"berth/internal/fault"
)

// Mode says how much may be reached.
type Mode string

// The modes, narrowest first.
const (
	Off    Mode = "off"    // nothing
	List   Mode = "list"   // what the rules name
	On     Mode = "on"     // any public host
	Direct Mode = "direct" // the engine's own network, past the proxy
)

// Modes lists them, narrowest first.
var Modes = []Mode{Off, List, On, Direct}

// Policy is what one sandbox may reach. It goes to the gateway as JSON; the zero Policy lets nothing through.
type Policy struct {
	Mode     Mode
	Allow    []Rule   // of mode List
	Private  []Target // private addresses that are let through all the same, in List and On
	Packages []Index  // what the group @packages stands for: see Indexes
}

// Softened tells whether the policy lets anything private through.
func (p Policy) Softened() bool { return len(p.Private) > 0 && (p.Mode == List || p.Mode == On) }

// String says in a line of the plan what may be reached: "egress on: public hosts through berth, no private addresses".
func (p Policy) String() string {
	private := "no private addresses"
	if p.Softened() {
		private = "softened: " + list(p.Private)
	}
	switch p.Mode {
	case List:
		if len(p.Allow) == 0 {
			return "egress list: nothing is named; " + private
		}
		return fmt.Sprintf("egress list: %s through berth; %s", list(p.Allow), private)
	case On:
		return "egress on: public hosts through berth, " + private
	case Direct:
		return "egress direct: internet, LAN and this machine's services"
	}
	return "egress off"
}

func list[T fmt.Stringer](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.String()
	}
	return strings.Join(texts, ", ")
}

// Decision is the proxy's answer to one wish, and what a person is told of it.
type Decision struct {
	Time       time.Time `json:"t"`
	Host       string    `json:"host"` // as asked for, in lower case
	Port       uint16    `json:"port"`
	Allowed    bool      `json:"allowed"`
	Rule       string    `json:"rule,omitempty"`       // what decided, as the user would write or read it
	Reason     string    `json:"reason,omitempty"`     // one sentence, lower case, without period; of an allowed one what is to be known, or ""
	Softened   bool      `json:"softened,omitempty"`   // a private target that egress_private names
	Unresolved bool      `json:"unresolved,omitempty"` // went by name to the host's own proxy: nobody looked at the address
	Offer      string    `json:"offer,omitempty"`      // the rule that would have allowed it, "" where no rule can
	Count      int       `json:"count"`                // how many equal ones it stands for, at least 1: refusals are told once a minute for each host
}

// Target gives what was asked for: "registry.example:443".
func (d Decision) Target() string {
	if d.Port == 0 {
		return d.Host
	}
	return join(d.Host, d.Port)
}

// AnsweredBy tells whether a rule lets through what was refused.
func (d Decision) AnsweredBy(r Rule) bool { return d.Offer != "" && r.takes(d.Host, d.Port) }

// String gives the line of a log: "denied other.example:80 (and 2 more): not on the egress list".
func (d Decision) String() string {
	word := "denied"
	if d.Allowed {
		word = "allowed"
	}
	line := word + " " + d.Target()
	if d.Count > 1 {
		line += fmt.Sprintf(" (and %d more)", d.Count-1)
	}
	if d.Reason != "" {
		line += ": " + d.Reason
	}
	return line
}

// ProxyPort is where the sandbox's clients find the proxy, on the loopback inside.
const ProxyPort = 3128

// Variables gives the environment by which clients inside find the proxy. Hosts in direct, such as sidecars, are
// reached without it.
func Variables(direct ...string) map[string]string {
	proxy := fmt.Sprintf("http://127.0.0.1:%d", ProxyPort)
	around := strings.Join(append([]string{"localhost", "127.0.0.1", "::1", "sandbox"}, direct...), ",")
	env := map[string]string{"NODE_USE_ENV_PROXY": "1"} // Node looks at the others only then
	for name, value := range map[string]string{"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": around} {
		env[name], env[strings.ToLower(name)] = value, value
	}
	return env
}

// NoSSH says why git over ssh does not work in a sealed sandbox, and what does.
const NoSSH = "ssh has no way out of a sealed sandbox: give git the https address of the repository, " +
	"or once: git config --global url.https://HOST/.insteadOf git@HOST:"

// SSHVariables gives the environment by which git inside says NoSSH in place of ssh's words on names it cannot look
// up: ssh knows nothing of proxies.
func SSHVariables() map[string]string {
	return map[string]string{
		"GIT_SSH_COMMAND": fmt.Sprintf(`sh -c 'echo "berth: %s" >&2; exit 1' ssh`, NoSSH),
		"GIT_SSH_VARIANT": "ssh", // else git asks the command which ssh it is
	}
}

func malformed(text, hint, format string, args ...any) error {
	return fault.New(fault.Usage, hint, "%q: %s", text, fmt.Sprintf(format, args...))
}
