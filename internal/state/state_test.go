package state

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/secret"
)

func open(t *testing.T) *Store {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(Places{State: filepath.Join(dir, "state"), Runtime: filepath.Join(dir, "run")}, "box", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFoldersFollowXDG(t *testing.T) {
	rows := []struct {
		what    string
		environ map[string]string
		home    string
		want    Places
	}{
		{"home alone", nil, "/home/me",
			Places{"/home/me/.config/berth", "/home/me/.local/state/berth", "/home/me/.cache/berth", "/home/me/.local/state/berth/run"}},
		{"all set", map[string]string{"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/k", "XDG_RUNTIME_DIR": "/r"}, "/home/me",
			Places{"/c/berth", "/s/berth", "/k/berth", "/r/berth"}},
		{"relative ones do not count", map[string]string{"XDG_CONFIG_HOME": "c", "XDG_RUNTIME_DIR": "r"}, "/h",
			Places{"/h/.config/berth", "/h/.local/state/berth", "/h/.cache/berth", "/h/.local/state/berth/run"}},
		{"no home", map[string]string{"XDG_STATE_HOME": "/s"}, "",
			Places{"", "/s/berth", "/s/berth/cache", "/s/berth/run"}},
	}
	for _, r := range rows {
		if got, err := Find(r.environ, r.home); err != nil || got != r.want {
			t.Errorf("%s: %+v, %v\nwant %+v", r.what, got, err, r.want)
		}
	}
}

func TestWithoutHomeTheErrorNamesWhatToSet(t *testing.T) {
	_, err := Find(nil, "")
	want := "HOME: is not set, and neither is XDG_STATE_HOME, so berth has no place for its records"
	if err == nil || err.Error() != want || fault.HintOf(err) != "set HOME to a folder of yours, or XDG_STATE_HOME" || fault.KindOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
}

func TestNobodyElseMayRead(t *testing.T) {
	s := open(t)
	if err := s.Save(Record{Name: "shop"}); err != nil {
		t.Fatal(err)
	}
	lock, err := s.TryLock(Work, "shop", "up")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	seen := 0
	for _, dir := range s.places.All() {
		_ = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			seen++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
			return nil
		})
	}
	if seen < 4 {
		t.Errorf("only %d files and folders seen", seen)
	}
}

func TestAFolderThatOthersCouldReadIsNarrowed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Places{State: dir, Runtime: dir}, "", 0); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
}

