// Command berth mounts host folders into hardened Docker sandboxes for coding agents and shows their links.
package main

import "os"

func main() { os.Exit(run(os.Args[1:])) }
