package egress

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestRulesAreReadAndPrinted(t *testing.T) {
	rows := map[string]string{
		"example.com:443":            "example.com:443",
		"API.Example.COM.:8443":      "api.example.com:8443",
		"*.example.com:443":          "*.example.com:443",
		"*.a.example.com.:0443":      "*.a.example.com:443",
		"xn--bcher-kva.example:443":  "xn--bcher-kva.example:443",
		"under_score.example.com:1":  "under_score.example.com:1",
		"9.example.com:65535":        "9.example.com:65535",
		"*.bucket.example.co.uk:443": "*.bucket.example.co.uk:443",
		"user.github.io:443":         "user.github.io:443",
		"*.user.github.io:443":       "*.user.github.io:443",
		"@llm":                       "@llm",
		"@git-host":                  "@git-host",
		"@packages":                  "@packages",
	}
	for text, want := range rows {
		if r, err := ParseRule(text); err != nil || r.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, r, err, want)
		}
	}
}

func TestRulesThatAreRefusedSayWhatToWriteInstead(t *testing.T) {
	long := strings.Repeat("a", 64)
	rows := []struct{ text, reason, hint string }{
		{"", `"": empty`, usualForm},
		{"https://api.example.com", `"https://api.example.com": a URL; egress takes host and port`, `write "api.example.com:443"`},
		{"http://me:pw@example.com/x?y", `"http://me:pw@example.com/x?y": a URL; egress takes host and port`, `write "example.com:80"`},
		{"https://*.example.com:8443/", `"https://*.example.com:8443/": a URL; egress takes host and port`, `write "*.example.com:8443"`},
		{"ftp://", `"ftp://": a URL; egress takes host and port`, usualForm},
		{"example.com/simple", `"example.com/simple": more than host and port`, `write "example.com:443"`},
		{"git@example.com:owner/repo", `"git@example.com:owner/repo": more than host and port`, `write "example.com:443"`},
		{"example.com", `"example.com": the port is missing`, `write "example.com:443"`},
		{"*.example.com", `"*.example.com": the port is missing`, `write "*.example.com:443"`},
		{"example.com:", `"example.com:": the port must be a number from 1 to 65535, not ""`, `write "example.com:443"`},
		{"example.com:0", `"example.com:0": the port must be a number from 1 to 65535, not "0"`, `write "example.com:443"`},
		{"example.com:65536", `"example.com:65536": the port must be a number from 1 to 65535, not "65536"`, `write "example.com:443"`},
		{"example.com:+443", `"example.com:+443": the port must be a number from 1 to 65535, not "+443"`, `write "example.com:443"`},
		{"example.com:https", `"example.com:https": the port must be a number from 1 to 65535, not "https"`, `write "example.com:443"`},
		{"example.com:*", `"example.com:*": the port must be a number from 1 to 65535, not "*"`, `write "example.com:443"`},
		{":443", `":443": the host is missing`, usualForm},
		{"*:443", `"*:443": too wide: a star alone is every host`, `egress = "on" lets every public host through`},
		{"*.com:443", `"*.com:443": too wide: names below com belong to many owners`, `name one owner's hosts: "*.example.com:443"`},
		{"*.co.uk:443", `"*.co.uk:443": too wide: names below co.uk belong to many owners`, `name one owner's hosts: "*.example.co.uk:443"`},
		{"*.github.io:443", `"*.github.io:443": too wide: names below github.io belong to many owners`, `name one owner's hosts: "*.example.github.io:443"`},
		{"*.s3.amazonaws.com:443", `"*.s3.amazonaws.com:443": too wide: names below s3.amazonaws.com belong to many owners`, `name one owner's hosts: "*.example.s3.amazonaws.com:443"`},
		{"*.:443", `"*.:443": the host is missing`, usualForm},
		{"*.*.example.com:443", `"*.*.example.com:443": a star may only stand at the beginning, before a dot`, `a star stands for whole names in front: "*.example.com:443"`},
		{"api-*.example.com:443", `"api-*.example.com:443": a star may only stand at the beginning, before a dot`, `a star stands for whole names in front: "*.example.com:443"`},
		{"203.0.113.7:443", `"203.0.113.7:443": an IP address; egress takes names`, "write the name that is looked up to it"},
		{"10.0.0.1:5432", `"10.0.0.1:5432": an IP address; egress takes names`, `if it is a private target: egress_private = ["10.0.0.1:5432"] in your own configuration`},
		{"[fd00::1]:443", `"[fd00::1]:443": an IP address; egress takes names`, `if it is a private target: egress_private = ["[fd00::1]:443"] in your own configuration`},
		{"fd00::1", `"fd00::1": the port is missing`, `write "[fd00::1]:443"`},
		{"[fe80::1%eth0]:443", `"[fe80::1%eth0]:443": an address with a zone is of one link only`, usualForm},
		{"127.1:443", `"127.1:443": "127.1" ends in a number, which is no host name and no complete IP address`, usualForm},
		{"0x7f.0.0.0x1:443", `"0x7f.0.0.0x1:443": "0x7f.0.0.0x1" ends in a number, which is no host name and no complete IP address`, usualForm},
		{"2130706433:443", `"2130706433:443": "2130706433" ends in a number, which is no host name and no complete IP address`, usualForm},
		{"db:5432", `"db:5432": a name without a dot is not a public host`, `if it is a private target: egress_private = ["db:5432"] in your own configuration`},
		{"localhost:80", `"localhost:80": a name without a dot is not a public host`, `if it is a private target: egress_private = ["localhost:80"] in your own configuration`},
		{"bücher.example:443", `"bücher.example:443": 'ü' is not ASCII`, "write the name in its ASCII form, which begins with xn--"},
		{"gіthub.com:443", `"gіthub.com:443": 'і' is not ASCII`, "write the name in its ASCII form, which begins with xn--"},
		{"a..example.com:443", `"a..example.com:443": the host has an empty part between two dots`, usualForm},
		{"-a.example.com:443", `"-a.example.com:443": the part "-a" of the host begins or ends with a hyphen`, usualForm},
		{"a b.example.com:443", `"a b.example.com:443": ' ' cannot stand in a host`, usualForm},
		{"a\x1b.example.com:443", `"a\x1b.example.com:443": '\x1b' cannot stand in a host`, usualForm},
		{long + ".example.com:443", `"` + long + `.example.com:443": a part of the host is longer than 63 characters`, usualForm},
		{strings.Repeat("a.", 150) + "com:443", `"` + strings.Repeat("a.", 150) + `com:443": the host is longer than 253 characters`, usualForm},
		{"@lmm", `"@lmm": there is no such group`, `did you mean "@llm"?`},
		{"@githost", `"@githost": there is no such group`, `did you mean "@git-host"?`},
		{"@everything", `"@everything": there is no such group`, "the groups are @git-host, @llm, @packages"},
		{"@llm:443", `"@llm:443": there is no such group`, "the groups are @git-host, @llm, @packages"},
	}
	for _, r := range rows {
		_, err := ParseRule(r.text)
		if err == nil || err.Error() != r.reason || fault.HintOf(err) != r.hint || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s:\n%v (%s)\nwant\n%s (%s)", r.text, err, fault.HintOf(err), r.reason, r.hint)
		}
	}
}

