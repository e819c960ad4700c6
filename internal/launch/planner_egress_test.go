package launch

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/hardening"
	"berth/internal/config"
	"berth/internal/egress"
	"berth/internal/host"
	"berth/internal/sandbox"
)

// listPlan is a plan whose egress is a list.
func listPlan(t *testing.T, list string, change func(*Input)) *Plan {
	t.Helper()
	in := planInput(t, "~/shop:/workspace", config.Flag{Key: "egress", Name: "--egress", Values: []string{list}})
	change(&in)
	plan, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func says(p *Plan, want string) bool { return strings.Contains(p.String(), want) }

func TestWhatWasAllowedBeforeIsOnTheListAndCounted(t *testing.T) {
	before := func(in *Input) { in.Allowed = []string{"registry.example:443"} }
	p := listPlan(t, "git.example:443", before)
	if want := "egress list: only git.example:443, registry.example:443 (1 allowed by you before)"; !says(p, want) {
		t.Errorf("%q is not in\n%s", want, p)
	}
	if got := words(p.Listed()); got != "git.example:443" {
		t.Errorf("the configuration lists %s", got)
	}
	if p := listPlan(t, "on", before); says(p, "allowed by you") || len(p.Egress.Allow) > 0 {
		t.Errorf("where every public host is reached, nothing was allowed before:\n%s", p)
	}
}

func TestAnotherEgressIsAnotherPlanButNotWhatWasAllowedMeanwhile(t *testing.T) {
	base := listPlan(t, "git.example:443", func(*Input) {})
	allowed := listPlan(t, "git.example:443", func(in *Input) { in.Allowed = []string{"registry.example:443"} })
	if base.asked() != allowed.asked() {
		t.Errorf("%s and %s", base.asked(), allowed.asked())
	}
	if wider := listPlan(t, "git.example:443,@llm", func(*Input) {}); base.asked() == wider.asked() {
		t.Errorf("both are %s", wider.asked())
	}
}

func TestPackagesAreWhatTheClientsOfImageAndHostName(t *testing.T) {
	settings := func(in *Input) {
		image := in.Observation.Images["acme/agent:1"]
		image.Env = []string{"PIP_INDEX_URL=https://pip.example/simple"}
		in.Observation.Images["acme/agent:1"] = image
		in.Host.Env["GOPROXY"] = "https://go.example,direct"
		in.Clients = []egress.File{{Path: "/home/me/.npmrc", Text: "registry=https://npm.example:8443/\n@shop:registry=http://10.0.0.7:4873/\n"}}
	}
	p := listPlan(t, "@packages", settings)
	if want := "egress list: only @packages; @packages: pip.example:443, npm.example:8443, go.example:443"; !says(p, want) {
		t.Errorf("%q is not in\n%s", want, p)
	}
	want := `@packages leaves out npm: /home/me/.npmrc @shop:registry: "10.0.0.7:4873": an IP address; egress takes names; ` +
		`if it is a private target: egress_private = ["10.0.0.7:4873"] in your own configuration`
	if !slices.Contains(p.Warnings, want) {
		t.Errorf("it is warned of %q", p.Warnings)
	}
	if p := listPlan(t, "git.example:443", settings); len(p.Egress.Packages) > 0 || len(p.Warnings) > 1 {
		t.Errorf("nobody asked for @packages: %v %q", p.Egress.Packages, p.Warnings)
	}
	if p := listPlan(t, "@packages", func(*Input) {}); !says(p, "@packages: no client's settings name a host, each one's first refusal offers it") {
		t.Errorf("got\n%s", p)
	}
}

func TestClientsInsideTrustWhatTheHostsEnvironmentNames(t *testing.T) {
	trusting := func(in *Input) { in.Trusts = "SSL_CERT_FILE" }
	p := listPlan(t, "git.example:443", trusting)
	if !says(p, "  trusts  the certificates that SSL_CERT_FILE names on this machine\n") {
		t.Errorf("the plan does not say so:\n%s", p)
	}
	mount := sandbox.Mount{Kind: sandbox.Bind, Source: path.Join(p.Dir, "ca.pem"), Target: "/.berth/ca.pem", ReadOnly: true}
	if !slices.Contains(p.Spec.Mounts, mount) {
		t.Errorf("mounted are %v", p.Spec.Mounts)
	}
	for _, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "CURL_CA_BUNDLE", "CARGO_HTTP_CAINFO"} {
		if !hasEnv(p.Spec.Env, name, "/.berth/ca.pem") {
			t.Errorf("%s is not set", name)
		}
	}
	for name, p := range map[string]*Plan{
		"off":            listPlan(t, "off", trusting),
		"no such wish":   listPlan(t, "on", func(*Input) {}),
		"off, no wishes": listPlan(t, "off", func(*Input) {}),
	} {
		if says(p, "trusts") || slices.ContainsFunc(p.Spec.Mounts, func(m sandbox.Mount) bool { return m.Target == "/.berth/ca.pem" }) {
			t.Errorf("%s:\n%s", name, p)
		}
	}
	own := listPlan(t, "on", func(in *Input) {
		trusting(in)
		in.Host.Env["SSL_CERT_FILE"] = "/company.pem"
		in.Settings.EnvFromHost = []string{"SSL_CERT_FILE"}
	})
	if !hasEnv(own.Spec.Env, "SSL_CERT_FILE", "/company.pem") {
		t.Error("the user's own variable does not win")
	}
}

