package host

import (
	"errors"
	"testing"
)

func TestTheTrustedCertificatesAreThoseTheEnvironmentNames(t *testing.T) {
	files := map[string]string{
		"/company.pem":                       "-----BEGIN CERTIFICATE----- company",
		"/etc/ssl/certs/ca-certificates.crt": "-----BEGIN CERTIFICATE----- machine",
		"/etc/hosts":                         "127.0.0.1 localhost",
	}
	read := func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	}
	const company, machine = "-----BEGIN CERTIFICATE----- company", "-----BEGIN CERTIFICATE----- machine"
	for _, c := range []struct {
		env     Env
		pem, by string
	}{
		{nil, machine, ""},
		{Env{"SSL_CERT_FILE": "/company.pem"}, company, "SSL_CERT_FILE"},
		{Env{"GIT_SSL_CAINFO": "/company.pem"}, company, "GIT_SSL_CAINFO"},
		{Env{"SSL_CERT_FILE": "/gone.pem", "PIP_CERT": "/company.pem"}, company, "PIP_CERT"},
		{Env{"SSL_CERT_FILE": "/etc/hosts"}, machine, ""},
		{Env{"NODE_EXTRA_CA_CERTS": "/company.pem"}, machine + "\n" + company, "NODE_EXTRA_CA_CERTS"},
		{Env{"NODE_EXTRA_CA_CERTS": "/company.pem", "CURL_CA_BUNDLE": "/company.pem"}, company, "CURL_CA_BUNDLE"},
	} {
		if pem, by := Certificates(c.env, read); string(pem) != c.pem || by != c.by {
			t.Errorf("%v: got %q by %q, want %q by %q", c.env, pem, by, c.pem, c.by)
		}
	}
}
