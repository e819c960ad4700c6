package egress

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"strings"

	"berth/internal/fault"
)

// Upstream is the proxy that the host itself must use, for instance a company's. The zero Upstream is none.
type Upstream struct {
	tunnels  *url.URL // HTTPS_PROXY
	requests *url.URL // HTTP_PROXY
	around   []string // NO_PROXY
}

// UpstreamOf reads the proxy variables of berth's own environment, as curl and Go do: HTTPS_PROXY for tunnels,
// HTTP_PROXY for plain requests, ALL_PROXY where one is missing, NO_PROXY for hosts reached without; the name in lower
// case wins. The error is a fault that does not show the value: it may hold a password.
func UpstreamOf(environ map[string]string) (Upstream, error) {
	var u Upstream
	for _, part := range []struct {
		name string
		to   **url.URL
	}{{"HTTPS_PROXY", &u.tunnels}, {"HTTP_PROXY", &u.requests}} {
		name, value := variable(environ, part.name, "ALL_PROXY")
		if value == "" {
			continue
		}
		proxy, err := parseProxy(name, value)
		if err != nil {
			return Upstream{}, err
		}
		*part.to = proxy
	}
	_, around := variable(environ, "NO_PROXY")
	for _, item := range strings.FieldsFunc(around, func(r rune) bool { return r == ',' || r == ' ' }) {
		u.around = append(u.around, strings.ToLower(item))
	}
	return u, nil
}

// variable gives the first that is set of the names, each in lower case before upper.
func variable(environ map[string]string, names ...string) (name, value string) {
	for _, upper := range names {
		for _, name := range []string{strings.ToLower(upper), upper} {
			if value := strings.TrimSpace(environ[name]); value != "" {
				return name, value
			}
		}
	}
	return "", ""
}

func parseProxy(name, value string) (*url.URL, error) {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	proxy, err := url.Parse(value)
	if err != nil || proxy.Hostname() == "" {
		return nil, fault.New(fault.Usage, "give it the form http://host:port", "%s: not the address of a proxy", name)
	}
	if proxy.Scheme != "http" && proxy.Scheme != "https" {
		return nil, fault.New(fault.Usage, "name an http or https proxy, or unset it", "%s: berth goes through http and https proxies, not through %s", name, proxy.Scheme)
	}
	return &url.URL{Scheme: proxy.Scheme, User: proxy.User, Host: proxy.Host}, nil
}

// proxyFor gives the proxy that a wish goes through, nil for none.
func (u Upstream) proxyFor(w wish) *url.URL {
	via := u.tunnels
	if w.plain {
		via = u.requests
	}
	if via == nil || u.passes(w) {
		return nil
	}
	return via
}

// passes tells whether NO_PROXY names the host: "*", a name (which includes the names below it), ".name" or "*.name"
// (only those below), an address, or a range of addresses; each but the last may have a port.
func (u Upstream) passes(w wish) bool {
	for _, item := range u.around {
		if item == "*" {
			return true
		}
		if prefix, err := netip.ParsePrefix(item); err == nil {
			if w.isAddr() && prefix.Contains(w.addr) {
				return true
			}
			continue
		}
		host, digits, found := cut(item)
		if port, ok := parsePort(digits); found && (!ok || port != w.port) {
			continue
		}
		if w.matches(host) {
			return true
		}
	}
	return false
}

func (w wish) matches(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return w.addr == addr.Unmap()
	}
	if w.isAddr() || host == "" {
		return false
	}
	host = strings.TrimPrefix(host, "*")
	if below, ok := strings.CutPrefix(host, "."); ok {
		return strings.HasSuffix(w.text, "."+below)
	}
	return w.text == host || strings.HasSuffix(w.text, "."+host)
}

// authority is a proxy's host:port.
func authority(proxy *url.URL) string {
	if proxy.Port() != "" {
		return proxy.Host
	}
	return join(proxy.Hostname(), portOf(proxy.Scheme))
}

// credentials is the header by which berth shows itself to the proxy, "" for none.
func credentials(proxy *url.URL) string {
	if proxy.User == nil {
		return ""
	}
	password, _ := proxy.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
}
