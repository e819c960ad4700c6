//go:build !linux

package gateway

import "net"

// peersCanBeTold is true where nothing is asked of them: only Linux tells whose a connection is.
func peersCanBeTold() error { return nil }

// welcome lets everybody of this machine in.
func (f *Front) welcome(net.Conn) (bool, string) { return true, "" }
