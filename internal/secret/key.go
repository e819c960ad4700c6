package secret

import (
	"crypto/rand"
	"encoding/hex"
)

// NewKey makes a key of 256 random bits as 64 hex digits: some servers splice it into a shell line unquoted.
func NewKey() String {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails: the program ends when the system has no randomness
	return New(hex.EncodeToString(bits[:]))
}
