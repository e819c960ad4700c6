package main

import (
	"fmt"
	"os"
)

func run(args []string) int {
	fmt.Fprintln(os.Stderr, "berth-inside: which?")
	return 2
}
