package launch

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"berth/hardening"
	"berth/internal/agentserver"
	"berth/internal/egress"
	"berth/internal/fault"
	"berth/internal/host"
	"berth/internal/sandbox"
	"berth/internal/secret"
)

// environment joins the contract's variables and the user's; the user's win.
func (b *builder) environment() error {
	home := agentHome
	if b.home() == hardening.ImagesHome {
		home = "" // the engine reads it in the image's user database
	}
	byName := map[string]sandbox.Env{}
	for _, v := range agentserver.Env(b.plan.Contract, agentserver.Facts{
		Name: b.in.Name, Home: home, Key: b.in.Keys.Session, SecretKey: b.in.Keys.Secret,
		VSCode: true, VNC: b.s.VNC != "off" && b.home() != hardening.MemoryHome,
	}) {
		byName[v.Name] = sandbox.Env{Name: v.Name, Value: v.Value, Unset: v.Unset, Secret: v.Secret}
	}
	for file, text := range b.in.EnvFiles {
		vars, err := parseEnvFile(file, text)
		if err != nil {
			return err
		}
		for _, v := range vars {
			byName[v.Name] = v
		}
	}
	for name, value := range b.s.Env {
		byName[name] = sandbox.Env{Name: name, Value: value.Reveal(), Secret: true}
	}
	if err := b.fromHost(byName); err != nil {
		return err
	}
	passing := b.proxied(byName)
	b.trust(byName)
	for _, v := range byName {
		b.plan.Spec.Env = append(b.plan.Spec.Env, v)
	}
	asked := slices.DeleteFunc(b.plan.Spec.Normalise().Env, func(v sandbox.Env) bool { return slices.Contains(passing, v.Name) })
	b.plan.EnvSum = envSum(asked, b.in.Keys.Secret)
	return nil
}

// proxied tells clients inside where the way out is. What the user set stays. It gives the variables that depend on who
// is on a joined network just now: somebody who comes or goes there does not make another plan.
func (b *builder) proxied(byName map[string]sandbox.Env) (passing []string) {
	if mode := b.plan.Egress.Mode; mode != egress.On && mode != egress.List {
		return nil
	}
	direct := b.reachedDirectly()
	vars := egress.Variables(direct...)
	if len(direct) == 0 { // else there is somebody whom ssh may reach
		maps.Copy(vars, egress.SSHVariables())
	}
	for name, value := range vars {
		if _, set := byName[name]; set {
			continue
		}
		byName[name] = sandbox.Env{Name: name, Value: value}
		if strings.EqualFold(name, "NO_PROXY") {
			passing = append(passing, name)
		}
	}
	return passing
}

// trust has clients inside trust what the host trusts, where its environment says so: behind a proxy that looks into
// TLS nothing is reached without its certificate. What the user set stays.
func (b *builder) trust(byName map[string]sandbox.Env) {
	if b.in.Trusts == "" || b.plan.Egress.Mode == egress.Off {
		return
	}
	b.plan.Trusts = b.in.Trusts
	b.plan.Spec.Mounts = append(b.plan.Spec.Mounts, sandbox.Mount{
		Kind: sandbox.Bind, Source: filepath.Join(b.in.Dir, certificatesFile), Target: insideCertificates, ReadOnly: true,
	})
	for _, name := range append(slices.Clone(host.CertificateVariables), host.ExtraCertificates) {
		if _, set := byName[name]; !set {
			byName[name] = sandbox.Env{Name: name, Value: insideCertificates}
		}
	}
}

// reachedDirectly are the hosts on the sandbox's own networks, to which no proxy leads.
func (b *builder) reachedDirectly() []string {
	var out []string
	for _, r := range b.plan.Relays {
		out = append(out, r.Host)
	}
	for _, j := range b.plan.Joined {
		for _, p := range j.Peers {
			if p.Host() {
				out = append(out, p.Name)
			}
		}
	}
	return out
}

// envSum is a keyed sum of variables: equal ones have equal sums, and nobody without the key can guess a value by it.
func envSum(env []sandbox.Env, key secret.String) string {
	sum := hmac.New(sha256.New, []byte(key.Reveal()))
	for _, v := range env {
		fmt.Fprintf(sum, "%q %q %t\n", v.Name, v.Value, v.Unset)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// fromHost takes variables of berth's own environment by exact name, and never those that would hand over the host.
func (b *builder) fromHost(byName map[string]sandbox.Env) error {
	source := b.s.Source("env_from_host").String()
	for _, name := range b.s.EnvFromHost {
		if pattern := refusedFromHost(name); pattern != "" {
			return fault.New(fault.Usage, "give the sandbox a value of its own: env = { "+name+" = \"...\" }",
				"%s: env_from_host %q: names like %s are never taken from the host", source, name, pattern)
		}
		value, set := b.in.Host.Env[name]
		if !set {
			return fault.New(fault.Usage, "export "+name+" or take it out of env_from_host",
				"%s: env_from_host %q: it is not set", source, name)
		}
		byName[name] = sandbox.Env{Name: name, Value: value, Secret: true}
	}
	return nil
}

// hostOnly are variables that open doors on the host or change what programs load.
var hostOnly = []string{
	"*_TOKEN", "*_KEY", "*_SECRET", "*PASSWORD*", "AWS_*", "AZURE_*", "GOOGLE_*", "KUBECONFIG", "DOCKER_*",
	"SSH_AUTH_SOCK", "GPG_*", "DBUS_*", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "LD_*",
	"DYLD_*", "BASH_ENV", "ENV", "PROMPT_COMMAND", "GIT_*", "NPM_CONFIG_*", "PIP_*", "*_PROXY",
}

func refusedFromHost(name string) string {
	for _, pattern := range hostOnly {
		if ok, _ := path.Match(pattern, strings.ToUpper(name)); ok {
			return pattern
		}
	}
	return ""
}

// parseEnvFile reads Docker's syntax: NAME=VALUE a line, # comments, no quotes and no expansion.
func parseEnvFile(file, text string) ([]sandbox.Env, error) {
	var out []sandbox.Env
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(strings.TrimLeft(line, " \t"), "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fault.New(fault.Usage, "NAME=value", "%s:%d: %q is not a variable", file, i+1, name)
		}
		out = append(out, sandbox.Env{Name: name, Value: value, Secret: true})
	}
	return out, nil
}
