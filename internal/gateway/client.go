package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"net"

	"berth/internal/secret"
)

// Status asks how the gateway stands; kind NotReady when there is none.
func (c Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.call(ctx, request{Do: "status"}, &s)
}

// Mint asks for a one-time key of a link: "api", "code", "vnc".
func (c Client) Mint(ctx context.Context, kind string) (secret.String, error) {
	return c.key(ctx, request{Do: "mint", Kind: kind})
}

// ClientKey asks for the key with which programs that are no browsers use the API.
func (c Client) ClientKey(ctx context.Context) (secret.String, error) {
	return c.key(ctx, request{Do: "client-key"})
}

// Allow adds a target of the egress list, for as long as the gateway runs.
func (c Client) Allow(ctx context.Context, rule string) error {
	return c.call(ctx, request{Do: "allow", Rule: rule}, &struct{}{})
}

// Disallow takes a target of the egress list back, whoever named it; what is open stays open.
func (c Client) Disallow(ctx context.Context, rule string) error {
	return c.call(ctx, request{Do: "disallow", Rule: rule}, &struct{}{})
}

// Stop asks the gateway to end; it answers before it does.
func (c Client) Stop(ctx context.Context) error {
	return c.call(ctx, request{Do: "stop"}, &struct{}{})
}

// Dial connects to a port inside the sandbox.
func (c Client) Dial(ctx context.Context, port uint16) (net.Conn, error) {
	return c.ask(ctx, request{Do: "dial", Port: port}, first, &struct{}{})
}

// Follow calls back on the newest refusals of the egress proxy, oldest first, and then on each of its decisions, until
// ctx ends or the gateway does.
func (c Client) Follow(ctx context.Context, decided func(Decision)) error {
	conn, err := c.ask(ctx, request{Do: "events"}, first, &struct{}{})
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // only read from
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		var d Decision
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			return err
		}
		decided(d)
	}
	return nil
}

func (c Client) call(ctx context.Context, q request, answer any) error {
	conn, err := c.ask(ctx, q, only, answer)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (c Client) key(ctx context.Context, q request) (secret.String, error) {
	var k keyAnswer
	err := c.call(ctx, q, &k)
	return secret.New(k.Key), err
}
