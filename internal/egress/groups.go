package egress

import (
	"slices"
	"strings"
)

// packages is the group that stands for what the package clients' own settings name.
const packages = "packages"

// groups are the hosts that coding agents ask for most. They are channels out: whoever has an account there can be
// written to. Hosts of one customer of a cloud are not here: their owner names them.
var groups = map[string][]string{
	"llm": {
		"api.anthropic.com:443", "api.openai.com:443", "generativelanguage.googleapis.com:443", "api.mistral.ai:443",
		"api.deepseek.com:443", "api.x.ai:443", "api.groq.com:443", "api.cohere.com:443", "api.together.xyz:443",
		"api.fireworks.ai:443", "api.perplexity.ai:443", "api.moonshot.ai:443", "openrouter.ai:443",
		"llm-proxy.app.all-hands.dev:443",
	},
	"git-host": {
		"github.com:443", "api.github.com:443", "codeload.github.com:443", "uploads.github.com:443",
		"raw.githubusercontent.com:443", "objects.githubusercontent.com:443", "media.githubusercontent.com:443",
		"release-assets.githubusercontent.com:443", "github-cloud.githubusercontent.com:443",
		"gitlab.com:443", "bitbucket.org:443", "api.bitbucket.org:443", "codeberg.org:443", "git.sr.ht:443",
		"dev.azure.com:443",
	},
	packages: nil,
}

// GroupNames gives the groups' names in the order of the alphabet, without the @.
func GroupNames() []string {
	names := make([]string, 0, len(groups))
	for name := range groups {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Members gives what a group of its own stands for, nil for no such group and for @packages.
func Members(group string) []Rule {
	rules, err := ParseRules(groups[strings.TrimPrefix(group, "@")])
	if err != nil {
		panic(err) // the table above is wrong: its test says so
	}
	return rules
}

// secondLevels stand below a country's top and belong to its registry ("co.uk", "com.br", "ac.jp").
var secondLevels = strings.Fields("ac co com edu go gob gouv gov gv id in info ltd mil ne net nom nom or org plc sch web")

// tenants are suffixes below which anybody can have a name, beside the tops and secondLevels.
var tenants = strings.Fields(`
	amazonaws.com appspot.com azure-api.net azurecontainerapps.io azureedge.net azurefd.net azurewebsites.net
	blogspot.com cdn77.org cloudapp.azure.com cloudapp.net cloudflare.net cloudfront.net cloudfunctions.net
	codeberg.page core.windows.net ddns.net deno.dev digitaloceanspaces.com duckdns.org dyndns.org edgekey.net
	fastly.net firebaseapp.com firebaseio.com fly.dev github.io githubusercontent.com gitlab.io googleusercontent.com
	herokuapp.com hf.space linodeobjects.com loca.lt mybluemix.net netlify.app ngrok-free.app ngrok.app ngrok.io
	nip.io now.sh onrender.com ondigitalocean.app openai.azure.com pages.dev r2.dev railway.app readthedocs.io repl.co
	replit.app run.app sslip.io streamlit.app surge.sh trafficmanager.net traefik.me trycloudflare.com vercel.app
	web.app windows.net workers.dev wpengine.com`)

// shared tells whether names below host belong to many owners. The public suffix list has thousands more; these are
// what a tired user would write.
func shared(host string) bool {
	labels := strings.Split(host, ".")
	if len(labels) == 1 {
		return true
	}
	if len(labels) == 2 && len(labels[1]) == 2 && slices.Contains(secondLevels, labels[0]) {
		return true
	}
	return slices.ContainsFunc(tenants, func(t string) bool { return host == t || strings.HasSuffix(host, "."+t) && cloud(t) })
}

// cloud tells whether deeper names of a suffix are regions and services, and no owners ("s3.eu-west-1.amazonaws.com").
func cloud(suffix string) bool {
	return suffix == "amazonaws.com" || suffix == "core.windows.net" || suffix == "windows.net"
}
