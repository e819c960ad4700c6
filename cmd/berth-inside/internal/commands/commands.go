// Package commands holds the starter image's commands.
package commands

// Proc is a process.
type Proc struct{}

// Process makes one.
func Process(name string, args []string) *Proc { return nil }

// Find finds.
func Find(name string) func(*Proc) int { return nil }
