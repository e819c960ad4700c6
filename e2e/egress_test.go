package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/e2e/internal/rig"
	"berth/internal/host"
)

// gitAddress is where the test's own git host listens: this machine's loopback, and yet no address of the sandbox's
// that its clients reach without a proxy.
const gitAddress = "127.0.0.2"

// company makes a certificate authority and one certificate of its for gitAddress.
func company(t *testing.T) (authority []byte, server tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(template, parent *x509.Certificate) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "company"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: gitAddress}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(gitAddress)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sign(ca, ca)})
	return authority, tls.Certificate{Certificate: [][]byte{sign(leaf, ca)}, PrivateKey: key}
}

// serveGit serves a repository by https and gives the server's host:port.
func serveGit(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	dir := t.TempDir()
	script := `git init -q work && cd work && echo "# Shop" >README.md && git add . &&
git -c user.name=me -c user.email=me@example.org commit -qm first && git clone -q --bare . ../shop.git && cd ../shop.git && git update-server-info`
	make := exec.Command("sh", "-c", script)
	make.Dir = dir
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	listener, err := net.Listen("tcp", gitAddress+":0")
	if err != nil {
		t.Skipf("a second loopback address is needed: %v", err)
	}
	server := httptest.NewUnstartedServer(http.FileServer(http.Dir(dir)))
	server.Listener.Close() //nolint:errcheck // it was never used
	server.Listener, server.TLS = listener, &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return listener.Addr().String()
}

// outgoing is a sandbox with package clients mounted.
type outgoing struct {
	up
	clients []packageClient
}

// outside is what berth egress --json says.
type outside struct {
	Mode    string
	Allowed []struct{ Target, By string }
	Refused []struct {
		Host, Reason, Offer string
		Port, Count         int
	}
}

func (s outgoing) outside(t *testing.T) outside {
	t.Helper()
	var o outside
	s.Berth("egress", s.Name, "--json").Exits(0).JSON(&o)
	return o
}

// tries is how many hosts a client may need one after the other.
const tries = 6

// getOut runs a client inside until it gets through: each time it is refused, what the refusals offer is allowed. It
// gives what was allowed.
func (s outgoing) getOut(t *testing.T, line string, flags ...string) (allowed []string) {
	t.Helper()
	for range tries {
		r := s.Berth("exec", s.Name, "--", "sh", "-c", line)
		if r.Code == 0 {
			return allowed
		}
		before := len(allowed)
		for _, d := range s.outside(t).Refused {
			if d.Offer != "" && strings.Contains(r.Out+r.Err, d.Host) { // others inside ask for hosts of their own
				s.Berth(append([]string{"egress", "allow", s.Name, d.Offer}, flags...)...).Exits(0)
				allowed = append(allowed, d.Offer)
			}
		}
		if len(allowed) == before {
			t.Fatalf("%s: exit %d, and nothing more is refused: %s%s", line, r.Code, r.Out, r.Err)
		}
	}
	t.Fatalf("%s: refused after all of %v were allowed", line, allowed)
	return nil
}

// packageClient is a client, what it needs of this machine, and how it is asked for a package.
type packageClient struct {
	name   string
	needs  string // a folder of this machine
	at     string // where it is mounted
	asking string
}

