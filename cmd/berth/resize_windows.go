package main

import "os"

// notifyResize does nothing: Windows tells of no changes of size.
func notifyResize(chan<- os.Signal) {}
