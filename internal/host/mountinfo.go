package host

import (
	"os"
	"strconv"
	"strings"
)

// MountPoint is one line of /proc/self/mountinfo (proc(5)).
type MountPoint struct {
	Point  string // where it is mounted
	Device string // major:minor of the file system
	Root   string // the folder of that file system which is seen at Point
	FSType string
}

// readMountInfo gives the mounts of this process; none where there is no such file.
func readMountInfo() []MountPoint {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	return parseMountInfo(string(text))
}

// parseMountInfo skips lines it does not understand: they are the kernel's own.
func parseMountInfo(text string) []MountPoint {
	var out []MountPoint
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 7 {
			continue
		}
		m := MountPoint{Device: fields[2], Root: unescapeOctal(fields[3]), Point: unescapeOctal(fields[4])}
		for i := 6; i+1 < len(fields); i++ { // optional fields end with a lone "-"
			if fields[i] == "-" {
				m.FSType = fields[i+1]
				break
			}
		}
		out = append(out, m)
	}
	return out
}

// unescapeOctal undoes the kernel's \040 for space, tab, newline and backslash.
func unescapeOctal(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
