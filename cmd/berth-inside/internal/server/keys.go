package server

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Names of the variables that carry keys; no command of the sandbox sees them.
const (
	oldKey    = "SESSION_API_KEY"
	newKeys   = "OH_SESSION_API_KEYS"
	secretKey = "OH_SECRET_KEY"
)

// Keys gives the session keys in force: with OH_SESSION_API_KEYS (a JSON list) or OH_SESSION_API_KEYS_0, _1, … up to the first gap, SESSION_API_KEY counts for nothing.
func Keys(env []string) []string {
	if list := lookup(env, newKeys); list != "" {
		var keys []string
		if json.Unmarshal([]byte(list), &keys) == nil && len(keys) > 0 {
			return keys
		}
	}
	var keys []string
	for i := 0; ; i++ {
		key := lookup(env, newKeys+"_"+strconv.Itoa(i))
		if key == "" {
			break
		}
		keys = append(keys, key)
	}
	if key := lookup(env, oldKey); key != "" && len(keys) == 0 {
		keys = []string{key}
	}
	return keys
}

// Scrub gives the environment of commands: without keys, and with AI_AGENT, by which tools know that an agent is at work.
func Scrub(env []string) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == oldKey || name == secretKey || name == newKeys || strings.HasPrefix(name, newKeys+"_")
	})
	if lookup(kept, "AI_AGENT") == "" {
		kept = append(kept, "AI_AGENT=openhands")
	}
	return kept
}

func homeOf(env []string) string {
	if home := lookup(env, "HOME"); home != "" {
		return home
	}
	return "/"
}

// lookup gives the last value of a name, as the system's own lookup does with os/exec.
func lookup(env []string, name string) string {
	for _, v := range slices.Backward(env) {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}
