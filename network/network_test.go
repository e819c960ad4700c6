package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestParseListForms(t *testing.T) {
	rows := []struct {
		in       string
		names    []string
		warnings []WarningKind
	}{
		{"", nil, nil}, {"  \n ", nil, nil}, {"()", nil, nil}, {"[ ]", nil, nil}, {"[,]", nil, nil},
		{`["a", "b",]`, []string{"a", "b"}, nil},
		{`('a', "b")`, []string{"a", "b"}, nil},
		{"[\n  \"a\",\n  \"b\"\n]\n", []string{"a", "b"}, nil},
		{"a\r\nb\r\n", []string{"a", "b"}, nil},
		{`"a b", c`, []string{"a b", "c"}, nil},
		{`'a,b'`, []string{"a,b"}, nil},
		{`["", " a ", "\u65e5本"]`, []string{"a", "日本"}, nil},
		{`['it\'s', "say \"x\""]`, []string{"it's", `say "x"`}, nil},
		{`["a]", "(b"]`, []string{"a]", "(b"}, nil},
		{"[a, 'b']", []string{"a", "b"}, []WarningKind{Bare}},
		{`"[a]"`, []string{"a"}, []WarningKind{Quoted, Bare}},
		{`"('a',)"`, []string{"a"}, []WarningKind{Quoted}},
		{"a,a,b,b,b", []string{"a", "b"}, []WarningKind{Twice, Twice}},
		{"o'neil, x(1)", []string{"o'neil", "x(1)"}, nil},
		{"5, true", []string{"5", "true"}, nil},
	}
	for _, r := range rows {
		names, warnings, err := ParseList(r.in)
		kinds := []WarningKind{}
		for _, w := range warnings {
			kinds = append(kinds, w.Kind)
		}
		if err != nil || !slices.Equal(names, r.names) || !slices.Equal(kinds, r.warnings) {
			t.Errorf("%q: %q %v %v; want %q %v", r.in, names, kinds, err, r.names, r.warnings)
		}
	}
}

func TestParseListErrors(t *testing.T) {
	rows := []struct {
		in      string
		kind    ErrorKind
		element int
		text    string
	}{
		{`["a",`, Unclosed, 0, `["a",: the list is not closed, "]" is missing`},
		{`('a'`, Unclosed, 0, `('a': the list is not closed, ")" is missing`},
		{`["a")`, Unclosed, 0, `["a"): the list is not closed, "]" is missing`},
		{`["a]"`, Unclosed, 0, `["a]": the list is not closed, "]" is missing`},
		{`["a"] x`, CannotRead, 0, `["a"] x: something follows the closing "]"`},
		{`["a", 5]`, NotString, 2, `["a", 5]: element 2 (5) is not a string`},
		{`[null]`, NotString, 1, `[null]: element 1 (null) is not a string`},
		{`[True]`, NotString, 1, `[True]: element 1 (True) is not a string`},
		{`[["a", "b"]]`, NotString, 1, `[["a", "b"]]: element 1 (["a", "b"]) is not a string`},
		{`["a", {"b": 1}]`, NotString, 2, `["a", {"b": 1}]: element 2 ({"b": 1}) is not a string`},
		{`{"a": 1}`, NotList, 0, `{"a": 1}: is not a list`},
		{`["a" "b"]`, CannotRead, 1, `["a" "b"]: element 1 ("a" "b") is not one quoted name; is a comma missing?`},
		{`[a, "b]`, CannotRead, 2, `[a, "b]: element 2 ("b) is not one quoted name; is a comma missing?`},
		{`[a "b"]`, CannotRead, 1, `[a "b"]: element 1 (a "b") is not one name; is a quote missing?`},
		{`"a" b, c`, CannotRead, 1, `"a" b, c: element 1 ("a" b) is not one quoted name`},
		{`["a\"]`, CannotRead, 1, `["a\"]: element 1 ("a\") is not one quoted name; is a comma missing?`},
	}
	for _, r := range rows {
		_, _, err := ParseList(r.in)
		var e *Error
		if !errors.As(err, &e) || e.Kind != r.kind || e.Element != r.element || err.Error() != r.text || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v\nwant %s", r.in, err, r.text)
		}
	}
}

