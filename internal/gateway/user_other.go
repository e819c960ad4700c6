//go:build !linux

package gateway

import "net"

// sameUser trusts the folder's mode: the socket lies where only this user may look.
func (g *gateway) sameUser(net.Conn) bool { return true }
