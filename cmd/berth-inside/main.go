// Command berth-inside is the one static program berth puts into sandboxes: the starter image's server, shell and commands, the probes, and the helpers berth runs by exec.
package main

import "os"

func main() { os.Exit(run(os.Args)) }
