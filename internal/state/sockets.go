package state

import "path/filepath"

// Socket is where a sandbox's gateway answers berth. It lies beside the locks, because a socket's path must be short
// (108 bytes on Linux, 104 elsewhere), and bears the owner as they do.
func (s *Store) Socket(name string) string {
	return filepath.Join(s.places.Runtime, s.owner+"."+name+".sock")
}

// Shared is the folder of the socket by which a sandbox's gateway and the program inside find each other; it is
// mounted into the sandbox.
func (s *Store) Shared(name string) string {
	return filepath.Join(s.places.Runtime, s.owner+"."+name+".run")
}

// GatewayLog is where a sandbox's gateway writes what it has to say; it goes with the sandbox.
func (s *Store) GatewayLog(name string) string {
	return filepath.Join(s.places.State, "sandboxes", name, "gateway.log")
}
