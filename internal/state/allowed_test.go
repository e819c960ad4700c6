package state

import (
	"slices"
	"testing"
)

func TestWhatWasAllowedForAProjectStaysUntilItIsTakenBack(t *testing.T) {
	s := open(t)
	for _, rule := range []string{"a.example:443", "b.example:443", "a.example:443"} {
		if err := s.Allow("/home/me/shop", rule); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Allowed("/home/me/shop"); err != nil || !slices.Equal(got, []string{"a.example:443", "b.example:443"}) {
		t.Errorf("allowed are %q, %v", got, err)
	}
	if got, err := s.Allowed("/home/me/other"); err != nil || len(got) > 0 {
		t.Errorf("another project has %q, %v", got, err)
	}
	for _, rule := range []string{"a.example:443", "b.example:443", "never.example:443"} {
		if err := s.Disallow("/home/me/shop", rule); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Allowed("/home/me/shop"); err != nil || len(got) > 0 {
		t.Errorf("left are %q, %v", got, err)
	}
}
