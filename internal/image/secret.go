package image

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

// secretName are the names that variables with secrets have.
var secretName = regexp.MustCompile(`(?i)(^|_)(token|secret|password|passwd|api_?key|private_?key)$`)

// secretValue are the forms of keys that are known by their beginning.
var secretValue = regexp.MustCompile(`sk-[A-Za-z0-9_-]{16}|gh[pousr]_[A-Za-z0-9]{20}|AKIA[A-Z0-9]{16}|xox[abprs]-|-----BEGIN `)

// holdsSecret refuses a text that holds a key; the message does not repeat it.
func holdsSecret(where, text string) error {
	if at := secretValue.FindStringIndex(text); at != nil {
		return failure(Secret, "take it out, and change it: it may have been seen", "%s: holds a secret (%s…), and everybody who has the image can read it", where, text[at[0]:at[0]+4])
	}
	return nil
}

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
