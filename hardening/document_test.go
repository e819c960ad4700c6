package hardening

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/internal/golden"
	"berth/internal/probe"
	"berth/internal/sandbox"
)

const securityDocument = "../docs/security.md"

// The tables in the document are the rules themselves: what stands between its marks is written anew with -update.
func TestTheDocumentsTablesAreTheRules(t *testing.T) {
	text, err := os.ReadFile(securityDocument)
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{
		"profiles": profileTable(t), "rules": ruleTables(t), "filters": filterTable(), "gates": gateTable(), "probes": probeTable(), "posture": posture(t),
	} {
		mark := regexp.MustCompile(`(?s)(<!-- ` + name + `: [^\n]*-->\n).*?(<!-- end -->)`)
		if !mark.Match(text) {
			t.Fatalf("no marks for %s", name)
		}
		text = mark.ReplaceAll(text, []byte("${1}\n"+strings.ReplaceAll(table, "$", "$$")+"\n${2}"))
	}
	golden.Check(t, securityDocument, text)
}

// wantedBy gives each rule's value in words under each profile, on an engine that lacks nothing.
func wantedBy(t *testing.T) map[string]map[Profile]string {
	t.Helper()
	out := map[string]map[Profile]string{}
	for _, p := range Profiles() {
		spec := documentSpec()
		if p == Compat {
			makeReadOnly(&spec)
		}
		_, findings, err := Harden(spec, p, nil, Facts{Engine: modernEngine(), Image: image()})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if out[f.Rule] == nil {
				out[f.Rule] = map[Profile]string{}
			}
			out[f.Rule][p] = f.Wanted
		}
	}
	return out
}

// documentSpec is the sandbox that the document's values are of.
func documentSpec() sandbox.Spec {
	spec := sandbox.Spec{Name: "shop", Image: sandbox.Image{Ref: "acme/agent:1", ID: imageDigest}}
	spec.Process.User, spec.Process.WorkDir = "1000:1000", "/workspace"
	spec.Process.Cmd = []string{"agent-server", "--port", "8000"}
	spec.Mounts = []sandbox.Mount{
		{Kind: sandbox.Bind, Source: "/home/me/shop", Target: "/workspace"},
		{Kind: sandbox.Bind, Source: "inside", Target: "/.berth/inside", ReadOnly: true},
		{Kind: sandbox.Bind, Source: "passwd", Target: "/etc/passwd", ReadOnly: true},
		{Kind: sandbox.Bind, Source: "group", Target: "/etc/group", ReadOnly: true},
	}
	spec.Network.Ports = []sandbox.Port{{Container: 8000, Host: netip.MustParseAddrPort("127.0.0.1:8010")}}
	return spec
}

// posture is that of Debian 12's engine, with every probe ending as this profile promises.
func posture(t *testing.T) string {
	facts := Facts{Engine: debian(), Image: image(), Networks: bridges(sandbox.Docker)}
	hardened, _, err := Harden(documentSpec(), Standard, nil, facts)
	if err != nil {
		t.Fatal(err)
	}
	probes := Probes{Agent: promised(probe.Setting{Level: probe.Standard, Sealed: true}), Root: promised(probe.Setting{Level: probe.Standard, Root: true, Sealed: true})}
	findings := Audit(hardened, hardened, Standard, nil, facts, probes)
	if !Good(findings) {
		t.Errorf("%+v", failures(findings))
	}
	return "```\n" + NewPosture(Standard, hardened, nil, facts, findings, probes).String() + "\n```\n"
}

func promised(s probe.Setting) []probe.Outcome {
	open := map[string]probe.Result{}
	for _, p := range probe.All() {
		if !p.MustBeClosed(s) {
			open[p.ID] = probe.Open
		}
	}
	return outcomes(open)
}

// profileTable shows the rules whose value depends on the profile.
func profileTable(t *testing.T) string {
	wanted := wantedBy(t)
	out := "| rule | compat | standard | strict | paranoid |\n|---|---|---|---|---|\n"
	for _, r := range rules {
		if r.ID == "identity" {
			continue // it holds the profile's own name
		}
		row, values := "| `"+r.ID+"` |", map[string]bool{}
		for _, p := range Profiles() {
			value, ok := wanted[r.ID][p]
			if !ok {
				value = "not asked for"
			}
			values[value] = true
			row += " " + cell(value) + " |"
		}
		if len(values) > 1 {
			out += row + "\n"
		}
	}
	return out
}

