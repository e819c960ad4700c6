//go:build !linux

package host

import "os"

func openPath(path string) (*os.File, error) { return os.Open(path) }
