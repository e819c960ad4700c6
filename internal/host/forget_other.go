//go:build !linux

package host

import "runtime/debug"

// ForgetStart gives back the memory that starting a process took and waiting does not need.
func ForgetStart() { debug.FreeOSMemory() }
