package agentserver

import (
	"encoding/json"
	"strings"
)

// LogLine makes one line for people of what a server writes: its JSON objects become "WARNING uvicorn.error: message",
// ordinary news the message alone; anything else stays as it is. The time is the engine's to tell.
func LogLine(raw string) string {
	if !strings.HasPrefix(raw, "{") {
		return raw
	}
	var line struct {
		Level   string `json:"levelname"`
		Name    string `json:"name"`
		Message string `json:"message"`
		Trace   string `json:"exc_info"`
	}
	if json.Unmarshal([]byte(raw), &line) != nil || line.Message == "" && line.Trace == "" {
		return raw
	}
	text := line.Message
	if line.Trace != "" {
		text = strings.TrimSpace(text + " " + lastLine(line.Trace))
	}
	if line.Level == "" || line.Level == "INFO" {
		return text
	}
	return strings.TrimSpace(line.Level+" "+line.Name) + ": " + text
}

// lastLine of a Python traceback is what went wrong.
func lastLine(trace string) string {
	lines := strings.Split(strings.TrimSpace(trace), "\n")
	return lines[len(lines)-1]
}
