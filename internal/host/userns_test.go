package host

import (
	"os"
	"testing"
)

func TestShiftedUsers(t *testing.T) {
	const rootless = "         0       1000          1\n         1     100000      65536\n"
	for _, row := range []struct {
		about, table string
		inside, want uint32
	}{
		{"nothing is shifted", "         0          0 4294967295\n", 65533, 65533},
		{"userns-remap", "         0     165536      65536\n", 65533, 231069},
		{"rootless: root is the user", rootless, 0, 1000},
		{"rootless: others are its subordinates", rootless, 65533, 165532},
		{"the last of a range", rootless, 65536, 165535},
		{"one who has nobody outside", rootless, 65537, 65537},
		{"a table that is none", "x y z\n\n", 65533, 65533},
	} {
		if got := shifted(row.table, row.inside); got != row.want {
			t.Errorf("%s: %d is %d outside, want %d", row.about, row.inside, got, row.want)
		}
	}
}

func TestAProcessThatIsNotHereShiftsNothing(t *testing.T) {
	for _, pid := range []int{0, -1, 1 << 30} {
		if got := ShiftedUID(pid, 65533); got != 65533 {
			t.Errorf("process %d: %d", pid, got)
		}
	}
	if got := ShiftedUID(os.Getpid(), 0); got != 0 {
		t.Errorf("this process's root is %d", got)
	}
}
