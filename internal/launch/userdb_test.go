package launch

import "testing"

func TestTheSandboxesUserJoinsTheImagesUsers(t *testing.T) {
	image := "root:x:0:0:root:/root:/bin/bash\nopenhands:x:10001:10001::/home/openhands:/bin/bash\n"
	want := image + "agent:x:1000:1000:agent:/home/agent:/bin/sh\n"
	if got := string(passwdWith([]byte(image), 1000, 1000)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnImagesUserOfTheSameNumberGivesWay(t *testing.T) {
	image := "root:x:0:0:root:/root:/bin/bash\npn:x:1000:1000::/home/pn:/bin/bash\nagent:x:7:7::/:/bin/false\n"
	want := "root:x:0:0:root:/root:/bin/bash\nagent:x:1000:1000:agent:/home/agent:/bin/sh\n"
	if got := string(passwdWith([]byte(image), 1000, 1000)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnImageWithoutUsersGetsOne(t *testing.T) {
	if got := string(passwdWith(nil, 501, 20)); got != "agent:x:501:20:agent:/home/agent:/bin/sh\n" {
		t.Errorf("got %q", got)
	}
	if got := string(groupWith([]byte("root:x:0:\nbroken\n"), 20)); got != "root:x:0:\nagent:x:20:\n" {
		t.Errorf("got %q", got)
	}
}
