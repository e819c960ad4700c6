package egress

import (
	"fmt"
	"testing"
	"time"
)

func TestEqualRefusalsAreToldOnceAMinute(t *testing.T) {
	var r refusals
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(after time.Duration, host, rule string) string {
		d, told := r.add(Decision{Time: start.Add(after), Host: host, Port: 80, Rule: rule})
		if !told {
			return ""
		}
		return d.String()
	}
	rows := []struct {
		after      time.Duration
		host, rule string
		want       string
	}{
		{0, "a.example", "list", "denied a.example:80"},
		{time.Second, "a.example", "list", ""},
		{2 * time.Second, "b.example", "list", "denied b.example:80"},
		{3 * time.Second, "a.example", "list", ""},
		{4 * time.Second, "a.example", "private", "denied a.example:80"},
		{time.Minute, "a.example", "list", "denied a.example:80 (and 2 more)"},
		{time.Minute + 1, "a.example", "list", ""},
		{time.Minute + 2*time.Second, "b.example", "list", "denied b.example:80"},
		{2 * time.Minute, "a.example", "list", "denied a.example:80 (and 1 more)"},
	}
	for _, row := range rows {
		if got := at(row.after, row.host, row.rule); got != row.want {
			t.Errorf("after %v: %q, want %q", row.after, got, row.want)
		}
	}
}

func TestAFloodOfHostsIsToldAsOne(t *testing.T) {
	var r refusals
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	told := 0
	var last Decision
	for i := range 10_000 {
		if d, ok := r.add(Decision{Time: start, Host: fmt.Sprintf("h%d.example", i), Port: 443}); ok {
			told, last = told+1, d
		}
	}
	if told != maxQuiet+1 || last.String() != "denied other hosts: more hosts were refused in a minute than are told of one by one" {
		t.Errorf("%d told, the last %q", told, last)
	}
	if len(r.seen) > maxQuiet+1 {
		t.Errorf("%d are kept", len(r.seen))
	}
	if d, ok := r.add(Decision{Time: start.Add(quietTime), Host: "new.example", Port: 443}); !ok || d.Host != "new.example" || len(r.seen) > maxQuiet {
		t.Errorf("a minute later: %v, %v, %d kept", d, ok, len(r.seen))
	}
}
