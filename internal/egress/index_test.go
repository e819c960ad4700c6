package egress

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"berth/internal/fault"
)

func TestTheIndexesThatClientsAreSetTo(t *testing.T) {
	rows := []struct {
		behaviour string
		settings  Settings
		want      []string
	}{
		{"nothing set, nothing named", Settings{Env: map[string]string{"PATH": "https://x.example"}}, nil},
		{"pip's variables", Settings{Env: map[string]string{
			"PIP_INDEX_URL": "https://me:pw@py.example/simple", "PIP_EXTRA_INDEX_URL": "https://one.example:8443/simple http://two.example/", "PIP_FIND_LINKS": "/wheels",
		}}, []string{"one.example:8443 pip: PIP_EXTRA_INDEX_URL", "two.example:80 pip: PIP_EXTRA_INDEX_URL", "py.example:443 pip: PIP_INDEX_URL"}},
		{"pip's file", Settings{Files: []File{{"/etc/pip.conf", "# https://no.example\n[global]\nindex-url = https://py.example/simple\nextra_index_url =\n    https://one.example/simple\n    https://two.example/simple?a=b\ntimeout = 60\nproxy = http://no.example:3128\n"}}},
			[]string{"py.example:443 pip: /etc/pip.conf index-url", "one.example:443 pip: /etc/pip.conf extra_index_url", "two.example:443 pip: /etc/pip.conf extra_index_url"}},
		{"uv", Settings{Env: map[string]string{"UV_INDEX": "inner=https://uv.example/simple https://uw.example/simple", "UV_DEFAULT_INDEX": "https://ux.example"},
			Files: []File{{"/h/.config/uv/uv.toml", "extra-index-url = [\n  \"https://uy.example/simple\",\n]\n[[index]]\nname = \"a\"\nurl = \"https://uz.example/simple\"\n"}}},
			[]string{"ux.example:443 uv: UV_DEFAULT_INDEX", "uv.example:443 uv: UV_INDEX", "uw.example:443 uv: UV_INDEX",
				"uy.example:443 uv: /h/.config/uv/uv.toml extra-index-url", "uz.example:443 uv: /h/.config/uv/uv.toml url"}},
		{"npm", Settings{Env: map[string]string{"npm_config_registry": "https://n.example/"},
			Files: []File{{"/h/.npmrc", "registry=https://m.example/\n@shop:registry=https://s.example/npm/\n//s.example/npm/:_authToken=https://secret.example\n; x\n"}}},
			[]string{"n.example:443 npm: npm_config_registry", "m.example:443 npm: /h/.npmrc registry", "s.example:443 npm: /h/.npmrc @shop:registry"}},
		{"go", Settings{Env: map[string]string{"GOPROXY": "https://g.example|https://h.example,direct", "GOSUMDB": "sum.example+033de0ae+Ac4"},
			Files: []File{{"/h/.config/go/env", "GOSUMDB=key+1+2 https://db.example\nGOFLAGS=-mod=mod\n"}}},
			[]string{"g.example:443 go: GOPROXY", "h.example:443 go: GOPROXY", "sum.example:443 go: GOSUMDB", "db.example:443 go: /h/.config/go/env GOSUMDB"}},
		{"go without any", Settings{Env: map[string]string{"GOPROXY": "off", "GOSUMDB": "off"}}, nil},
		{"cargo", Settings{Env: map[string]string{"CARGO_REGISTRIES_INNER_INDEX": "sparse+https://c.example/index/"},
			Files: []File{{"/h/.cargo/config.toml", "[registries]\na = { index = \"sparse+https://d.example/i/\", token = \"https://secret.example\" }\n[source.b]\nregistry = \"https://e.example/git\"\n[http]\nproxy = \"https://no.example\"\n"}}},
			[]string{"c.example:443 cargo: CARGO_REGISTRIES_INNER_INDEX", "d.example:443 cargo: /h/.cargo/config.toml index", "e.example:443 cargo: /h/.cargo/config.toml registry"}},
		{"a host is named once, by who names it first", Settings{Env: map[string]string{"PIP_INDEX_URL": "https://one.example/pypi", "GOPROXY": "https://one.example/go"}},
			[]string{"one.example:443 pip: PIP_INDEX_URL"}},
		{"a file of nobody's", Settings{Files: []File{{"/h/notes", "registry=https://m.example/"}}}, nil},
	}
	for _, r := range rows {
		named, left := Indexes(r.settings)
		var got []string
		for _, index := range named {
			got = append(got, fmt.Sprint(index.Rule, " ", index.Source))
		}
		if !reflect.DeepEqual(got, r.want) || left != nil {
			t.Errorf("%s:\n%s\nwant\n%s\nleft %v", r.behaviour, strings.Join(got, "\n"), strings.Join(r.want, "\n"), left)
		}
	}
}

func TestAPrivateIndexIsLeftToTheUser(t *testing.T) {
	named, left := Indexes(Settings{Env: map[string]string{"PIP_INDEX_URL": "http://me:hunter2@10.0.0.3:3141/simple", "GOPROXY": "http://[fd00::1]:3000,http://athens/"}})
	want := []struct{ text, hint string }{
		{`pip: PIP_INDEX_URL: "10.0.0.3:3141": an IP address; egress takes names`, `if it is a private target: egress_private = ["10.0.0.3:3141"] in your own configuration`},
		{`go: GOPROXY: "[fd00::1]:3000": an IP address; egress takes names`, `if it is a private target: egress_private = ["[fd00::1]:3000"] in your own configuration`},
		{`go: GOPROXY: "athens:80": a name without a dot is not a public host`, `if it is a private target: egress_private = ["athens:80"] in your own configuration`},
	}
	if len(named) > 0 || len(left) != len(want) {
		t.Fatalf("%v, %v", named, left)
	}
	for i, err := range left {
		if err.Error() != want[i].text || fault.HintOf(err) != want[i].hint {
			t.Errorf("%v (%s)", err, fault.HintOf(err))
		}
	}
}

func TestEverySettingsFileHasAClient(t *testing.T) {
	for _, path := range SettingsFiles("/home/me") {
		named, _ := Indexes(Settings{Files: []File{{path, "index-url = https://a.example\nregistry = https://a.example\nGOPROXY=https://a.example\n"}}})
		if len(named) != 1 {
			t.Errorf("%s: %v", path, named)
		}
	}
}
