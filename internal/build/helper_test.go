package build

import (
	"os"
	"path/filepath"
	"testing"
)

// fakeProgram gives a folder for PATH that holds one program, which fails.
func fakeProgram(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/false\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
