package mounts

import (
	"testing"

	"berth/internal/fault"
)

func TestWhoRunsInside(t *testing.T) {
	me := UserFacts{Engine: Rootful, UID: 1000, GID: 1000, ImageUID: 10001, WritableBind: true}
	with := func(change func(*UserFacts)) UserFacts {
		f := me
		change(&f)
		return f
	}
	for _, c := range []struct {
		name  string
		facts UserFacts
		want  UserChoice
		err   string
		hint  string
	}{
		{"a group asked for", with(func(f *UserFacts) { f.AskedGID = "50" }), UserChoice{User: "1000:50", HostOwner: 1000, HostGroup: 50, Writes: true}, "", ""},
		{"nothing writable", with(func(f *UserFacts) { f.WritableBind = false }), UserChoice{User: "1000:1000", HostOwner: 1000, HostGroup: 1000}, "", ""},
		{"rootful Podman", with(func(f *UserFacts) { f.Engine = Podman }), UserChoice{User: "1000:1000", HostOwner: 1000, HostGroup: 1000, Writes: true}, "", ""},
		{"root by itself", with(func(f *UserFacts) { f.UID, f.GID = 0, 0 }), UserChoice{},
			"berth was started as root, and the sandbox would write as root of this machine", "run berth as an ordinary user; or, for folders that root owns, --give-up not-host-root"},
		{"root that calls sudo", with(func(f *UserFacts) { f.UID, f.SudoUID, f.SudoGID = 0, 1001, 1002 }), UserChoice{User: "1001:1002", HostOwner: 1001, HostGroup: 1002, Writes: true}, "", ""},
		{"root, given up, on root's folders", with(func(f *UserFacts) { f.UID, f.GID, f.GiveUpRoot = 0, 0, true }), UserChoice{User: "0:0", Writes: true, Root: true}, "", ""},
		{"root, given up, on another's folder", with(func(f *UserFacts) { f.UID, f.GID, f.GiveUpRoot, f.NotRoots = 0, 0, true, "/home/me/p" }), UserChoice{},
			`"/home/me/p": root does not own it, and not-host-root is given up only for folders of root's`, "run berth as the user who owns it"},
		{"a wish for root", with(func(f *UserFacts) { f.AskedUID = "0" }), UserChoice{},
			`SANDBOX_USER_ID: "0" is root, and the sandbox would write as root of this machine`, "run berth as an ordinary user; or, for folders that root owns, --give-up not-host-root"},
		{"a group that is no number", with(func(f *UserFacts) { f.AskedGID = "-1" }), UserChoice{}, `SANDBOX_GROUP_ID: "-1" is not a user number`, "write a number, as `id -u` prints it"},
		{"rootless, own number", with(func(f *UserFacts) { f.Engine, f.AskedUID = Rootless, "1000" }), UserChoice{User: "0:0", HostOwner: 1000, HostGroup: 1000, Writes: true}, "", ""},
		{"rootless, another group", with(func(f *UserFacts) { f.Engine, f.AskedGID = Rootless, "50" }), UserChoice{},
			"SANDBOX_USER_ID, SANDBOX_GROUP_ID: a rootless engine cannot run as 1000:50, only as its own user 1000:1000", "unset SANDBOX_USER_ID and SANDBOX_GROUP_ID"},
		{"userns-remap, nothing writable", with(func(f *UserFacts) { f.Engine, f.WritableBind = Remapped, false }), UserChoice{User: "1000:1000", HostOwner: 1000, HostGroup: 1000}, "", ""},
		{"userns-remap, a number it does not map", with(func(f *UserFacts) { f.Engine, f.WritableBind, f.AskedUID = Remapped, false, "70000" }), UserChoice{},
			"this engine runs with userns-remap: it maps no user 70000:1000, only numbers below 65536", "SANDBOX_USER_ID=1000 SANDBOX_GROUP_ID=1000"},
		{"userns-remap, something writable", with(func(f *UserFacts) { f.Engine = Remapped }), UserChoice{},
			"this engine runs with userns-remap: nobody inside a sandbox can write a folder of yours", `mount it ro; or set user_namespace = "host", which the plan shows as softened`},
		{"userns-remap, host, root", with(func(f *UserFacts) { f.Engine, f.Namespace, f.UID = Remapped, "host", 0 }), UserChoice{},
			"berth was started as root, and the sandbox would write as root of this machine", "run berth as an ordinary user; or, for folders that root owns, --give-up not-host-root"},
		{"desktop, a number asked for", with(func(f *UserFacts) { f.Engine, f.AskedUID = Desktop, "1500" }), UserChoice{User: "1500:1000", HostOwner: 1000, HostGroup: 1000, Writes: true}, "", ""},
		{"desktop, a wish for root", with(func(f *UserFacts) { f.Engine, f.AskedUID = Desktop, "0" }), UserChoice{},
			`SANDBOX_USER_ID: "0" is root, and the sandbox would write as root of this machine`, "run berth as an ordinary user; or, for folders that root owns, --give-up not-host-root"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := PickUser(c.facts)
			if c.err != "" {
				if err == nil || err.Error() != c.err || fault.HintOf(err) != c.hint || fault.KindOf(err) != fault.Usage {
					t.Errorf("\n got %v (%s)\nwant %s (%s)", err, fault.HintOf(err), c.err, c.hint)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}
