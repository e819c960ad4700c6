// Command engines writes the page about engines from what its tests, run on each of them, have saved in a folder.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "engines FOLDER")
		os.Exit(2)
	}
	all, err := results(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		os.Exit(1)
	}
	fmt.Print(page(all))
}