// clients are those the workbench has, and those that run from a folder mounted into it.
func clients(h *rig.Home) []packageClient {
	list := []packageClient{{name: "pip install", asking: "/openhands/venv/bin/pip install --retries 1 --disable-pip-version-check --no-deps --target /tmp/pip$$ six"}}
	if root, err := exec.Command("go", "env", "GOROOT").Output(); err == nil {
		list = append(list, packageClient{"go mod download", strings.TrimSpace(string(root)), "/opt/go",
			"GOFLAGS=-modcacherw GOTOOLCHAIN=local GOMODCACHE=/tmp/go$$ /opt/go/bin/go mod download golang.org/x/text@v0.14.0"})
	}
	if npm, err := exec.LookPath("npm"); err == nil {
		if script, err := filepath.EvalSymlinks(npm); err == nil {
			list = append(list, packageClient{"npm install", filepath.Dir(filepath.Dir(script)), "/opt/npm",
				"/openhands/.openvscode-server/node /opt/npm/bin/npm-cli.js install --loglevel error --fetch-retries=0 --cache /tmp/cache$$ --prefix /tmp/npm$$ left-pad"})
		}
	}
	if rust := toolchain(h); rust != "" {
		list = append(list, packageClient{"cargo fetch", rust, "/opt/rust", `mkdir -p /tmp/cargo$$/src && cd /tmp/cargo$$ && touch src/lib.rs &&
printf '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\ncfg-if = "1"\n' >Cargo.toml &&
PATH=/opt/rust/bin:$PATH CARGO_NET_RETRY=0 CARGO_HOME=/tmp/cargo$$/home cargo fetch`})
	}
	return list
}

// toolchain copies what cargo needs to run, since this machine's may lie in a home of somebody else; "" when there is none.
func toolchain(h *rig.Home) string {
	root, err := exec.Command("rustc", "--print", "sysroot").Output()
	if err != nil {
		return ""
	}
	from, to := strings.TrimSpace(string(root)), h.Folder("rust")
	copying := exec.Command("sh", "-c", `mkdir "$2/bin" "$2/lib" && cp "$1/bin/cargo" "$1/bin/rustc" "$2/bin" && cp "$1"/lib/*.so* "$2/lib"`, "sh", from, to)
	if copying.Run() != nil {
		return ""
	}
	return to
}

// TestEgress goes out of a sealed sandbox with the clients that coding agents use. Nothing is set inside by the test.
func TestEgress(t *testing.T) {
	h := rig.New(t)
	rig.Image(t, rig.Workbench)
	authority, certificate := company(t)
	git := serveGit(t, certificate)
	machine, _ := host.Certificates(host.Env{"SSL_CERT_FILE": os.Getenv("SSL_CERT_FILE")}, os.ReadFile)
	h.Env = append(h.Env, "SSL_CERT_FILE="+h.Write("company.pem", string(slices.Concat(authority, machine))))
	h.Write(".config/berth/config.toml", `egress_private = ["`+git+`"]`+"\n")
	s := outgoing{up{Project: h.Project("out"), Image: rig.Workbench}, clients(h)}

	var learned []string
	s.bring(t, "--profile", "standard", "--egress", "list")
	t.Run("a git host of one's own", func(t *testing.T) { s.clones(t, git) })
	t.Run("git over ssh says what to do", s.checkSSH)
	t.Run("a host off the list", s.checkRefused)
	for _, c := range s.clients {
		t.Run(c.name+", allowed when it is refused", func(t *testing.T) {
			allowed := s.getOut(t, c.asking, "--always")
			if len(allowed) == 0 {
				t.Error("nothing was refused, and the list was empty")
			}
			learned = append(learned, allowed...)
		})
	}
	if len(learned) == 0 {
		t.Skip("no package client gets out here")
	}
	t.Run("once, and taken back", func(t *testing.T) { s.checkOnce(t, learned[0]) })

	t.Run("strict, with what was allowed before", func(t *testing.T) {
		r := s.bring(t, "--profile", "strict", "--recreate")
		if plan := s.Berth("up", "--plan", "--image", rig.Workbench, "--profile", "strict").Exits(0).Out; !strings.Contains(plan, "allowed by you before)") {
			t.Errorf("the plan does not say what was allowed before:\n%s\n%s", plan, r.Err)
		}
		s.clones(t, git)
		for _, c := range s.clients {
			if allowed := s.getOut(t, c.asking); len(allowed) > 0 {
				t.Errorf("%s: %v had to be allowed again", c.name, allowed)
			}
		}
		s.checkRefused(t)
	})
	t.Run("on", func(t *testing.T) {
		s.bring(t, "--profile", "standard", "--egress", "on", "--recreate")
		s.inside(t, "curl -sS -o /dev/null https://"+strings.TrimSuffix(learned[0], ":443"))
		s.clones(t, git)
		s.refuses(t, "10.0.0.7:443", "10.0.0.7:443 is private (RFC 1918)")
		s.refuses(t, "169.254.169.254:80", "metadata")
	})
	t.Run("off", func(t *testing.T) {
		s.bring(t, "--profile", "standard", "--egress", "off", "--recreate")
		if got := s.inside(t, "curl -sS http://127.0.0.1:3128/ 2>&1; env | grep -ci _proxy= || true"); !strings.Contains(got, "Could") || !strings.HasSuffix(got, "\n0") {
			t.Errorf("got %s", got)
		}
	})
}

