package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// wish is what a client asks for.
type wish struct {
	name
	port  uint16
	plain bool // one HTTP request, not a tunnel
}

func (w wish) String() string { return join(w.text, w.port) }

// route is how a wish comes true.
type route struct {
	wish
	rule     string
	softened bool
	addrs    []netip.AddrPort // judged; dialled as they are
	via      *url.URL         // the host's own proxy, which gets the name instead
}

// refusal is why a wish does not come true. It is an error only towards its callers here.
type refusal struct {
	status int
	rule   string
	reason string
	offer  string
}

func (r *refusal) Error() string { return r.reason }

func forbidden(rule, offer, format string, args ...any) *refusal {
	return &refusal{status: http.StatusForbidden, rule: rule, offer: offer, reason: fmt.Sprintf(format, args...)}
}

func unreached(rule, format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadGateway, rule: rule, reason: fmt.Sprintf(format, args...)}
}

// judge finds the route of a wish. A name that no rule lets through is never looked up: the look-up alone would carry
// its letters out.
func (p *Proxy) judge(ctx context.Context, w wish) (route, error) {
	r := route{wish: w}
	if err := p.permit(&r); err != nil {
		return r, err
	}
	if via := p.world.Upstream.proxyFor(w); via != nil && !r.softened {
		return p.unresolved(r, via)
	}
	addrs, err := p.lookUp(ctx, r)
	if err != nil {
		return r, err
	}
	err = p.sift(&r, addrs)
	return r, err
}

// permit finds the rule that lets a wish through by its name.
func (p *Proxy) permit(r *route) error {
	target := Target{r.text, r.port}
	if slices.Contains(p.policy.Private, target) {
		r.rule, r.softened = "egress_private: "+target.String(), true
		return nil
	}
	if !r.isAddr() && !r.dotted() {
		return forbidden("only public hosts", "", "%s is a name without a dot, which no public host has", r)
	}
	if p.policy.Mode == On {
		r.rule = "egress: on"
		return nil
	}
	for _, rule := range p.rules() {
		if by, ok := p.expand(rule, r.wish); ok {
			r.rule = "egress: " + by
			return nil
		}
	}
	return p.unlisted(r.wish)
}

// expand tells whether a rule lets a wish through, and what to call the rule then.
func (p *Proxy) expand(rule Rule, w wish) (by string, ok bool) {
	if rule.group != packages {
		return rule.String(), rule.takes(w.text, w.port)
	}
	for _, index := range p.policy.Packages {
		if index.Rule.covers(w.text, w.port) {
			return fmt.Sprintf("@%s (%s)", packages, index.Source), true
		}
	}
	return "", false
}

func (p *Proxy) unlisted(w wish) error {
	switch {
	case w.isAddr():
		return forbidden("egress: list", "", "%s is an IP address, and the egress list has names only", w)
	case w.port == 22:
		return forbidden("egress: list", "", "%s is not on the egress list; %s", w, NoSSH)
	}
	return forbidden("egress: list", w.String(), "%s is not on the egress list", w)
}

// unresolved hands a wish to the host's own proxy. Only an address that is written out can still be judged.
func (p *Proxy) unresolved(r route, via *url.URL) (route, error) {
	if r.text == "localhost" || strings.HasSuffix(r.text, ".localhost") {
		return r, private(r, reserved(loopback))
	}
	if r.isAddr() {
		if err := p.sift(&r, []netip.Addr{r.addr}); err != nil {
			return r, err
		}
		r.addrs = nil
	}
	r.via = via
	return r, nil
}

func (p *Proxy) lookUp(ctx context.Context, r route) ([]netip.Addr, error) {
	if r.isAddr() {
		return []netip.Addr{r.addr}, nil
	}
	host := r.absolute()
	if r.softened {
		host = r.text // of the user's own network, so his search domains count
	}
	addrs, err := p.world.Resolver.LookupNetIP(ctx, "ip", host)
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) && dns.IsNotFound || err == nil && len(addrs) == 0 {
		return nil, unreached(r.rule, "%s: there is no such host", r)
	}
	if err != nil {
		return nil, unreached(r.rule, "%s: the host's name cannot be looked up now", r)
	}
	return addrs, nil
}

// sift keeps the addresses that may be dialled, and refuses when there is none.
func (p *Proxy) sift(r *route, addrs []netip.Addr) error {
	own := p.world.Own()
	if len(own) == 0 { // there is a loopback at least
		return unreached(r.rule, "%s: this machine does not tell its own networks just now, and nothing is let out without", r)
	}
	var worst *kind
	for _, addr := range addrs {
		addr = addr.WithZone("").Unmap()
		if k := kindOf(addr, own); k != nil && !r.mayBe(k) {
			worst = k
			continue
		}
		if len(r.addrs) < maxAddrs {
			r.addrs = append(r.addrs, netip.AddrPortFrom(addr, r.port))
		}
	}
	if len(r.addrs) == 0 {
		return private(*r, worst)
	}
	return nil
}

// mayBe tells whether egress_private lets the route lead to that kind of address.
func (r route) mayBe(k *kind) bool { return r.softened && (k.named || r.isAddr()) }

// private says why a route leads nowhere, without the address: what the host's names lead to is no business of a
// sandbox.
func private(r route, k *kind) error {
	is, way := "is", "only egress_private in the user's own configuration leads there"
	if !r.isAddr() {
		is = "has an address that is"
		if !k.named {
			way = "no rule leads there by name"
		}
	}
	return forbidden("no private addresses", "", "%s %s %s; %s", r, is, k.what, way)
}

// kindOf gives what keeps an address from being public, nil if nothing does.
func kindOf(addr netip.Addr, own []netip.Prefix) *kind {
	if k := reserved(addr); k != nil {
		return k
	}
	if slices.ContainsFunc(own, func(network netip.Prefix) bool { return network.Contains(addr) }) {
		return &ours
	}
	return nil
}
