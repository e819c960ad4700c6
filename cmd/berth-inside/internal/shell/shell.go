// Package shell is the starter image's sh.
package shell

// Main runs the shell.
func Main(name string, args []string) int { return 2 }
