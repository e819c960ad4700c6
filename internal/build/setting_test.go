package build

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"berth/internal/host"
)

// machine answers for the programs it has; the others are not installed.
type machine map[string]string

func (m machine) run(_ context.Context, name string, args ...string) ([]byte, error) {
	out, ok := m[strings.Join(append([]string{name}, args...), " ")]
	if !ok {
		return nil, errors.New("not installed")
	}
	return []byte(out), nil
}

func noFile(string) ([]byte, error) { return nil, os.ErrNotExist }

func TestSurveyAsksTheClientsThemselves(t *testing.T) {
	rows := []struct {
		name string
		env  host.Env
		has  machine
		want map[string]string
	}{
		{"nothing installed, nothing set", nil, nil, nil},
		{"pip's file", nil, machine{"pip3 config list": "global.index-url='https://mirror.example/simple'\nglobal.timeout='60'\n"},
			map[string]string{"PIP_INDEX_URL": "https://mirror.example/simple"}},
		{"pip as a module", nil, machine{"python3 -m pip config list": "install.trusted-host='mirror.example'\n"},
			map[string]string{"PIP_TRUSTED_HOST": "mirror.example"}},
		{"the variable beats pip's file", host.Env{"PIP_INDEX_URL": "https://env.example/simple"},
			machine{"pip config list": "global.index-url='https://file.example/simple'\n"},
			map[string]string{"PIP_INDEX_URL": "https://env.example/simple"}},
		{"several extra indexes", nil, machine{"pip config list": `global.extra-index-url='https://a.example\nhttps://b.example'`},
			map[string]string{"PIP_EXTRA_INDEX_URL": "https://a.example https://b.example"}},
		{"npm's answer", nil, machine{"npm config get registry": "https://npm.example/\n"},
			map[string]string{"npm_config_registry": "https://npm.example/"}},
		{"npm without one", nil, machine{"npm config get registry": "undefined\n"}, nil},
		{"a mirror on loopback", nil, machine{"npm config get registry": "http://127.0.0.1:4873/\n"}, nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := Survey(t.Context(), row.env, row.has.run, noFile).Mirrors
			if !maps.Equal(got, row.want) {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestAptsArchivesServeTheImagesRelease(t *testing.T) {
	s := Survey(t.Context(), nil, machine{
		"apt-get indextargets --format $(REPO_URI) Created-By: Packages": "https://tools.example/apt/\n" +
			"http://mirror.example/debian/\nhttp://other.example/debian/\nhttp://mirror.example/debian-security/\n",
		"apt-config dump": "Acquire::http::Proxy \"http://proxy.example:3142\";\nAcquire::https::Proxy \"http://127.0.0.1:3142\";\n" +
			"Acquire::Check-Date \"false\";\nAPT::Architecture \"amd64\";\n",
	}.run, noFile)
	s.Certificates = []byte("CERT")
	files := s.files()
	want := "deb http://mirror.example/debian trixie main\ndeb http://mirror.example/debian trixie-updates main\n" +
		"deb http://mirror.example/debian-security trixie-security main\n"
	if got := string(files["sources.list"]); got != want {
		t.Errorf("sources:\n%s\nwant:\n%s", got, want)
	}
	want = "Acquire::Check-Date \"false\";\nAcquire::http::Proxy \"http://proxy.example:3142\";\n" +
		"Acquire::https::CAInfo \"/host/ca.crt\";\n" +
		"Dir::Etc::sourcelist \"/host/sources.list\";\nDir::Etc::sourceparts \"-\";\n"
	if got := string(files["apt.conf"]); got != want {
		t.Errorf("settings:\n%s\nwant:\n%s", got, want)
	}
}

func TestAnotherDistributionLeavesTheBasesSources(t *testing.T) {
	s := Survey(t.Context(), nil, machine{
		"apt-get indextargets --format $(REPO_URI) Created-By: Packages": "http://archive.example/ubuntu/\n",
	}.run, noFile)
	if files := s.files(); len(files) != 0 {
		t.Errorf("got %v", slices.Collect(maps.Keys(files)))
	}
}

func TestProxiesKeepTheirSpelling(t *testing.T) {
	s := Survey(t.Context(), host.Env{"https_proxy": "http://p.example", "NO_PROXY": "localhost", "HTTP_PROXY": "http://127.0.0.1:3128"}, machine{}.run, noFile)
	want := map[string]string{"https_proxy": "http://p.example", "NO_PROXY": "localhost", "HTTP_PROXY": "http://127.0.0.1:3128"}
	if !maps.Equal(s.Proxies, want) {
		t.Errorf("got %v", s.Proxies)
	}
	if got := s.unreachable(); !slices.Equal(got, []string{"HTTP_PROXY"}) {
		t.Errorf("unreachable: %v", got)
	}
}

func TestCertificatesAreTheMachinesOwn(t *testing.T) {
	files := map[string]string{
		"/company.pem":                       "-----BEGIN CERTIFICATE-----\ncompany",
		"/etc/ssl/certs/ca-certificates.crt": "-----BEGIN CERTIFICATE-----\nsystem",
		"/empty.pem":                         "",
	}
	read := func(name string) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	}
	for variable, want := range map[string]string{"/company.pem": "company", "": "system", "/missing.pem": "system", "/empty.pem": "system"} {
		got := Survey(t.Context(), host.Env{"SSL_CERT_FILE": variable}, machine{}.run, read).Certificates
		if !strings.HasSuffix(string(got), want) {
			t.Errorf("SSL_CERT_FILE=%q gives %q, want the %s's", variable, got, want)
		}
	}
}

func TestMirrorsAreQuotedForTheShell(t *testing.T) {
	s := Setting{Mirrors: map[string]string{"PIP_INDEX_URL": "https://x.example/'$(id)'"}}
	if got, want := s.mirrors(), `PIP_INDEX_URL='https://x.example/'\''$(id)'\'''`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
