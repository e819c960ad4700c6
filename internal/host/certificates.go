package host

import (
	"bytes"
	"slices"
)

// CertificateVariables name the file of trusted certificates, PEM, for one kind of client each: OpenSSL, Go and uv, the
// requests library, pip, curl, git and cargo.
var CertificateVariables = []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"}

// ExtraCertificates is the variable by which Node trusts certificates besides its own.
const ExtraCertificates = "NODE_EXTRA_CA_CERTS"

// certificateFiles are the usual places of a machine's trusted certificates, in the order Go looks.
var certificateFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// Certificates gives the trusted certificates, PEM, and the variable that names them; by is "" where none does and they
// are the machine's own.
func Certificates(env Env, readFile func(string) ([]byte, error)) (pem []byte, by string) {
	read := func(path string) []byte {
		text, err := readFile(path)
		if path == "" || err != nil || !bytes.Contains(text, []byte("BEGIN CERTIFICATE")) {
			return nil
		}
		return text
	}
	for _, name := range CertificateVariables {
		if pem = read(env[name]); pem != nil {
			return pem, name
		}
	}
	for _, path := range certificateFiles {
		if pem = read(path); pem != nil {
			break
		}
	}
	if extra := read(env[ExtraCertificates]); extra != nil {
		return slices.Concat(pem, []byte("\n"), extra), ExtraCertificates
	}
	return pem, ""
}
