// Command tally reads what `go test -json` says: it shows failures as they come, and counts the tests of several runs.
//
//	go test -json ./... | tally -save FILE    a line a package, the output of what failed; exit 1 when something did
//	tally FILE...                             what was skipped and why, then "N passed, N failed, N skipped"; the same
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	save := flag.String("save", "", "`file` to keep the answer in")
	flag.Parse()
	ok, err := run(*save, flag.Args(), os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(save string, files []string, in io.Reader, out io.Writer) (ok bool, err error) {
	if len(files) > 0 {
		return count(files, out)
	}
	kept := io.Discard
	if save != "" {
		file, err := os.Create(save)
		if err != nil {
			return false, err
		}
		defer func() { _ = file.Close() }()
		kept = file
	}
	return follow(io.TeeReader(in, kept), out)
}

// count adds up the answers of several runs of the same tests.
func count(files []string, out io.Writer) (ok bool, err error) {
	all := results{}
	for _, name := range files {
		if err := all.read(name); err != nil {
			return false, err
		}
	}
	passed, failed, skipped := all.sum()
	for _, line := range all.reasons() {
		fmt.Fprintln(out, "skipped", line)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	return failed == 0, nil
}