// bring brings the sandbox up with this machine's clients mounted.
func (s outgoing) bring(t *testing.T, flags ...string) rig.Result {
	t.Helper()
	args := append([]string{"up", "--plain", "-y", "--image", s.Image, "-v", s.Dir + ":/workspace"}, flags...)
	for _, c := range s.clients {
		if c.needs != "" {
			args = append(args, "--allow-path", c.needs, "-v", c.needs+":"+c.at+":ro")
		}
	}
	return s.Berth(args...).Exits(0)
}

func (s outgoing) clones(t *testing.T, from string) {
	t.Helper()
	if got := s.inside(t, "git clone -q https://"+from+"/shop.git /tmp/clone$$ && cat /tmp/clone$$/README.md"); got != "# Shop" {
		t.Errorf("cloned %q", got)
	}
}

func (s outgoing) checkSSH(t *testing.T) {
	r := s.Berth("exec", s.Name, "--", "git", "clone", "git@git.example.org:shop.git", "/tmp/ssh")
	if !strings.Contains(r.Err+r.Out, "berth: ssh has no way out of a sealed sandbox: give git the https address") {
		t.Errorf("git says %s%s", r.Out, r.Err)
	}
}

func (s outgoing) checkRefused(t *testing.T) {
	t.Helper()
	s.refuses(t, "other.example.org:443", "other.example.org:443 is not on the egress list")
	list := s.Berth("egress", s.Name).Exits(0)
	if !strings.Contains(list.Out, "other.example.org:443 ") || !strings.Contains(list.Err, "berth egress allow "+s.Name+" other.example.org:443") {
		t.Errorf("berth egress says\n%s%s", list.Out, list.Err)
	}
	s.Berth("egress", "allow", s.Name, "other.example.org:443").Exits(0) // it leads nowhere; the next client is not to try it
}

// refuses has a client ask for a target, and looks that it is told why, and that berth tells the user.
func (s outgoing) refuses(t *testing.T, target, why string) {
	t.Helper()
	r := s.Berth("exec", s.Name, "--", "curl", "-sv", "-o", "/dev/null", "https://"+target)
	if r.Code == 0 || !strings.Contains(r.Err, "403") || !strings.Contains(r.Err, why) {
		t.Errorf("%s: exit %d, %s", target, r.Code, r.Err)
	}
	for _, d := range s.outside(t).Refused {
		if fmt.Sprintf("%s:%d", d.Host, d.Port) == target && strings.Contains(d.Reason, why) && d.Count > 0 {
			return
		}
	}
	t.Errorf("%s is not among the refusals", target)
}

// checkOnce takes a target back that was allowed for good, and allows it until the sandbox ends.
func (s outgoing) checkOnce(t *testing.T, target string) {
	ask := "curl -sS -o /dev/null https://" + strings.TrimSuffix(target, ":443")
	s.inside(t, ask) // so that the refusal below is the revocation's
	s.Berth("egress", "revoke", s.Name, target).Exits(0)
	s.refuses(t, target, "is not on the egress list")
	s.Berth("egress", "allow", s.Name, target).Exits(0)
	s.inside(t, ask)
	if o := s.outside(t); !slices.Contains(o.Allowed, struct{ Target, By string }{target, "allowed by you, once"}) {
		t.Errorf("allowed are %v", o.Allowed)
	}
	s.Berth("egress", "allow", s.Name, target, "--always").Exits(0)
}
