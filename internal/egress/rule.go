package egress

import (
	"fmt"
	"slices"
	"strings"

	"berth/internal/fault"
)

// Rule names public hosts: "host:443", "*.host:443" (every name below host, not host itself) or "@group". It is
// written by its String, in JSON too, and comparable. Only the zero Rule names nothing.
type Rule struct {
	host  string
	below bool
	port  uint16
	group string
}

// ParseRules reads a list of rules. An error says which item it is about.
func ParseRules(list []string) ([]Rule, error) { return parseAll(list, ParseRule) }

func parseAll[T any](list []string, parse func(string) (T, error)) ([]T, error) {
	out := make([]T, 0, len(list))
	for i, text := range list {
		item, err := parse(text)
		if err != nil {
			return nil, fault.New(fault.Usage, fault.HintOf(err), "item %d: %w", i+1, err)
		}
		out = append(out, item)
	}
	return out, nil
}

// ParseRule reads one rule. The error is a fault that begins with the text and says what to write instead.
func ParseRule(text string) (Rule, error) {
	if group, ok := strings.CutPrefix(text, "@"); ok {
		return parseGroup(text, group)
	}
	host, port, err := parsePair(text, "egress")
	if err != nil {
		return Rule{}, err
	}
	host, below := strings.CutPrefix(host, "*.")
	switch {
	case host == "*":
		return Rule{}, malformed(text, `egress = "on" lets every public host through`, "too wide: a star alone is every host")
	case strings.Contains(host, "*"):
		return Rule{}, malformed(text, `a star stands for whole names in front: "*.example.com:443"`, "a star may only stand at the beginning, before a dot")
	}
	n, err := nameIn(text, host)
	if err != nil {
		return Rule{}, err
	}
	r := Rule{host: n.text, below: below, port: port}
	if err := r.fits(text, n); err != nil {
		return Rule{}, err
	}
	return r, nil
}

// fits refuses what can be written and yet must not be on a list of public hosts.
func (r Rule) fits(text string, n name) error {
	private := fmt.Sprintf(`if it is a private target: egress_private = [%q] in your own configuration`, join(r.host, r.port))
	switch {
	case n.isAddr() && reserved(n.addr) != nil:
		return malformed(text, private, "an IP address; egress takes names")
	case n.isAddr():
		return malformed(text, "write the name that is looked up to it", "an IP address; egress takes names")
	case r.below && shared(n.text):
		return malformed(text, fmt.Sprintf(`name one owner's hosts: "*.example.%s"`, join(n.text, r.port)), "too wide: names below %s belong to many owners", n.text)
	case !n.dotted():
		return malformed(text, private, "a name without a dot is not a public host")
	}
	return nil
}

func parseGroup(text, group string) (Rule, error) {
	if !slices.Contains(GroupNames(), group) {
		hint := "the groups are @" + strings.Join(GroupNames(), ", @")
		if near := fault.Nearest(group, GroupNames()); near != "" {
			hint = fmt.Sprintf("did you mean \"@%s\"?", near)
		}
		return Rule{}, malformed(text, hint, "there is no such group")
	}
	return Rule{group: group}, nil
}

// parsePair splits "host:port" for the key of that name and explains whatever is not of this form.
func parsePair(text, key string) (host string, port uint16, err error) {
	if text == "" {
		return "", 0, malformed(text, usualForm, "empty")
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		return "", 0, malformed(text, instead(rest, portOf(scheme)), "a URL; %s takes host and port", key)
	}
	if strings.ContainsAny(text, "/@") {
		return "", 0, malformed(text, instead(text, 443), "more than host and port")
	}
	host, digits, found := cut(text)
	if !found {
		return "", 0, malformed(text, instead(text, 443), "the port is missing")
	}
	port, ok := parsePort(digits)
	if !ok {
		return "", 0, malformed(text, instead(host, 443), "the port must be a number from 1 to 65535, not %q", digits)
	}
	return host, port, nil
}

const usualForm = `write host:port, such as "example.com:443"`

// instead tells how to write what holds a host, and perhaps user, port and path.
func instead(text string, port uint16) string {
	text, _, _ = strings.Cut(text, "/")
	text = text[strings.LastIndex(text, "@")+1:]
	host, digits, found := cut(text)
	if p, ok := parsePort(digits); found && ok {
		port = p
	}
	host, below := strings.CutPrefix(host, "*.")
	n, err := parseName(host)
	if err != nil {
		return usualForm
	}
	return fmt.Sprintf("write %q", Rule{host: n.text, below: below, port: port})
}

// nameIn reads the host of a rule or target that was written as text.
func nameIn(text, host string) (name, error) {
	n, err := parseName(host)
	if err == nil {
		return n, nil
	}
	hint := usualForm
	if strings.ContainsFunc(host, func(r rune) bool { return r > 127 }) {
		hint = "write the name in its ASCII form, which begins with xn--"
	}
	return name{}, malformed(text, hint, "%v", err)
}

// portOf is a URL's port where it names none.
func portOf(scheme string) uint16 {
	if scheme == "http" || scheme == "ws" {
		return 80
	}
	return 443
}

// String gives the form that ParseRule reads.
func (r Rule) String() string {
	switch {
	case r.group != "":
		return "@" + r.group
	case r.host == "":
		return ""
	case r.below:
		return "*." + join(r.host, r.port)
	}
	return join(r.host, r.port)
}

// MarshalText gives the form that UnmarshalText reads.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a rule.
func (r *Rule) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRule(string(text))
	return err
}

// covers tells whether a rule that is no group names host and port.
func (r Rule) covers(host string, port uint16) bool {
	if r.host == "" || port != r.port {
		return false
	}
	if r.below {
		return strings.HasSuffix(host, "."+r.host)
	}
	return host == r.host
}

// IsPackages tells whether the rule is the group @packages, which stands for Policy.Packages.
func (r Rule) IsPackages() bool { return r.group == packages }

// takes tells whether a rule lets host and port through by itself; what @packages names only a policy knows.
func (r Rule) takes(host string, port uint16) bool {
	if r.group == "" {
		return r.covers(host, port)
	}
	return slices.ContainsFunc(Members(r.group), func(member Rule) bool { return member.covers(host, port) })
}

// Target is one private target by name or address, as egress_private names it: "git.lan:443", "[fd00::1]:443". It is
// written by its String, in JSON too, and comparable.
type Target struct {
	host string
	port uint16
}

// ParseTargets reads a list of targets. An error says which item it is about.
func ParseTargets(list []string) ([]Target, error) { return parseAll(list, ParseTarget) }

// ParseTarget reads one target. The error is a fault that begins with the text and says what to write instead.
func ParseTarget(text string) (Target, error) {
	host, port, err := parsePair(text, "egress_private")
	if err != nil {
		return Target{}, err
	}
	if strings.ContainsAny(host, "*@") {
		return Target{}, malformed(text, `name each host: "git.lan:443"`, "egress_private takes no wildcard and no group")
	}
	n, err := nameIn(text, host)
	if err != nil {
		return Target{}, err
	}
	if n.isAddr() && (n.addr.IsMulticast() || n.addr.IsUnspecified()) {
		return Target{}, malformed(text, "", "not the address of one host")
	}
	return Target{host: n.text, port: port}, nil
}

// String gives the form that ParseTarget reads.
func (t Target) String() string {
	if t.host == "" {
		return ""
	}
	return join(t.host, t.port)
}

// MarshalText gives the form that UnmarshalText reads.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a target.
func (t *Target) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTarget(string(text))
	return err
}
