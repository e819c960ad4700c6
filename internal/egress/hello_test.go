package egress

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// hello gives the first bytes that a TLS client of this machine's library says for a name, "" for none.
func hello(t *testing.T, name string) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		_ = tls.Client(far, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake()
		far.Close()
	}()
	head := make([]byte, 5)
	if _, err := io.ReadFull(near, head); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(near, rest); err != nil {
		t.Fatal(err)
	}
	return append(head, rest...)
}

// split cuts a hello of one record into records of n bytes.
func split(record []byte, n int) []byte {
	var out []byte
	for body := record[5:]; len(body) > 0; {
		k := min(n, len(body))
		out = append(out, record[0], record[1], record[2], byte(k>>8), byte(k))
		out = append(out, body[:k]...)
		body = body[k:]
	}
	return out
}

func TestTheHelloMustNameTheHostAskedFor(t *testing.T) {
	rows := []struct {
		behaviour, to, sni string
		mode               Mode
		through            bool
		reason             string
	}{
		{"the same", "a.example:443", "a.example", List, true, ""},
		{"letters' case does not matter", "a.example:443", "A.Example", List, true, ""},
		{"another", "a.example:443", "b.example", List, false, "a.example:443: the TLS hello names another host"},
		{"another, under on", "a.example:443", "b.example", On, false, "a.example:443: the TLS hello names another host"},
		{"one below", "a.example:443", "x.a.example", List, false, "a.example:443: the TLS hello names another host"},
		{"none", "a.example:443", "", List, false, "a.example:443: the TLS hello names no host"},
		{"none, under on", "a.example:443", "", On, true, ""},
		{"none for an address", "203.0.113.1:443", "", On, true, ""},
		{"none for a private address that is named", "10.0.0.9:443", "", List, true, ""},
		{"a name for an address", "203.0.113.1:443", "a.example", On, false, "203.0.113.1:443: the TLS hello names another host"},
		{"another, on another port", "a.example:8443", "b.example", List, true, ""},
	}
	for _, r := range rows {
		w := newWorld(t)
		w.hosts["203.0.113.1:443"], w.hosts["203.0.113.1:8443"], w.hosts["10.0.0.9:443"] = echo, echo, echo
		c := w.client(w.proxy(Policy{Mode: r.mode, Allow: rules(t, "a.example:443", "a.example:8443"), Private: targets(t, "10.0.0.9:443")}))
		if got := c.connect(r.to); got != "200 Connection established" {
			t.Fatalf("%s: %s", r.behaviour, got)
		}
		said := hello(t, r.sni)
		heard := make([]byte, len(said))
		n, _ := io.ReadFull(c.send(string(said)), heard)
		if r.through && !bytes.Equal(heard, said) {
			t.Errorf("%s: the host got %d of %d bytes", r.behaviour, n, len(said))
		}
		if !r.through && !bytes.Equal(heard[:n], unrecognizedName) {
			t.Errorf("%s: the client got %x", r.behaviour, heard[:n])
		}
		told := w.told()
		if last := told[len(told)-1]; last.Allowed != r.through || last.Reason != r.reason {
			t.Errorf("%s: %s", r.behaviour, last)
		}
	}
}

func TestHellosInPiecesAreWhole(t *testing.T) {
	one := hello(t, "a.example")
	for behaviour, said := range map[string][]byte{"one record": one, "records of 50 bytes": split(one, 50), "records of one byte": split(one, 1)} {
		w := newWorld(t)
		w.hosts["203.0.113.1:443"] = echo
		c := w.client(w.proxy(Policy{Mode: List, Allow: rules(t, "a.example:443")}))
		// The hello comes with the request, before anybody can know whether there is a tunnel.
		status, _ := c.send("CONNECT a.example:443 HTTP/1.1\r\n\r\n" + string(said)).answer("CONNECT")
		heard := make([]byte, len(said)+4)
		if _, err := io.ReadFull(c.send("more"), heard); err != nil || status != "200 Connection established" || !bytes.Equal(heard, append(said, "more"...)) {
			t.Errorf("%s: %s, %v", behaviour, status, err)
		}
	}
}

func TestWhatIsNoTLSOnItsPort(t *testing.T) {
	for _, said := range []string{
		"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "SSH-2.0-x\r\n", "\x16\x03\x01\xff\xff" + strings.Repeat("x", 100), "\x15\x03\x01\x00\x02\x01\x00",
		"\x16\x03\x01\x00\x04\x01\xff\xff\xff" + strings.Repeat("\x16\x03\x01\x40\x00"+strings.Repeat("x", 1<<14), 8), strings.Repeat("\x00", 1<<17),
		"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", strings.Repeat("\x16\x03\x01\x00\x00", 40),
	} {
		w := newWorld(t)
		w.hosts["203.0.113.1:443"] = func(conn net.Conn) {
			defer conn.Close()
			if n, _ := conn.Read(make([]byte, 1)); n > 0 {
				t.Errorf("%.20q reached the host", said)
			}
		}
		c := w.client(w.proxy(Policy{Mode: List, Allow: rules(t, "a.example:443")}))
		c.connect("a.example:443")
		go func() { _, _ = io.WriteString(c.Conn, said) }()
		_, _ = io.Copy(io.Discard, c)
		if told := w.told(); len(told) != 2 || told[1].Reason != "a.example:443: what the client says on port 443 is not TLS" || told[1].Offer != "" {
			t.Errorf("%.20q: %v", said, told)
		}
	}
}

func TestAClientThatGoesWithoutAWordIsNoRefusal(t *testing.T) {
	w := newWorld(t)
	w.hosts["203.0.113.1:443"] = echo
	c := w.client(w.proxy(Policy{Mode: List, Allow: rules(t, "a.example:443")}))
	c.connect("a.example:443")
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c)
	if told := w.told(); len(told) != 1 || !told[0].Allowed {
		t.Errorf("%v", told)
	}
}

func TestHalfAHelloIsWaitedForTenSeconds(t *testing.T) {
	said := hello(t, "a.example")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		options := w.options()
		options.Dial = piped(func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
		near, served := serve(t, NewProxy(Policy{Mode: List, Allow: rules(t, "a.example:443")}, options))
		start := time.Now()
		fmt.Fprintf(near, "CONNECT a.example:443 HTTP/1.1\r\n\r\n")
		_, _ = near.Read(make([]byte, 1000))
		_, _ = near.Write(said[:50])
		alert, _ := io.ReadAll(near)
		<-served
		if last := w.told()[1]; time.Since(start) != headTime || last.Reason != "a.example:443: no whole TLS hello came in 10s" || !bytes.Equal(alert, unrecognizedName) {
			t.Errorf("after %v: %s, %x", time.Since(start), last, alert)
		}
	})
}

// Whatever a client says first: no panic, all of it that was read is kept in order, and a name is one.
func FuzzHello(f *testing.F) {
	near, far := net.Pipe()
	go func() {
		_ = tls.Client(far, &tls.Config{ServerName: "a.example", MaxVersion: tls.VersionTLS12}).Handshake()
	}()
	seed := make([]byte, 1000)
	n, _ := near.Read(seed)
	near.Close()
	f.Add(seed[:n])
	f.Add(split(seed[:n], 7))
	f.Add([]byte("SSH-2.0-x\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		sni, seen, err := readHello(bytes.NewReader(said), far)
		if !bytes.HasPrefix(said, seen) || err != nil && sni != "" {
			t.Fatalf("%q, %x, %v", sni, seen, err)
		}
	})
}