func TestARecordComesBackAsItWas(t *testing.T) {
	s := open(t)
	want := Record{Name: "shop", Project: "/home/me/a b\n\"c\" 🚢", Ports: [3]uint16{8010, 8011, 8012},
		Keys: Keys{secret.New("k1"), secret.New("k2"), secret.New("k3")}, Image: "acme/agent:1", Profile: "standard", Plan: "ab", Finished: true,
		Posture: "standard · 44 rules hold", Created: time.Date(2026, 11, 21, 9, 14, 2, 0, time.UTC)}
	if err := s.Save(want); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Record("shop"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	if err := s.Drop("shop"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Record("shop"); fault.KindOf(err) != fault.NotFound || err.Error() != "shop: no such sandbox" {
		t.Errorf("after Drop: %v", err)
	}
	if err := s.Drop("shop"); err != nil {
		t.Errorf("dropped twice: %v", err)
	}
}

func TestOneBrokenRecordDoesNotHideTheOthers(t *testing.T) {
	s := open(t)
	for _, name := range []string{"a", "b", "c"} {
		if err := s.Save(Record{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(s.places.State, "b.json")
	if err := os.WriteFile(path, []byte(`{"schema": "ber`), 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := s.Records()
	if len(records) != 2 || records[0].Name != "a" || records[1].Name != "c" {
		t.Errorf("%+v", records)
	}
	if err == nil || err.Error() != path+": is not what berth wrote: unexpected end of JSON input" {
		t.Errorf("%v", err)
	}
}

func TestALinkInPlaceOfARecordIsRefused(t *testing.T) {
	s := open(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(s.places.State, "shop.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Record("shop"); err == nil || fault.KindOf(err) != fault.Failure {
		t.Errorf("%v", err)
	}
	if err := s.Save(Record{Name: "shop"}); err != nil {
		t.Errorf("replacing it: %v", err)
	}
	if r, err := s.Record("shop"); err != nil || r.Name != "shop" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestARecordThatCannotBeWrittenLeavesTheOldOne(t *testing.T) {
	s := open(t)
	if err := s.Save(Record{Name: "shop", Posture: "old"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.places.State, "shop.json")
	if err := replace(filepath.Join(s.places.State, "no", "shop.json"), nil); err == nil {
		t.Error("written into a folder that is not there")
	}
	if left, _ := filepath.Glob(filepath.Join(s.places.State, ".shop*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if r, err := s.Record("shop"); err != nil || r.Posture != "old" {
		t.Errorf("%s: %+v, %v", path, r, err)
	}
}

func TestANameComesFromTheFolder(t *testing.T) {
	rows := map[string]string{
		"/home/me/shop": "shop", "/home/me/My Shop.v2": "my-shop-v2", "/srv/2024-report": "report", "/srv/日本": "sandbox",
		"/srv/_x_": "x", "/": "sandbox", "/srv/🚢 it": "it", "/srv/Ünïcode": "n-code", "/srv/a\nb": "a-b",
		"/srv/" + strings.Repeat("long-", 9): "long-long-long-long-long-long-l",
	}
	for folder, want := range rows {
		got := NameFor(folder, nil)
		if got != want || CheckName(got) != nil {
			t.Errorf("NameFor(%q) = %q, want %q", folder, got, want)
		}
	}
}

func TestOneFolderKeepsItsName(t *testing.T) {
	long := "/b/" + strings.Repeat("x", 40)
	taken := []Claim{{"shop", "/a/shop"}, {"shop-2", "/b/shop"}, {"mine", "/c/shop"}, {strings.Repeat("x", 31), "/a/" + strings.Repeat("x", 40)}}
	rows := map[string]string{
		"/a/shop": "shop", "/b/shop": "shop-2", "/c/shop": "mine", "/d/shop": "shop-3", long: strings.Repeat("x", 29) + "-2",
	}
	for folder, want := range rows {
		if got := NameFor(folder, taken); got != want {
			t.Errorf("NameFor(%q) = %q, want %q", folder, got, want)
		}
	}
}

func TestABadNameIsRefusedWithABetterOne(t *testing.T) {
	err := CheckName("My Shop")
	if err == nil || err.Error() != `"My Shop": a sandbox name is a small letter, then up to 30 small letters, digits or -` ||
		fault.HintOf(err) != `call it "my-shop"` {
		t.Errorf("%v, %s", err, fault.HintOf(err))
	}
	for _, bad := range []string{"", "-a", "1a", "a/b", "../x", "a\n", strings.Repeat("a", 32), "_trust"} {
		if CheckName(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPortsArePromisedByProject(t *testing.T) {
	s := open(t)
	project := func(name string) string { return filepath.Join(t.TempDir(), name) }
	shop, blog := t.TempDir(), t.TempDir()
	all := func([3]uint16) bool { return true }
	not := func(busy ...uint16) func([3]uint16) bool {
		return func(p [3]uint16) bool {
			return !slices.ContainsFunc(p[:], func(port uint16) bool { return slices.Contains(busy, port) })
		}
	}
	rows := []struct {
		what, project string
		wish          uint16
		free          func([3]uint16) bool
		want          uint16
	}{
		{"the first", shop, 0, all, 8010},
		{"the same again", shop, 0, all, 8010},
		{"another project does not get them, free or not", blog, 0, all, 8013},
		{"one of them is taken: the next three", shop, 0, not(8011), 8016},
		{"which are then the promised ones", shop, 0, all, 8016},
		{"a wish is a wish", shop, 9000, all, 9000},
		{"and remembered", shop, 0, all, 9000},
		{"what was promised to a folder that is gone", project("new"), 0, all, 8010},
	}
	for _, r := range rows {
		got, err := s.Ports(r.project, "shop", r.wish, r.free)
		if want := triple(r.want); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", r.what, got, err, want)
		}
	}
}

func TestTwoSandboxesOfOneFolderHavePortsOfTheirOwn(t *testing.T) {
	s, shop := open(t), t.TempDir()
	all := func([3]uint16) bool { return true }
	for i, name := range []string{"shop", "shop-2", "shop"} {
		if got, err := s.Ports(shop, name, 0, all); err != nil || got != triple([]uint16{8010, 8013, 8010}[i]) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestPortsThatCannotBeHad(t *testing.T) {
	s := open(t)
	none := func([3]uint16) bool { return false }
	rows := map[uint16]string{
		0:     "links.port: no three ports in a row are free from 8010 up",
		9000:  "links.port = 9000: ports 9000 to 9002 are not all free",
		65534: "links.port = 65534: ports 65534 to 65536 are not all free",
	}
	for wish, want := range rows {
		if _, err := s.Ports("/p", "shop", wish, none); err == nil || err.Error() != want || fault.KindOf(err) != fault.Conflict {
			t.Errorf("%d: %v", wish, err)
		}
	}
}

func TestTrustIsOfOneFileInOneForm(t *testing.T) {
	s := open(t)
	one, two := [32]byte{1}, [32]byte{2}
	if s.Trusted("/p/.berth.toml", one) {
		t.Error("trusted before anybody said so")
	}
	if err := s.Trust("/p/.berth.toml", one); err != nil {
		t.Fatal(err)
	}
	if !s.Trusted("/p/.berth.toml", one) || s.Trusted("/p/.berth.toml", two) || s.Trusted("/q/.berth.toml", one) {
		t.Error("trust went to the wrong file")
	}
	if err := s.Distrust("/p/.berth.toml"); err != nil || s.Trusted("/p/.berth.toml", one) {
		t.Errorf("still trusted, %v", err)
	}
}

func TestABrokenTrustFileTrustsNothing(t *testing.T) {
	s := open(t)
	if err := os.WriteFile(filepath.Join(s.places.State, trustFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Trusted("/p", [32]byte{}) || s.Trust("/p", [32]byte{}) == nil {
		t.Error("a broken file was taken")
	}
}

func TestTwoCannotWorkOnOneSandbox(t *testing.T) {
	s := open(t)
	lock, err := s.TryLock(Work, "shop", "up")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.TryLock(Work, "shop", "stop")
	if err == nil || err.Error() != "shop: another berth works on it (up)" || fault.KindOf(err) != fault.Conflict {
		t.Errorf("second: %v", err)
	}
	if !s.Held(Work, "shop") || s.Held(Gateway, "shop") || s.Held(Work, "blog") {
		t.Error("Held tells otherwise")
	}
	for _, other := range []struct {
		job  Job
		name string
	}{{Gateway, "shop"}, {Work, "blog"}} {
		l, err := s.TryLock(other.job, other.name, "")
		if err != nil {
			t.Errorf("%v: %v", other, err)
			continue
		}
		defer l.Unlock()
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if s.Held(Work, "shop") {
		t.Error("held after Unlock")
	}
	again, err := s.TryLock(Work, "shop", "rm")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Unlock(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.places.Runtime, "*shop.work*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A lock's file goes away with the lock; whoever opened it before must not believe that he holds it.
func TestALockHasOneHolderWhileFilesComeAndGo(t *testing.T) {
	s := open(t)
	inside, rounds := make(chan struct{}, 1), 200
	done := make(chan int)
	for range 4 {
		go func() {
			held := 0
			for range rounds {
				s.Held(Work, "shop")
				lock, err := s.TryLock(Work, "shop", "x")
				if err != nil {
					continue
				}
				select {
				case inside <- struct{}{}:
					held++
					<-inside
				default:
					t.Error("two hold one lock")
				}
				if err := lock.Unlock(); err != nil {
					t.Error(err)
				}
			}
			done <- held
		}()
	}
	sum := 0
	for range 4 {
		sum += <-done
	}
	if sum == 0 {
		t.Error("nobody ever held it")
	}
}

func TestAskingDoesNotDisturbTakers(t *testing.T) {
	s := open(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				s.Held(Work, "shop")
			}
		}
	}()
	for range 300 {
		lock, err := s.TryLock(Work, "shop", "up")
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-stopped
}

func TestOwnersDiffer(t *testing.T) {
	dir := t.TempDir()
	owner := func(folder, host string, uid int) string {
		s, err := Open(Places{State: filepath.Join(dir, folder), Runtime: dir}, host, uid)
		if err != nil {
			t.Fatal(err)
		}
		return s.Owner()
	}
	base := owner("s", "box", 1000)
	if base != owner("s", "box", 1000) || len(base) != 12 {
		t.Errorf("owner %q is not stable", base)
	}
	for _, other := range []string{owner("t", "box", 1000), owner("s", "fox", 1000), owner("s", "box", 1001)} {
		if other == base {
			t.Error("two owners are one")
		}
	}
}

func TestLogsOfOneNameDoNotOverwriteEachOther(t *testing.T) {
	s := open(t)
	var names []string
	for range 3 {
		f, err := s.Create(BuildLogs, "dev.log")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("0123456789"); err != nil {
			t.Fatal(err)
		}
		f.Close()
		names = append(names, filepath.Base(f.Name()))
	}
	if !slices.Equal(names, []string{"dev.log", "dev-2.log", "dev-3.log"}) {
		t.Errorf("%v", names)
	}
	dir, _ := s.Folder(BuildLogs)
	for i, name := range names {
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Trim(BuildLogs, 25); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 2 || filepath.Base(left[0]) != "dev-2.log" {
		t.Errorf("after Trim: %v", left)
	}
}

func TestAStateFolderThatIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Places{State: path, Runtime: path}, "", 0)
	if err == nil || err.Error() != path+": not a directory" || fault.HintOf(err) != "move the file away" {
		t.Errorf("%v, %s", err, fault.HintOf(err))
	}
}
