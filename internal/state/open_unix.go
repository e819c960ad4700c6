//go:build unix

package state

import "syscall"

// noFollow refuses a link where a file of ours should be: nobody may point a record elsewhere.
const noFollow = syscall.O_NOFOLLOW
