package main

import (
	"io"

	"berth/internal/probe"
)

// probes attacks this sandbox with every probe and prints the outcomes as one JSON list. It exits 0 whatever they are: the reader judges.
func probes(_ []string, out, _ io.Writer) int {
	return printJSON(out, probe.Run())
}
