package launch

import (
	"testing"

	"berth/internal/config"
	"berth/internal/host"
)

func TestAnEmptyListInAFileIsNoInvitationToMountTheCurrentFolder(t *testing.T) {
	rows := []struct {
		what     string
		settings config.Settings
		entries  int
	}{
		{"nothing said", config.Settings{}, 1},
		{"volumes = []", config.Settings{Volumes: []config.VolumeText{}}, 0},
		{"mounts = []", config.Settings{Mounts: []config.Mount{}}, 0},
	}
	for _, r := range rows {
		given, err := givenMounts(&r.settings, host.Facts{Cwd: "/work"})
		if err != nil {
			t.Fatal(err)
		}
		if entries, _, err := given.Entries(); err != nil || len(entries) != r.entries {
			t.Errorf("%s: %v, %v", r.what, entries, err)
		}
	}
}
