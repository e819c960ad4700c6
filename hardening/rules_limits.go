package hardening

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/internal/sandbox"
)

// limitRules bound what a sandbox can use up.
var limitRules = []Rule{
	{
		ID: "limit-memory", Class: Overridable, Needs: Needs{Memory: true},
		Why:    "memory runs out inside the sandbox first, not on the host",
		clause: limit(func(s *spec) *int64 { return &s.Limits.Memory }, memoryLimit, parseBytes, showBytes).clause(),
	},
	{
		ID: "limit-swap", Class: Overridable, Needs: Needs{Memory: true},
		Why:    "without swap of its own a sandbox that leaks is ended at once, where it is, with code 137",
		clause: swap.clause(),
	},
	{
		ID: "limit-cpus", Class: Overridable, Needs: Needs{CPU: true, Refuse: Strict},
		Why:    "half a core stays with the host, so that it answers while the sandbox computes",
		Fix:    "ask for less, or use another engine",
		clause: cpus().clause(),
	},
	{
		ID: "limit-cpu-shares", Class: Overridable, Needs: Needs{CPU: true},
		Why:    "when cores are short, other work goes first",
		clause: limit(func(s *spec) *int64 { return &s.Limits.CPUShares }, fixedLimit(512), parseCount, showCount).clause(),
	},
	{
		ID: "limit-pids", Class: Overridable, Needs: Needs{Pids: true},
		Why: "a fork bomb must stop at the sandbox's wall",
		clause: limit(func(s *spec) *int64 { return &s.Limits.Pids },
			func(s *scope) int64 { return s.policy.pids }, parseCount, showCount).clause(),
	},
	{
		ID: "limit-nofile", Class: Overridable,
		Why:    "open files take the kernel's memory",
		Fix:    "ask for less, or use another engine",
		clause: ulimit("nofile", nofileLimit).clause(),
	},
	{
		ID: "limit-core", Class: Overridable,
		Why:    "a core file holds secrets and fills the disk",
		clause: ulimit("core", func(*scope) int64 { return 0 }).clause(),
	},
	{
		ID: "limit-others", Class: Tightenable,
		Why:    "no other limit of processes is raised above the engine's",
		clause: otherUlimits.clause(),
	},
	{
		ID: "limit-shm", Class: Overridable,
		Why:    "browsers need more shared memory than the engine's 64 MiB; it counts as memory and runs no code",
		clause: limit(func(s *spec) *int64 { return &s.Limits.Shm }, fixedLimit(256*mib), parseBytes, showBytes).clause(),
	},
	{
		ID: "limit-log", Class: Tightenable, Needs: Needs{Told: true},
		Why:    "output must not fill the host's disk",
		clause: logs.clause(),
	},
	{
		ID: "oom-score", Class: Fixed,
		Why:    "when the host runs out of memory, the sandbox goes before the desktop",
		clause: field(func(s *spec) *int { return &s.OomScoreAdj }, be(500)).clause(),
	},
	{
		ID: "oom-kill", Class: Fixed,
		Why:    "a sandbox that cannot be ended for its memory would freeze instead, and hold it",
		clause: field(func(s *spec) *bool { return &s.OomKillDisable }, be(false)).clause(),
	},
}

// limit makes a rule's part for a number of which less is tighter and 0 is none.
func limit(of func(*sandbox.Spec) *int64, most func(*scope) int64, parse func(string) (int64, error), show func(int64) string) part[int64] {
	p := field(of, func(had int64, s *scope) int64 { return tighter(had, most(s)) })
	p.parse, p.show = parse, show
	return p
}

func tighter(had, most int64) int64 {
	if had <= 0 {
		return most
	}
	return min(had, most)
}

func fixedLimit(n int64) func(*scope) int64 { return func(*scope) int64 { return n } }

// memoryLimit leaves the engine's host half of its memory.
func memoryLimit(s *scope) int64 { return tighter(s.facts.Engine.Memory/2, s.policy.memory) }

// memory is what limit-memory will come to.
func memory(s *scope) int64 {
	g, given := s.given["limit-memory"]
	if !given {
		return tighter(s.spec.Limits.Memory, memoryLimit(s))
	}
	if n, err := parseBytes(g.Value); err == nil {
		return n
	}
	return s.spec.Limits.Memory
}

// swap is memory and swap together: equal to memory means no swap.
var swap = part[int64]{
	get:  func(s *spec, _ *scope) int64 { return s.Limits.MemorySwap },
	set:  func(s *spec, _ *scope, v int64) { s.Limits.MemorySwap = v },
	want: func(_ int64, s *scope) int64 { return memory(s) },
	show: showBytes,
}

// cpuLimit is all cores but a half, between 1 and 4; an engine refuses more than it has.
func cpuLimit(s *scope) int64 {
	const core = 1_000_000_000
	return min(max(int64(s.facts.Engine.CPUs)*core-core/2, core), 4*core)
}

func cpus() part[int64] {
	p := limit(func(s *spec) *int64 { return &s.Limits.NanoCPUs }, cpuLimit, parseCPUs, showCPUs)
	p.refuse = func(v int64, s *scope) string {
		if has := s.facts.Engine.CPUs; has > 0 && v > int64(has)*1_000_000_000 {
			return fmt.Sprintf("the engine has only %d cores", has)
		}
		return ""
	}
	return p
}

