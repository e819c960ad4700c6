// Package secret holds strings that must not be printed by accident.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
)

// String is a value that prints as **** everywhere; Reveal gives it for its one use.
type String struct{ value string }

// New wraps value.
func New(value string) String { return String{value} }

// Reveal gives the value itself.
func (s String) Reveal() string { return s.value }

// Empty tells whether there is no value.
func (s String) Empty() bool { return s.value == "" }

// String gives "****", or "" for no value.
func (s String) String() string {
	if s.value == "" {
		return ""
	}
	return "****"
}

// Format hides the value from every verb; without it %d would show the field.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalJSON hides the value from JSON.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
