package egress

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// name is a host as asked for or written: a domain name in lower case without its last dot, or an address.
type name struct {
	text string
	addr netip.Addr // zero of a domain name
}

func (n name) isAddr() bool { return n.addr.IsValid() }

// absolute is the name for a resolver that must not try the host's search domains.
func (n name) absolute() string { return n.text + "." }

// dotted tells whether n has a label below the top.
func (n name) dotted() bool { return strings.Contains(n.text, ".") }

// parseName reads a host. The error is a reason alone.
func parseName(text string) (name, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Zone() != "" {
			return name{}, fmt.Errorf("an address with a zone is of one link only")
		}
		addr = addr.Unmap()
		return name{text: addr.String(), addr: addr}, nil
	}
	text = strings.ToLower(strings.TrimSuffix(text, "."))
	if text == "" {
		return name{}, fmt.Errorf("the host is missing")
	}
	if len(text) > 253 {
		return name{}, fmt.Errorf("the host is longer than 253 characters")
	}
	labels := strings.Split(text, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return name{}, err
		}
	}
	if numeric(labels[len(labels)-1]) {
		return name{}, fmt.Errorf("%q ends in a number, which is no host name and no complete IP address", text)
	}
	return name{text: text}, nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return fmt.Errorf("the host has an empty part between two dots")
	case len(label) > 63:
		return fmt.Errorf("a part of the host is longer than 63 characters")
	case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
		return fmt.Errorf("the part %q of the host begins or ends with a hyphen", label)
	}
	for _, r := range label {
		if r > 127 {
			return fmt.Errorf("%q is not ASCII", r)
		}
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return fmt.Errorf("%q cannot stand in a host", r)
		}
	}
	return nil
}

// numeric tells whether a last label would make some resolvers read the whole as an IPv4 address ("127.1", "0x7f").
func numeric(label string) bool {
	if rest, ok := strings.CutPrefix(label, "0x"); ok {
		label = strings.Trim(rest, "abcdef")
	}
	return strings.Trim(label, "0123456789") == ""
}

// join prints a host and port, an IPv6 address in brackets.
func join(host string, port uint16) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }

// cut splits "host:port"; the host may be an IPv6 address in brackets. There is no port where none is written.
func cut(text string) (host, port string, found bool) {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		host, after, closed := strings.Cut(rest, "]")
		port, found = strings.CutPrefix(after, ":")
		return host, port, found && closed
	}
	if strings.Count(text, ":") > 1 {
		return text, "", false // an IPv6 address without brackets
	}
	return strings.Cut(text, ":")
}

// parsePort reads 1 to 65535, digits only.
func parsePort(text string) (uint16, bool) {
	if text == "" || len(text) > 5 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0
}
