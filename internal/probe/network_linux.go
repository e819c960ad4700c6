package probe

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

var networkAttacks = map[string]attack{
	"interfaces":       interfaces,
	"metadata-service": metadataService,
	"host-gateway":     hostGateway,
	"name-resolution":  nameResolution,
}

// patience is how long one network attack waits; whatever is near answers within a millisecond or so.
const patience = 150 * time.Millisecond

func interfaces() (Result, string) {
	all, err := net.Interfaces()
	if err != nil {
		return Closed, err.Error()
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			return Open, i.Name
		}
	}
	return Closed, "loopback only"
}

// metadataService dials the addresses at which clouds hand out credentials.
func metadataService() (Result, string) {
	return anyAnswers("169.254.169.254:80", "[fd00:ec2::254]:80")
}

// hostGateway dials ports of the default gateway, which on a bridge is the host. A refusal is an answer too.
func hostGateway() (Result, string) {
	gateway := defaultGateway()
	if gateway == "" {
		return Closed, "no gateway"
	}
	return anyAnswers(net.JoinHostPort(gateway, "22"), net.JoinHostPort(gateway, "80"), net.JoinHostPort(gateway, "2375"))
}

// anyAnswers dials all addresses at once; connected or refused means that somebody is there.
func anyAnswers(addresses ...string) (Result, string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answers := make([]bool, len(addresses))
	var all sync.WaitGroup
	for i, address := range addresses {
		all.Go(func() { answers[i] = answersAt(ctx, address) })
	}
	all.Wait()
	for i, answered := range answers {
		if answered {
			return Open, addresses[i] + " answers"
		}
	}
	return Closed, "no answer"
}

func answersAt(ctx context.Context, address string) bool {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		conn.Close()
	}
	return err == nil || errors.Is(err, syscall.ECONNREFUSED)
}

// defaultGateway reads the kernel's table: destination 0, gateway in hex, little end first.
func defaultGateway() string {
	text, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[1] != "00000000" {
			continue
		}
		if b, err := hex.DecodeString(fields[2]); err == nil && len(b) == 4 {
			return net.IPv4(b[3], b[2], b[1], b[0]).String()
		}
	}
	return ""
}

// nameResolution asks each resolver for the root's name servers: the smallest question there is. An engine's own
// resolver, which knows the members of a network, answers that it failed where nobody stands behind it.
func nameResolution() (Result, string) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return Closed, err.Error()
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == "nameserver" && resolves(words[1]) {
			return Open, words[1] + " answers"
		}
	}
	return Closed, "no answer"
}

func resolves(server string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", net.JoinHostPort(server, "53"))
	if err != nil {
		return false
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if conn.SetDeadline(deadline) != nil {
		return false
	}
	// RFC 1035 §4.1: id, recursion desired, one question; name ".", type NS, class IN.
	question := []byte{0xbe, 0x57, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1}
	if _, err := conn.Write(question); err != nil {
		return false
	}
	reply := make([]byte, 512)
	n, err := conn.Read(reply)
	return err == nil && n >= 12 && reply[3]&0x0f == 0 // RCODE 0: no error
}