// What is accepted, written as JSON, is accepted again, means the same and needs no warning.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{`["a", 'b']`, "a,b\nc", `"[a]"`, "('x',)", `["\u00e9"]`, `"a\"b"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		names, _, err := ParseList(in)
		if err != nil || strings.ToValidUTF8(in, "") != in {
			return
		}
		parts := make([]string, len(names))
		for i, n := range names {
			parts[i] = jsonString(n)
		}
		again, warnings, err := ParseList("[" + strings.Join(parts, ",") + "]")
		if err != nil || len(warnings) > 0 || !slices.Equal(again, names) {
			t.Fatalf("%q: %q, then %q %v %v", in, names, again, warnings, err)
		}
	})
}

func jsonString(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

func labelled(id, name, project, key string) Network {
	return Network{ID: id, Name: name, Driver: "bridge", Scope: "local", Labels: map[string]string{ProjectLabel: project, KeyLabel: key}}
}

func TestResolveSaysWhatToDo(t *testing.T) {
	shop, blog := labelled("a1", "shop_cache", "shop", "cache"), labelled("b1", "blog_cache", "blog", "cache")
	loose := Network{ID: "c1", Name: "old_cache", Driver: "bridge"}
	lan := Network{ID: "d1d1d1d1d1d1d1", Name: "lan", Driver: "ipvlan"}
	engine := Network{ID: "e1e1e1e1e1e1e1", Name: "host", Driver: "host"}
	explicit := Scope{Project: "web", Explicit: true, Where: "--compose-project"}
	rows := []struct {
		name     string
		networks []Network
		scope    Scope
		kind     ErrorKind
		text     string
		hint     string
	}{
		{"host", nil, Scope{}, HostMode, "host: is the host's own network, and a sandbox shares nobody's namespace", "name the networks it needs, or none"},
		{"service:web", nil, Scope{}, ContainerMode, "service:web: is another container's network, and a sandbox shares nobody's namespace",
			"name the network which that container is on"},
		{"cache", []Network{shop, blog}, Scope{}, Ambiguous, "cache: is in several compose projects: blog (blog_cache), shop (shop_cache)",
			"write the full name, or say which project: COMPOSE_PROJECT_NAME=blog"},
		{"cache", []Network{shop}, explicit, NotInProject, "cache: compose project web (--compose-project) has no such network; others have it: shop (shop_cache)",
			"write the full name, or start the project: docker compose -p web up -d"},
		{"cache", []Network{{ID: "f", Name: "web_cache"}}, explicit, NotInProject, "cache: compose project web (--compose-project) has no such network; web_cache was not made by compose",
			"write web_cache, if you mean that one"},
		{"cache", []Network{shop, {ID: "f", Name: "web_cache"}}, explicit, NotInProject,
			"cache: compose project web (--compose-project) has no such network; others have it: shop (shop_cache); web_cache was not made by compose",
			"write web_cache, if you mean that one"},
		{"cache", nil, explicit, NotInProject, "cache: compose project web (--compose-project) has no such network", "docker compose -p web up -d"},
		{"web/cache", []Network{shop}, Scope{}, NotInProject, "web/cache: compose project web (web/cache) has no such network; others have it: shop (shop_cache)",
			"write the full name, or start the project: docker compose -p web up -d"},
		{"cache", []Network{loose}, Scope{}, NotFound, "cache: no such network; near it: old_cache", "write the full name of the one you mean"},
		{"db", []Network{loose}, Scope{Project: "shop"}, NotFound, "db: no such network", "docker compose up -d, or docker network create db"},
		{"d1d1d1d1d1d1", []Network{lan}, Scope{}, LANDriver, "d1d1d1d1d1d1 (lan): has the driver ipvlan: every neighbour on the LAN reaches every port of the sandbox",
			`set allow_lan_networks = ["lan"] in your own configuration, if the LAN may reach the sandbox`},
		{"e1e1e1e1e1e1", []Network{engine}, Scope{}, HostMode, "host: is the host's own network, and a sandbox shares nobody's namespace", "name the networks it needs, or none"},
	}
	for _, r := range rows {
		_, err := Resolve(r.name, r.networks, r.scope, nil)
		var e *Error
		if !errors.As(err, &e) || e.Kind != r.kind || err.Error() != r.text || fault.HintOf(err) != r.hint {
			t.Errorf("%s: %v\n  hint %s\nwant %s\n  hint %s", r.name, err, fault.HintOf(err), r.text, r.hint)
		}
	}
}

func TestTheWordHostIsAKeyLikeAnyOther(t *testing.T) {
	n := labelled("a1", "shop_host", "shop", "host")
	choice, err := Resolve("shop/host", []Network{n}, Scope{}, nil)
	if err != nil || choice.How != ByProject || choice.Network.ID != "a1" {
		t.Errorf("%+v, %v", choice, err)
	}
}

func TestAFullNameBeatsTheScope(t *testing.T) {
	networks := []Network{labelled("a1", "cache", "blog", "x"), labelled("b1", "shop_cache", "shop", "cache")}
	choice, err := Resolve("cache", networks, Scope{Project: "shop", Explicit: true}, nil)
	if err != nil || choice.Network.ID != "a1" || choice.How != ByName {
		t.Errorf("%+v, %v", choice, err)
	}
}

func TestTheFolderByTheV1RuleCountsOnlyWithoutTheV2Project(t *testing.T) {
	v1, v2 := labelled("a1", "_shop_cache", "_shop", "cache"), labelled("b1", "shop_cache", "shop", "cache")
	scope := Scope{Project: "shop", V1: "_shop"}
	rows := []struct {
		networks []Network
		want     string
	}{{[]Network{v1}, "a1"}, {[]Network{v1, v2}, "b1"}, {[]Network{v2}, "b1"}}
	for _, r := range rows {
		if choice, err := Resolve("cache", r.networks, scope, nil); err != nil || choice.Network.ID != r.want || choice.How != ByProject {
			t.Errorf("%+v, %v; want %s", choice, err, r.want)
		}
	}
}

func TestScopeDetails(t *testing.T) {
	file := func(text string) map[string]string { return map[string]string{"/s/app/compose.yaml": text} }
	rows := []struct {
		what  string
		place Place
		want  Scope
	}{
		{"an empty variable counts as unset", Place{Environ: map[string]string{"COMPOSE_PROJECT_NAME": ""}, Files: file("")},
			Scope{Project: "app", V1: "app", Origin: FromFolder, Where: "compose file /s/app/compose.yaml"}},
		{"config beats the variable", Place{Config: "a", Environ: map[string]string{"COMPOSE_PROJECT_NAME": "b"}},
			Scope{Project: "a", Explicit: true, Origin: FromConfig, Where: "compose_project"}},
		{"quotes and comment", Place{Files: file("# x\nname: \"My App\" # the name\n")},
			Scope{Project: "myapp", Origin: FromName, Where: "name in /s/app/compose.yaml"}},
		{"an indented name is none", Place{Files: file("services:\n  name: x\n")},
			Scope{Project: "app", V1: "app", Origin: FromFolder, Where: "compose file /s/app/compose.yaml"}},
		{"a variable of .env in the name", Place{Files: map[string]string{"/s/app/compose.yml": "name: $P-x\n", "/s/app/.env": "export P='dot' # c\n"}},
			Scope{Project: "dot-x", Origin: FromName, Where: "name in /s/app/compose.yml"}},
		{"a variable nobody sets", Place{Files: file("name: ${P}\n")},
			Scope{Project: "app", V1: "app", Origin: FromFolder, Where: "compose file /s/app/compose.yaml"}},
		{".env above the compose file does not count", Place{Cwd: "/s/app/in", Files: map[string]string{"/s/app/docker-compose.yml": "", "/s/.env": "COMPOSE_PROJECT_NAME=x", "/s/app/in/.env": "COMPOSE_PROJECT_NAME=y"}},
			Scope{Project: "app", V1: "app", Origin: FromFolder, Where: "compose file /s/app/docker-compose.yml"}},
		{"the quoted value of .env", Place{Files: map[string]string{"/s/app/compose.yaml": "", "/s/app/.env": "\n#COMPOSE_PROJECT_NAME=no\nCOMPOSE_PROJECT_NAME = \"dot\"\r\n"}},
			Scope{Project: "dot", Origin: FromDotenv, Where: "/s/app/.env"}},
		{"a compose file at the root", Place{Cwd: "/x/y", Files: map[string]string{"/compose.yaml": "name: top"}},
			Scope{Project: "top", Origin: FromName, Where: "name in /compose.yaml"}},
		{"a folder without a name compose could use", Place{Cwd: "/s/日本", Files: map[string]string{"/s/日本/compose.yaml": ""}}, Scope{}},
	}
	for _, r := range rows {
		if r.place.Cwd == "" {
			r.place.Cwd = "/s/app"
		}
		if got, err := FindScope(r.place); err != nil || got != r.want {
			t.Errorf("%s: %+v, %v\nwant %+v", r.what, got, err, r.want)
		}
	}
}

func TestScopeErrors(t *testing.T) {
	rows := []struct {
		place Place
		text  string
		hint  string
	}{
		{Place{Flag: "My P"}, `--compose-project: "My P" cannot be the name of a compose project`, "write myp"},
		{Place{Flag: "日本"}, `--compose-project: "日本" cannot be the name of a compose project`, "write small letters, digits, - and _ only"},
		{Place{Cwd: "/s", Files: map[string]string{"/s/compose.yaml": "", "/s/.env": "COMPOSE_PROJECT_NAME=A B"}}, `/s/.env: "A B" cannot be the name of a compose project`, "write ab"},
		{Place{Cwd: "/s", Files: map[string]string{"/s/compose.yaml": ""}, Containers: []Container{{"two", "/s/"}, {"one", "/s"}, {"one", "/s"}}},
			"/s: containers of several compose projects were started there: one, two", "say which with --compose-project or COMPOSE_PROJECT_NAME"},
	}
	for _, r := range rows {
		if _, err := FindScope(r.place); err == nil || err.Error() != r.text || fault.HintOf(err) != r.hint {
			t.Errorf("%v, hint %s\nwant %s, hint %s", err, fault.HintOf(err), r.text, r.hint)
		}
	}
}

func TestCandidatesClimbToTheRoot(t *testing.T) {
	got := Candidates("/a/b")
	if len(got) != 15 || got[0] != "/a/b/compose.yaml" || got[4] != "/a/b/.env" || got[14] != "/.env" {
		t.Errorf("%q", got)
	}
}

func TestFillFollowsCompose(t *testing.T) {
	set := map[string]string{"A": "x", "E": ""}
	lookup := func(name string) (string, bool) { v, ok := set[name]; return v, ok }
	rows := map[string]string{
		"$A-b": "x-b", "${A}b": "xb", "${U:-d}": "d", "${E:-d}": "d", "${E-d}": "", "${U-d}": "d", "${U:-${A}}": "x", "$$A": "$A",
		"${A:+y}": "y", "${U:+y}": "", "${E+y}": "y", "${A:?no}": "x", "${U:?no}": "", "a$": "a$", "${A": "x", "$U": "", "": "",
	}
	for in, want := range rows {
		if got := fill(in, lookup); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestPickSubnet(t *testing.T) {
	p := netip.MustParsePrefix
	list := func(texts ...string) []netip.Prefix {
		var out []netip.Prefix
		for _, text := range texts {
			out = append(out, p(text))
		}
		return out
	}
	pool := "10.83.0.0/16"
	rows := []struct {
		what             string
		pool             string
		networks, routes []netip.Prefix
		want, route      string
	}{
		{"the first", pool, nil, nil, "10.83.0.0/28", ""},
		{"the next", pool, list("10.83.0.0/28", "10.83.0.16/28"), nil, "10.83.0.32/28", ""},
		{"a wide network", pool, list("10.83.0.0/24"), list("172.17.0.0/16"), "10.83.1.0/28", ""},
		{"a host on the way", pool, nil, list("10.83.0.5/32"), "10.83.0.16/28", ""},
		{"the default route does not count", pool, nil, list("0.0.0.0/0", "::/0"), "10.83.0.0/28", ""},
		{"a VPN over all of it is named", pool, list("10.83.0.0/28"), list("10.0.0.0/8", "10.83.0.16/28"), "10.83.0.32/28", "10.0.0.0/8"},
		{"a VPN over half of it is avoided", pool, nil, list("10.83.0.0/17"), "10.83.128.0/28", ""},
		{"a pool of one", "192.168.7.16/28", nil, nil, "192.168.7.16/28", ""},
		{"the end of all addresses", "255.255.255.224/27", list("255.255.255.224/28"), nil, "255.255.255.240/28", ""},
	}
	for _, r := range rows {
		got, err := PickSubnet(p(r.pool), r.networks, r.routes)
		route := ""
		if got.Route.IsValid() {
			route = got.Route.String()
		}
		if err != nil || got.Prefix.String() != r.want || route != r.route {
			t.Errorf("%s: %v, %v; want %s %s", r.what, got, err, r.want, r.route)
		}
	}
	_, err := PickSubnet(p("10.83.0.0/28"), list("10.83.0.0/16"), nil)
	if err == nil || err.Error() != "10.83.0.0/28: every range of this pool is in use by a network of the engine or a route of the host" {
		t.Errorf("%v", err)
	}
}
