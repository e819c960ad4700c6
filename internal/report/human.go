package report

import (
	"fmt"
	"math"
	"time"
)

// Bytes gives a size in decimal units with at most three digits: "640 MB", "2.1 GB".
func Bytes(n int64) string { return scaled(n, 1000, []string{"B", "kB", "MB", "GB", "TB", "PB"}) }

// Memory gives a size in binary units, as limits are set: "610 MiB", "4 GiB".
func Memory(n int64) string {
	return scaled(n, 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"})
}

func scaled(n int64, base float64, units []string) string {
	value, unit := float64(n), 0
	for math.Abs(value) >= base-0.5 && unit < len(units)-1 {
		value /= base
		unit++
	}
	if rounded := math.Round(value*10) / 10; math.Abs(rounded) < 10 && rounded != math.Trunc(rounded) {
		return fmt.Sprintf("%.1f %s", rounded, units[unit])
	}
	return fmt.Sprintf("%.0f %s", value, units[unit])
}

// Duration gives how long something took: "12 ms", "3.4 s", "2:05", "1:02:05".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", math.Floor(d.Seconds()*10)/10)
	}
	return Clock(d)
}

// Clock gives a running time: "0:39", "12:05", "1:02:05".
func Clock(d time.Duration) string {
	s := max(int(d.Seconds()), 0)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// Age gives how long ago something was, in its largest unit: "5s", "12m", "2h", "3d". A clock that went back gives "0s".
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 0))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Plural gives a count and its noun: "1 rule", "2 rules".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