func TestAListNamesTheItemThatIsWrong(t *testing.T) {
	_, err := ParseRules([]string{"a.example:443", "*:443"})
	if err == nil || err.Error() != `item 2: "*:443": too wide: a star alone is every host` || fault.HintOf(err) != `egress = "on" lets every public host through` {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]string{
		"git.lan:443": "git.lan:443", "NAS:5000": "nas:5000", "10.0.0.7:8443": "10.0.0.7:8443", "[FD00::1]:22": "[fd00::1]:22",
		"[::ffff:10.0.0.7]:1": "10.0.0.7:1", "127.0.0.1:8080": "127.0.0.1:8080",
	} {
		if got, err := ParseTarget(text); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"git.lan":              `"git.lan": the port is missing`,
		"*.lan:443":            `"*.lan:443": egress_private takes no wildcard and no group`,
		"@llm":                 `"@llm": more than host and port`,
		"10.0.0.0/8":           `"10.0.0.0/8": more than host and port`,
		"0.0.0.0:80":           `"0.0.0.0:80": not the address of one host`,
		"224.0.0.1:80":         `"224.0.0.1:80": not the address of one host`,
		"http://git.lan:3000/": `"http://git.lan:3000/": a URL; egress_private takes host and port`,
	} {
		if _, err := ParseTarget(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func TestWhatARuleCovers(t *testing.T) {
	rows := []struct {
		rule, host string
		port       uint16
		want       bool
	}{
		{"example.com:443", "example.com", 443, true},
		{"example.com:443", "example.com", 80, false},
		{"example.com:443", "www.example.com", 443, false},
		{"*.example.com:443", "www.example.com", 443, true},
		{"*.example.com:443", "a.b.example.com", 443, true},
		{"*.example.com:443", "example.com", 443, false},
		{"*.example.com:443", "badexample.com", 443, false},
		{"*.example.com:443", "example.com.evil.example", 443, false},
		{"@llm", "llm", 443, false},
	}
	for _, r := range rows {
		rule, err := ParseRule(r.rule)
		if err != nil || rule.covers(r.host, r.port) != r.want {
			t.Errorf("%s covers %s:%d: %v, %v", r.rule, r.host, r.port, !r.want, err)
		}
	}
	if (Rule{}).covers("", 0) {
		t.Error("the zero rule names something")
	}
}

func TestEveryGroupIsMadeOfRules(t *testing.T) {
	for _, name := range GroupNames() {
		rules := Members(name)
		if (len(rules) == 0) != (name == packages) {
			t.Errorf("%s has %d members", name, len(rules))
		}
		for i, r := range rules {
			if r.group != "" || slices.Contains(rules[:i], r) {
				t.Errorf("%s: %s is a group, or named twice", name, r)
			}
		}
	}
}

func TestTheDocumentListsEveryGroup(t *testing.T) {
	text, err := os.ReadFile("../../docs/egress.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range GroupNames() {
		var hosts []string
		for _, r := range Members(name) {
			hosts = append(hosts, r.host)
		}
		slices.Sort(hosts)
		row := fmt.Sprintf("| `@%s` | %s |\n", name, strings.Join(hosts, " "))
		if len(hosts) > 0 && !strings.Contains(string(text), row) {
			t.Errorf("docs/egress.md lacks the row\n%s", row)
		}
	}
}

func TestAPolicyIsTheSameAfterJSON(t *testing.T) {
	allow, _ := ParseRules([]string{"a.example:443", "*.b.example:80", "@llm", "@packages"})
	targets, _ := ParseTargets([]string{"git.lan:443", "[fd00::1]:22"})
	want := Policy{Mode: List, Allow: allow, Private: targets, Packages: []Index{{allow[0], "pip: PIP_INDEX_URL"}}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Policy
	if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, %v", data, got, err)
	}
	if err := json.Unmarshal([]byte(`{"Allow":["*:443"]}`), &got); err == nil {
		t.Error("a rule that cannot be written can be sent")
	}
}

func TestOnlyTargetsThatAreLetThroughSoftenAPolicy(t *testing.T) {
	target, _ := ParseTarget("git.lan:443")
	for mode, want := range map[Mode]bool{Off: false, List: true, On: true, Direct: false} {
		if (Policy{Mode: mode, Private: []Target{target}}).Softened() != want || (Policy{Mode: mode}).Softened() {
			t.Errorf("%s: softened is not %v", mode, want)
		}
	}
}

func TestAPolicySaysWhatMayBeReached(t *testing.T) {
	allow, private := rules(t, "a.example:443", "@llm"), targets(t, "git.lan:443", "10.0.0.7:22")
	rows := map[string]Policy{
		"egress off": {Private: private},
		"egress list: nothing is named; no private addresses":                                {Mode: List},
		"egress list: a.example:443, @llm through berth; no private addresses":               {Mode: List, Allow: allow},
		"egress list: a.example:443, @llm through berth; softened: git.lan:443, 10.0.0.7:22": {Mode: List, Allow: allow, Private: private},
		"egress on: public hosts through berth, no private addresses":                        {Mode: On},
		"egress on: public hosts through berth, softened: git.lan:443, 10.0.0.7:22":          {Mode: On, Private: private},
		"egress direct: internet, LAN and this machine's services":                           {Mode: Direct, Private: private},
	}
	for want, p := range rows {
		if p.String() != want {
			t.Errorf("%s\nwant %s", p, want)
		}
	}
}

// Whatever is accepted is printed in a form that is read as the same; whatever is refused is quoted, so that no
// control character reaches a terminal.
func FuzzRule(f *testing.F) {
	for _, seed := range []string{"example.com:443", "*.a.example:1", "@llm", "[::1]:80", "https://x/y", "*:0", "a.:1", "xn--a.b:9", "\x1b:1", "1.2.3.4:5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRule(text); err == nil {
			if again, err := ParseRule(r.String()); err != nil || again != r {
				t.Fatalf("%q: %q, %v", text, again, err)
			}
			if r.group == "" && (!strings.Contains(r.host, ".") || r.port == 0 || r.host != strings.ToLower(r.host)) {
				t.Fatalf("%q: %+v", text, r)
			}
		} else if strings.ContainsFunc(err.Error()+fault.HintOf(err), func(r rune) bool { return r < ' ' }) {
			t.Fatalf("%q: %v", text, err)
		}
		if target, err := ParseTarget(text); err == nil {
			if again, err := ParseTarget(target.String()); err != nil || again != target {
				t.Fatalf("%q: %q, %v", text, again, err)
			}
		}
	})
}
