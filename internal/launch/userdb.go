package launch

import (
	"fmt"
	"slices"
	"strings"
)

// agentHome is where the sandbox's user lives; HOME points there.
const agentHome = "/home/agent"

// passwdWith gives the image's user database with the sandbox's user in it. An entry of the image with that name or
// number goes: getpwuid takes the first that fits, and it must be ours.
func passwdWith(image []byte, uid, gid int) []byte {
	entry := fmt.Sprintf("agent:x:%d:%d:agent:%s:/bin/sh", uid, gid, agentHome)
	return withEntry(image, entry, 2)
}

// groupWith gives the image's group database with the sandbox's group in it.
func groupWith(image []byte, gid int) []byte {
	return withEntry(image, fmt.Sprintf("agent:x:%d:", gid), 2)
}

// withEntry puts entry last, in place of every line that has its name or the same number in field idField.
func withEntry(database []byte, entry string, idField int) []byte {
	fields := strings.Split(entry, ":")
	lines := strings.Split(strings.TrimRight(string(database), "\n"), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool {
		f := strings.Split(line, ":")
		return line == "" || len(f) <= idField || f[0] == fields[0] || f[idField] == fields[idField]
	})
	return []byte(strings.Join(append(lines, entry), "\n") + "\n")
}
