//go:build linux

package probe

const hasForeignABI = true

// foreignCall asks for the process number by the 32-bit gate, int 0x80.
//
//go:noescape
func foreignCall()
