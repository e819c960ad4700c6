package agentserver

import "testing"

func TestAServersLineIsMadeForPeople(t *testing.T) {
	for raw, want := range map[string]string{
		`{"asctime": "2026-11-21 09:14:07,1", "levelname": "INFO", "name": "uvicorn.error", "message": "Started server process [6]"}`:       "Started server process [6]",
		`{"levelname": "WARNING", "name": "uvicorn.error", "message": "no reload"}`:                                                         "WARNING uvicorn.error: no reload",
		`{"levelname": "ERROR", "name": "x", "message": "failed", "exc_info": "Traceback (most recent call last):\n  File\nKeyError: 'a'"}`: "ERROR x: failed KeyError: 'a'",
		`{"levelname": "ERROR", "exc_info": "OSError: no"}`:                                                                                 "ERROR: OSError: no",
		`{"event": "mine"}`:                    `{"event": "mine"}`,
		`{"message": 3}`:                       `{"message": 3}`,
		`{broken`:                              `{broken`,
		"Starting OpenHands Agent Server on H": "Starting OpenHands Agent Server on H",
		"":                                     "",
	} {
		if got := LogLine(raw); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}
