//go:build linux && !amd64

package probe

const hasForeignABI = false

func foreignCall() {}
