package main

import "testing"

func TestOnlyLettersOutsideOfControlSequencesAreText(t *testing.T) {
	for output, want := range map[string]bool{
		"\x1b[?1049h\x1b[2J\x1b[H": false,
		"\x1b]11;?\x07":            false,
		"\x1b[1mberth":             true,
		" \r\n":                    false,
		"x":                        true,
	} {
		if got := shows([]byte(output)); got != want {
			t.Errorf("%q: %v, want %v", output, got, want)
		}
	}
}
