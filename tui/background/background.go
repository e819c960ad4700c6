// Package background answers for the terminal what colour its background has, before anyone can ask the terminal.
//
// Bubble Tea v1 asks in an init and waits up to five seconds for the answer (charmbracelet/bubbletea#1771), which a
// mute terminal never gives. Go initialises packages that are ready in the order of their import paths, so this one,
// which needs lipgloss only and sorts before github.com/charmbracelet/bubbletea, comes first.
package background

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
