package agentserver

import (
	"fmt"
	"strings"
	"time"
)

// Ending is how a container ended, as the engine tells it.
type Ending struct {
	Code      int
	OOMKilled bool
	Error     string        // the engine's own words, if it never started
	Ran       time.Duration // from start to end
	Tail      string        // last lines of its log
	Foreign   bool          // the image was made for other machines than the engine's
}

// sign maps what is seen of an ending to a sentence and a hint; the first that fits wins.
type sign struct {
	fits     func(Contract, Ending) bool
	sentence string
	hint     string
}

var signs = []sign{
	{func(_ Contract, e Ending) bool { return logged(e, "exec --host failed") },
		"the image's ENTRYPOINT was replaced, so the arguments reached its init", "take the ENTRYPOINT line out of the image's Dockerfile"},
	// An init that cannot run a program tries the shell next, and complains of that.
	{func(_ Contract, e Ending) bool {
		return logged(e, "exec format error") || e.Foreign && (e.Code == 126 || e.Code == 127)
	},
		"its program is for another architecture or is not a program", "choose an image for this engine's platform"},
	{func(_ Contract, e Ending) bool { return logged(e, "no such file or directory") && e.Code == 127 },
		"its program, or the interpreter or library it needs, is not in the image (a CRLF first line does this too)", "check the first line and the base of the image"},
	{func(_ Contract, e Ending) bool { return logged(e, "No command specified") },
		"the image has no command", "add an ENTRYPOINT or CMD to it"},
	{func(_ Contract, e Ending) bool {
		return logged(e, "unable to find user") || logged(e, "no matching entries in passwd")
	},
		"the image's user is not in its /etc/passwd", "add it with useradd, or use a numeric USER"},
	{func(c Contract, e Ending) bool { return c == OpenHands && e.Code == 1 && logged(e, "_DeadlockError") },
		"the agent server stopped while it fetched a price list without name resolution", "set LITELLM_LOCAL_MODEL_COST_MAP=True in its environment"},
	{func(_ Contract, e Ending) bool { return e.OOMKilled },
		"it used more memory than its limit and was killed", "raise memory"},
	{func(c Contract, e Ending) bool { return c.HasAPI() && e.Code == 3 },
		"the server did not start: its port is busy or a folder it writes to is not writable", "look at the log"},
	{func(_ Contract, e Ending) bool { return e.Code == 143 }, "it was stopped", ""},
	{func(_ Contract, e Ending) bool { return e.Code == 137 }, "it was killed", "if you did not do it, raise memory"},
	{func(_ Contract, e Ending) bool { return e.Code == 139 },
		"its program crashed, often because it runs under emulation", "choose an image for this engine's platform"},
	{func(_ Contract, e Ending) bool { return e.Code == 126 },
		"its program cannot be executed, or lies on a mount without exec", "look at its mode and at the mounts"},
	{func(_ Contract, e Ending) bool { return e.Code == 127 }, "its program was not found in the image", "check its ENTRYPOINT and CMD"},
	{func(_ Contract, e Ending) bool { return e.Code == 0 && e.Ran < 2*time.Second },
		"its main command ended at once", "give the image a command that keeps running"},
	{func(_ Contract, e Ending) bool { return e.Code == 0 }, "its main command ended", ""},
}

// Explain gives one sentence for a person, without the container's name, and a hint that may be empty.
func Explain(c Contract, e Ending) (sentence, hint string) {
	for _, s := range signs {
		if s.fits(c, e) {
			return s.sentence, s.hint
		}
	}
	if e.Error != "" {
		return "the engine could not start it: " + e.Error, ""
	}
	return fmt.Sprintf("it ended with exit code %d", e.Code), "look at the log"
}

func logged(e Ending, text string) bool {
	return strings.Contains(e.Error, text) || strings.Contains(e.Tail, text)
}
