package host

import (
	"os"
	"testing"
)

func TestAFileSystemHasRoomAndSays(t *testing.T) {
	free, total, err := Space(t.TempDir())
	if err != nil || total <= 0 || free < 0 || free > total {
		t.Errorf("free %d of %d, %v", free, total, err)
	}
	if _, _, err := Space("/no/such/folder"); err == nil {
		t.Error("a folder that is not there has room")
	}
}

func TestAProcessIsInItsOwnGroup(t *testing.T) {
	if g := GroupOf(os.Getegid()); !g.Member {
		t.Errorf("got %+v", g)
	}
	if g := GroupOf(1 << 30); g.Name != "" || g.Member || g.Listed {
		t.Errorf("a group that nobody has: %+v", g)
	}
}
