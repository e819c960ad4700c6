package host

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestAProcessRunsOnAfterItForgotItsStart(t *testing.T) {
	before := fileBacked(t)
	ForgetStart()
	if after := fileBacked(t); after >= before {
		t.Errorf("the program's pages take %d kB, and took %d", after, before)
	}
}

func fileBacked(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "RssFile:")
	if !found {
		t.Skip("this kernel does not tell")
	}
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