func TestGitOverSSHSaysWhatToDoUnlessSomebodyIsReachedDirectly(t *testing.T) {
	set := func(p *Plan) bool {
		return slices.ContainsFunc(p.Spec.Env, func(v sandbox.Env) bool { return v.Name == "GIT_SSH_COMMAND" })
	}
	if !set(listPlan(t, "git.example:443", func(*Input) {})) || !set(listPlan(t, "on", func(*Input) {})) {
		t.Error("git over ssh says nothing in a sealed sandbox")
	}
	if set(listPlan(t, "off", func(*Input) {})) {
		t.Error("where nothing is reached, https is no way either")
	}
	near := &builder{plan: &Plan{Egress: egress.Policy{Mode: egress.On}, Joined: []Joined{{Peers: []Peer{{Name: "git"}}}}}, in: Input{Host: host.Facts{}}}
	vars := map[string]sandbox.Env{}
	near.proxied(vars)
	if _, is := vars["GIT_SSH_COMMAND"]; is {
		t.Error("a neighbour may be reached by ssh")
	}
}

func TestAGatewayStartedAgainKnowsWhatWasAllowedForGoodMeanwhile(t *testing.T) {
	f := newFixture(t)
	p := listPlan(t, "git.example:443", func(in *Input) { in.Allowed = []string{"old.example:443"} })
	for _, target := range []string{"one.example:443", "two.example:443"} {
		if err := f.Store.Allow("/home/me/shop", target); err != nil {
			t.Fatal(err)
		}
	}
	policy, err := f.policyNow(p, "/home/me/shop")
	if got := words(policy.Allow); err != nil || got != "git.example:443, one.example:443, two.example:443" {
		t.Errorf("%s is allowed, %v", got, err)
	}
	if policy, err := f.policyNow(p, "/home/me/other"); err != nil || words(policy.Allow) != "git.example:443" {
		t.Errorf("another project has %s, %v", words(policy.Allow), err)
	}
}

// Whether a project's file must be trusted for its egress hangs on what the profile has anyway.
func TestAProjectsEgressIsWiderThanTheProfilesWhereHardeningSaysSo(t *testing.T) {
	for _, profile := range hardening.Profiles() {
		for rank, mode := range egress.Modes {
			dir := t.TempDir()
			user, project := filepath.Join(dir, "config.toml"), filepath.Join(dir, ".berth.toml")
			for path, text := range map[string]string{user: "profile = '" + string(profile) + "'\n", project: "egress = '" + string(mode) + "'\n"} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := config.Load(config.Input{UserFile: user, ProjectFile: project, Home: "/home/me", WorkDir: dir})
			var untrusted *config.UntrustedError
			asks := errors.As(err, &untrusted)
			wider := rank > slices.Index(egress.Modes, egress.Mode(hardening.EgressOf(profile)))
			if asks != wider || err != nil && !asks {
				t.Errorf("profile %s, egress %s: %v", profile, mode, err)
			}
		}
	}
}
