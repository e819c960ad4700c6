package hardening

import (
	"testing"

	"berth/internal/fault"
)

func TestParseGiveUp(t *testing.T) {
	for text, want := range map[string]GiveUp{
		"no-new-privileges":       {Rule: "no-new-privileges"},
		" limit-nofile=8192 ":     {Rule: "limit-nofile", Value: "8192"},
		"cap-add=net_raw,CAP_BPF": {Rule: "cap-add", Value: "net_raw,CAP_BPF"},
		"seccomp=userns":          {Rule: "seccomp", Value: "userns"},
		"limit-memory=8g":         {Rule: "limit-memory", Value: "8g"},
		"limit-memory":            {Rule: "limit-memory"},
	} {
		have, err := ParseGiveUp(text)
		if err != nil || have != want {
			t.Errorf("%q: %+v, %v", text, have, err)
		}
	}
}

func TestWhatCannotBeGivenUpSaysWhy(t *testing.T) {
	for text, want := range map[string]struct{ message, hint string }{
		"limit-nofiel=8192":   {`give up "limit-nofiel=8192": no such rule`, "did you mean limit-nofile?"},
		"":                    {`give up "": no such rule`, ""},
		"everything":          {`give up "everything": no such rule`, ""},
		"no-privileged":       {`give up "no-privileged": this rule holds in every profile, since a privileged container has every capability and device, which is root on the host`, ""},
		"no-engine-socket":    {`give up "no-engine-socket": this rule holds in every profile, since who reaches the engine's socket is root on the host`, ""},
		"seccomp":             {`give up "seccomp": only another value is possible, seccomp=VALUE`, ""},
		"seccomp=":            {`give up "seccomp=": there are compat, base, strict, paranoid, userns`, ""},
		"seccomp=unconfined":  {`give up "seccomp=unconfined": there are compat, base, strict, paranoid, userns`, ""},
		"cap-add=EVERYTHING":  {`give up "cap-add=EVERYTHING": "EVERYTHING" is no capability`, ""},
		"no-gpu=yes":          {`give up "no-gpu=yes": this rule takes no value`, "--give-up no-gpu"},
		"limit-memory=lots":   {`give up "limit-memory=lots": "lots" is not a size, such as 512m or 8g`, ""},
		"limit-memory=0":      {`give up "limit-memory=0": "0" is not a size, such as 512m or 8g`, ""},
		"limit-memory=":       {`give up "limit-memory=": "" is not a size, such as 512m or 8g`, ""},
		"limit-cpus=-1":       {`give up "limit-cpus=-1": "-1" is not a number of cores, such as 2 or 1.5`, ""},
		"limit-pids=many":     {`give up "limit-pids=many": "many" is not a whole number`, ""},
		"stop-timeout=1500ms": {`give up "stop-timeout=1500ms": "1500ms" is not a time in whole seconds, such as 20s`, ""},
		"no-devices=sda":      {`give up "no-devices=sda": the only device to be had is kvm`, ""},
		"user-namespace=mine": {`give up "user-namespace=mine": there are host and keep-id`, ""},
		"runtime=":            {`give up "runtime=": a runtime has a name`, ""},
	} {
		_, err := ParseGiveUp(text)
		if err == nil || err.Error() != want.message || fault.HintOf(err) != want.hint || fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: %v (%s)", text, err, fault.HintOf(err))
		}
	}
}

func TestAWishThatWasNeverReadIsRefusedByHardenToo(t *testing.T) {
	c := plainCase(t, Standard)
	_, _, err := Harden(c.spec, Standard, []GiveUp{{Rule: "no-privileged"}}, c.facts)
	if err == nil {
		t.Error("a fixed rule was given up")
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "512m": 512 * mib, "8g": 8 * gib, "8G": 8 * gib, "1t": 1024 * gib, "3k": 3072} {
		if have, err := parseBytes(text); err != nil || have != want {
			t.Errorf("%s: %d, %v", text, have, err)
		}
	}
	for _, text := range []string{"", "g", "1.5g", "-1g", "9223372036854775807g", "1gb", "1 g"} {
		if have, err := parseBytes(text); err == nil {
			t.Errorf("%q is taken for %d", text, have)
		}
	}
}

// What a user sets by a key of the configuration counts: what is tighter is kept, what is looser is shown as given up.
func TestWhatTheConfigurationAsksForIsKeptOrShown(t *testing.T) {
	c := plainCase(t, Standard)
	c.spec.Limits.Memory, c.spec.Limits.MemorySwap = 8*gib, 8*gib
	c.spec.Limits.NanoCPUs = 500_000_000
	c.spec.Limits.Pids = 2048
	c.spec.GPU = true
	c.spec.Runtime, c.facts.Engine.Runtimes = "runsc", []string{"runc", "runsc"}
	source := func(rule string) string { return "config.toml, for " + rule }
	giveUp := Asked(c.spec, Standard, []GiveUp{{Rule: "limit-pids", Value: "4096"}}, c.facts, source)
	want := "limit-pids=4096 limit-memory=8589934592 runtime=runsc no-gpu"
	have := ""
	for _, g := range giveUp {
		have += " " + g.String()
	}
	if have != " "+want {
		t.Errorf("given up%s\nnot      %s", have, want)
	}
	hardened, findings, err := Harden(c.spec, Standard, giveUp, c.facts)
	if err != nil {
		t.Fatal(err)
	}
	l := hardened.Limits
	if l.Memory != 8*gib || l.MemorySwap != 8*gib || l.NanoCPUs != 500_000_000 || l.Pids != 4096 || !hardened.GPU {
		t.Errorf("%+v", l)
	}
	for _, f := range findings {
		if f.Rule == "limit-memory" && f.Because != "given up: limit-memory=8589934592 (config.toml, for limit-memory)" {
			t.Errorf("%+v", f)
		}
	}
}
