package main

import (
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
)

// parseLong reads a duration as people write it: as Go does, and in days and weeks.
func parseLong(word string) (time.Duration, error) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(word, unit); ok {
			n, err := strconv.ParseUint(number, 10, 16)
			if err != nil {
				return 0, fault.New(fault.Usage, "", "%s: not a duration", word)
			}
			return time.Duration(n) * length, nil
		}
	}
	d, err := time.ParseDuration(word)
	if err != nil || d < 0 {
		return 0, fault.New(fault.Usage, "", "%s: not a duration", word)
	}
	return d, nil
}
