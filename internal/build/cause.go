package build

import (
	"regexp"
	"strings"
)

// cause is a known reason for a failed step: signs in its last lines, the sentence, and what to do.
type cause struct {
	signs *regexp.Regexp
	why   string
	hint  string
}

const (
	again = "check the network and the proxy settings, then run the same command: finished parts are kept; " +
		"--image starter needs no packages"
	trust = "add your company's certificate to this machine's trusted ones, or name a bundle in SSL_CERT_FILE"
)

// causes are tried in order: a refused certificate also reads as an unreachable source.
var causes = []cause{
	{sign(`no space left on device`), "the engine's disk is full", "free space where the engine keeps its images, then run the same command"},
	{
		sign(`certificate verif|self.signed.cert|unable to get (local )?issuer|certificate is not trusted|unknown authority`),
		"a package source shows a certificate that this machine does not trust", trust,
	},
	{sign(`do not match the hashes`), "pip: a package differs from the pinned one", "berth build --no-cache workbench"},
	{sign(`npm err(or|!) code eintegrity`), "npm: a package differs from the pinned one", "berth build --no-cache workbench"},
	{
		sign(`release file.*(not valid yet|is expired)`),
		"apt: the package lists are not valid at this machine's time", "set this machine's clock, then run the same command",
	},
	{
		sign(`^(e|w|err:?\d*):? .*(failed to fetch|unable to (connect|locate package)|could not (resolve|connect|handshake)|temporary failure resolving|connection (timed out|failed))`),
		"apt: Debian's packages could not be reached", again,
	},
	{sign(`^e: (failed getting release|couldn't (download|find))`), "debootstrap: Debian's packages could not be reached", again},
	{
		sign(`npm err(or|!) (code (enotfound|econnrefused|econnreset|etimedout|eai_again|e5\d\d)|network)`),
		"npm: its packages could not be reached", again,
	},
	{
		sign(`failed to establish a new connection|name resolution|max retries exceeded|read timed out|connecttimeout|proxyerror|could not find a version|no matching distribution`),
		"pip: Python's packages could not be reached", again,
	},
}

func sign(pattern string) *regexp.Regexp { return regexp.MustCompile(`(?im)` + pattern) }

// explain looks for a known cause in the last lines; both are empty when there is none.
func explain(tail []string) (why, hint string) {
	text := strings.Join(tail, "\n")
	for _, c := range causes {
		if c.signs.MatchString(text) {
			return c.why, c.hint
		}
	}
	return "", ""
}
