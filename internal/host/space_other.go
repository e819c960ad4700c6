//go:build !linux && !darwin && !freebsd

package host

import "errors"

// Space is told on Linux, macOS and FreeBSD only.
func Space(string) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }
