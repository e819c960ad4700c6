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

func TestTheInitsOfATraceAreSummed(t *testing.T) {
	trace := "init errors @0.1 ms, 0.25 ms clock, 0 bytes, 0 allocs\ninit unicode @0.4 ms, 1.5 ms clock, 9 bytes, 1 allocs\nberth 0.1.0\n"
	if got := sumInits(trace); got != 1.75 {
		t.Errorf("got %g, want 1.75", got)
	}
}
