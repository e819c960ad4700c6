package hardening

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// filter says what one seccomp filter allows beyond syscalls.
type filter struct {
	name       string
	more       []string // lists of names
	any32Bit   bool     // 32-bit programs run, and then no condition on socket holds for them
	namespaces bool     // namespaces may be made
	anyNetlink bool     // AF_NETLINK of every protocol, not of NETLINK_ROUTE alone
}

var filters = []filter{
	{name: "compat", more: []string{untilStrict, untilParanoid, in32Bit}, any32Bit: true, anyNetlink: true},
	{name: "base", more: []string{untilStrict, untilParanoid}, anyNetlink: true},
	{name: "strict", more: []string{untilParanoid}},
	{name: "paranoid"},
	{name: "userns", more: []string{untilParanoid, forUserNamespaces}, namespaces: true},
}

// SeccompNames lists the filters, loosest first; userns is for browsers that sandbox their pages themselves.
func SeccompNames() []string {
	names := make([]string, len(filters))
	for i, f := range filters {
		names[i] = f.name
	}
	return names
}

// Seccomp gives a filter of ours as an engine's seccomp option takes it, compact JSON; "" when there is none of that
// name.
func Seccomp(name string) string {
	if text, ok := filterTexts[name]; ok {
		return text()
	}
	return ""
}

// filterTexts writes each filter at most once: it takes a tenth of a millisecond, and every finding asks.
var filterTexts = func() map[string]func() string {
	texts := map[string]func() string{}
	for _, f := range filters {
		texts[f.name] = sync.OnceValue(f.text)
	}
	return texts
}()

func (f filter) text() string {
	text, err := json.Marshal(f.document())
	if err != nil {
		panic(err) // the document holds nothing that JSON cannot say
	}
	return string(text)
}

// The engine's form of a filter, moby's profiles/seccomp. Without architectures only the engine's own counts, and a
// program of another, such as a 32-bit one, is ended by SIGSYS.
type (
	seccompDocument struct {
		DefaultAction   string        `json:"defaultAction"`
		DefaultErrnoRet int           `json:"defaultErrnoRet"`
		ArchMap         []seccompArch `json:"archMap,omitempty"`
		Syscalls        []seccompRule `json:"syscalls"`
	}
	seccompArch struct {
		Architecture     string   `json:"architecture"`
		SubArchitectures []string `json:"subArchitectures"`
	}
	seccompRule struct {
		Names    []string     `json:"names"`
		Action   string       `json:"action"`
		ErrnoRet int          `json:"errnoRet,omitempty"`
		Args     []seccompArg `json:"args,omitempty"`
	}
	seccompArg struct {
		Index    uint   `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo"`
		Op       string `json:"op"`
	}
)

const (
	allow = "SCMP_ACT_ALLOW"
	deny  = "SCMP_ACT_ERRNO"

	eperm  = 1
	enosys = 38

	// newNamespaces are the flags of clone(2) that make a namespace: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER,
	// NEWPID, NEWNET.
	newNamespaces = 0x7E020000
)

func (f filter) document() seccompDocument {
	names := strings.Fields(strings.Join(f.more, " "))
	for _, group := range syscalls {
		names = append(names, strings.Fields(group.names)...)
	}
	slices.Sort(names)
	d := seccompDocument{DefaultAction: deny, DefaultErrnoRet: eperm, Syscalls: []seccompRule{{Names: names, Action: allow}}}
	d.Syscalls = slices.Concat(d.Syscalls, f.sockets(), personalities(), f.clones())
	if f.any32Bit {
		d.ArchMap = []seccompArch{
			{"SCMP_ARCH_X86_64", []string{"SCMP_ARCH_X86", "SCMP_ARCH_X32"}},
			{"SCMP_ARCH_AARCH64", []string{"SCMP_ARCH_ARM"}},
		}
	}
	return d
}

// sockets allows local, IPv4, IPv6 and netlink sockets. It allows by equality: a refusal by inequality would be beaten
// by high bits, which the kernel cuts off after the filter has compared them.
func (f filter) sockets() []seccompRule {
	var out []seccompRule
	for _, family := range []uint64{1, 2, 10} {
		out = append(out, allowWhen("socket", equals(0, family)))
	}
	if f.anyNetlink {
		return append(out, allowWhen("socket", equals(0, 16)))
	}
	return append(out, allowWhen("socket", equals(0, 16), equals(2, 0)))
}

// personalities allows what setarch and 32-bit emulation ask for, and asking (0xffffffff); not turning off the
// randomisation of addresses.
func personalities() []seccompRule {
	var out []seccompRule
	for _, p := range []uint64{0, 8, 0x20000, 0x20008, 0xffffffff} {
		out = append(out, allowWhen("personality", equals(0, p)))
	}
	return out
}

// clones allows threads and processes, but no namespaces. clone3 keeps its flags in memory, where a filter cannot look:
// ENOSYS makes the C library fall back to clone.
func (f filter) clones() []seccompRule {
	if f.namespaces {
		return nil
	}
	return []seccompRule{
		allowWhen("clone", seccompArg{Index: 0, Value: newNamespaces, Op: "SCMP_CMP_MASKED_EQ"}),
		{Names: []string{"clone3"}, Action: deny, ErrnoRet: enosys},
	}
}

func allowWhen(name string, args ...seccompArg) seccompRule {
	return seccompRule{Names: []string{name}, Action: allow, Args: args}
}

func equals(index uint, value uint64) seccompArg {
	return seccompArg{Index: index, Value: value, Op: "SCMP_CMP_EQ"}
}

// seccompName says a filter in words.
func seccompName(text string) string {
	switch text {
	case "":
		return "the engine's"
	case "unconfined":
		return "none"
	}
	for _, f := range filters {
		if Seccomp(f.name) == text {
			return "berth's " + f.name
		}
	}
	return fmt.Sprintf("another, of %d bytes", len(text))
}
