package main

import "berth/internal/fault"

// notYet tells of a command whose launcher is not in the tree.
func notYet(what string) error { return fault.New(fault.Failure, "", "%s: not in this build", what) }
