//go:build race

package tui

// underRace says that the race detector is at work: memory and time are not ours then.
const underRace = true