func ruleTables(t *testing.T) string {
	wanted, out := wantedBy(t), ""
	for _, group := range []struct {
		name  string
		rules []Rule
	}{
		{"Who and what runs", identityRules}, {"Isolation", isolationRules}, {"Files", fileRules},
		{"Network", networkRules}, {"Limits", limitRules},
	} {
		out += "### " + group.name + "\n\n| rule | standard | why | can be given up |\n|---|---|---|---|\n"
		for _, r := range group.rules {
			value, ok := wanted[r.ID][Standard]
			if !ok {
				value = "not asked for"
			}
			out += fmt.Sprintf("| `%s` | %s | %s | %s |\n", r.ID, cell(value), cell(r.Why), givenUp(r))
		}
		out += "\n"
	}
	return strings.TrimSuffix(out, "\n")
}

func givenUp(r Rule) string {
	switch {
	case r.Class == Fixed:
		return "no"
	case r.always:
		return "for another value"
	case r.parse != nil:
		return "yes, or for another value"
	}
	return "yes"
}

func filterTable() string {
	var out strings.Builder
	out.WriteString("| filter | allows | besides base |\n|---|---|---|\n")
	base := allowedBy("base")
	for _, name := range SeccompNames() {
		has := allowedBy(name)
		gone := slices.DeleteFunc(slices.Clone(base), func(c string) bool { return slices.Contains(has, c) })
		more := slices.DeleteFunc(slices.Clone(has), func(c string) bool { return slices.Contains(base, c) })
		text := "–"
		switch {
		case name == "compat":
			text = "32-bit programs, and what only they call"
		case len(gone) > 0 && len(more) > 0:
			text = "without " + strings.Join(gone, " ") + "; with " + strings.Join(more, " ") + ", and `clone` of any kind"
		case len(gone) > 0:
			text = "without " + strings.Join(gone, " ")
		}
		fmt.Fprintf(&out, "| `%s` | %d system calls | %s |\n", name, len(has), text)
	}
	return out.String()
}

func allowedBy(name string) []string {
	i := slices.IndexFunc(filters, func(f filter) bool { return f.name == name })
	return allowed(filters[i].document(), in32Bit)
}

func gateTable() string {
	out := "| | fact | what berth does | what you can do |\n|---|---|---|---|\n"
	for _, g := range gates {
		out += fmt.Sprintf("| %s | %s | %s | %s |\n", g.Severity, cell(g.Fact), cell(g.Berth), cell(g.Fix))
	}
	return out
}

// probeTable counts the probes of each class, and those that a profile leaves open on purpose.
func probeTable() string {
	out := "| class | probes | compat | standard | strict | paranoid |\n|---|---|---|---|---|---|\n"
	var classes []probe.Class
	for _, p := range probe.All() {
		if !slices.Contains(classes, p.Class) {
			classes = append(classes, p.Class)
		}
	}
	for _, class := range classes {
		n, open := 0, map[Profile]int{}
		for _, p := range probe.All() {
			if p.Class != class {
				continue
			}
			n++
			for _, profile := range Profiles() {
				sealed := EgressOf(profile) != Direct
				if !p.MustBeClosed(probe.Setting{Level: probe.Level(policies[profile].rank), Sealed: sealed}) {
					open[profile]++
				}
			}
		}
		out += fmt.Sprintf("| %s | %d | %d | %d | %d | %d |\n", class, n, open[Compat], open[Standard], open[Strict], open[Paranoid])
	}
	var left []string
	for _, o := range promised(probe.Setting{Level: probe.Standard, Sealed: true}) {
		if o.Result == probe.Open {
			left = append(left, "`"+o.ID+"`")
		}
	}
	return out + "\nOpen under `standard`: " + strings.Join(left, ", ") + ".\n"
}

func cell(text string) string {
	if text == "" {
		return "–"
	}
	return strings.ReplaceAll(text, "|", "\\|")
}