// nofileLimit is the most that the engine's own limit lets it give.
func nofileLimit(s *scope) int64 {
	most := s.facts.Engine.NofileMax
	for _, n := range []int64{16384, 8192, 4096, 1024} {
		if most == 0 || n <= most {
			return n
		}
	}
	return most
}

// ulimit makes the part for one limit of processes, soft and hard alike.
func ulimit(name string, most func(*scope) int64) part[*sandbox.Ulimit] {
	is := func(u sandbox.Ulimit) bool { return u.Name == name }
	return part[*sandbox.Ulimit]{
		get: func(s *spec, _ *scope) *sandbox.Ulimit {
			if i := slices.IndexFunc(s.Limits.Ulimits, is); i >= 0 {
				return &sandbox.Ulimit{Name: name, Soft: s.Limits.Ulimits[i].Soft, Hard: s.Limits.Ulimits[i].Hard}
			}
			return nil
		},
		set: func(s *spec, _ *scope, v *sandbox.Ulimit) {
			s.Limits.Ulimits = slices.DeleteFunc(slices.Clone(s.Limits.Ulimits), is)
			if v != nil {
				s.Limits.Ulimits = append(s.Limits.Ulimits, *v)
			}
		},
		want: func(had *sandbox.Ulimit, s *scope) *sandbox.Ulimit {
			u := sandbox.Ulimit{Name: name, Soft: most(s), Hard: most(s)}
			if had != nil {
				u.Soft, u.Hard = tighter(had.Soft, u.Soft), tighter(had.Hard, u.Hard)
			}
			return &u
		},
		refuse: func(u *sandbox.Ulimit, s *scope) string {
			if has := s.facts.Engine.NofileMax; name == "nofile" && u != nil && has > 0 && u.Hard > has {
				return fmt.Sprintf("the engine itself may open only %d files", has)
			}
			return ""
		},
		parse: func(value string) (*sandbox.Ulimit, error) {
			n, err := parseCount(value)
			return &sandbox.Ulimit{Name: name, Soft: n, Hard: n}, err
		},
		show: func(u *sandbox.Ulimit) string {
			switch {
			case u == nil:
				return "the engine's"
			case u.Soft == u.Hard:
				return showCount(u.Hard)
			}
			return showCount(u.Soft) + " of " + showCount(u.Hard)
		},
	}
}

// otherUlimits are those that have no rule of their own.
var otherUlimits = part[string]{
	get: func(s *spec, _ *scope) string {
		var out []string
		for _, u := range s.Limits.Ulimits {
			if u.Name != "nofile" && u.Name != "core" {
				out = append(out, fmt.Sprintf("%s %d:%d", u.Name, u.Soft, u.Hard))
			}
		}
		return strings.Join(out, ", ")
	},
	set: func(s *spec, _ *scope, _ string) {
		s.Limits.Ulimits = slices.DeleteFunc(slices.Clone(s.Limits.Ulimits), func(u sandbox.Ulimit) bool {
			return u.Name != "nofile" && u.Name != "core"
		})
	},
	want: be(""),
}

var logs = part[sandbox.Log]{
	get: func(s *spec, _ *scope) sandbox.Log { return s.Log },
	set: func(s *spec, _ *scope, v sandbox.Log) { s.Log = v },
	want: func(sandbox.Log, *scope) sandbox.Log {
		return sandbox.Log{Driver: "json-file", Options: map[string]string{"max-size": "10m", "max-file": "3"}}
	},
	show: func(l sandbox.Log) string { return l.Driver + " " + briefMap(l.Options) },
}

func parseCount(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	return n, nil
}

func parseCPUs(text string) (int64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n <= 0 || n > 1<<20 {
		return 0, fmt.Errorf("%q is not a number of cores, such as 2 or 1.5", text)
	}
	return int64(n * 1e9), nil
}

// parseBytes reads 512m, 8g or plain bytes; units are powers of 1024, as Docker's are.
func parseBytes(text string) (int64, error) {
	digits, shift := text, 0
	if text != "" {
		if i := strings.IndexByte("kmgt", text[len(text)-1]|0x20); i >= 0 {
			digits, shift = text[:len(text)-1], 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)>>shift {
		return 0, fmt.Errorf("%q is not a size, such as 512m or 8g", text)
	}
	return n << shift, nil
}

func showCount(n int64) string {
	if n < 0 {
		return "unlimited"
	}
	return strconv.FormatInt(n, 10)
}

func showBytes(n int64) string {
	switch {
	case n <= 0:
		return "unlimited"
	case n%gib == 0:
		return fmt.Sprintf("%d GiB", n/gib)
	case n >= mib:
		return fmt.Sprintf("%d MiB", n/mib)
	}
	return fmt.Sprintf("%d bytes", n)
}

func showCPUs(n int64) string {
	if n <= 0 {
		return "unlimited"
	}
	if n == 1_000_000_000 {
		return "1 core"
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', -1, 64) + " cores"
}
