package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"berth/internal/host"
	"berth/internal/secret"
	"berth/internal/text"
)

// caught turns a panic into a restored terminal, a report file and one sentence. It is deferred in run.
func (a *app) caught() {
	trouble := recover()
	if trouble == nil {
		return
	}
	a.print.Finish()
	if host.IsTerminal(a.stdout) {
		_, _ = a.stdout.WriteString(restoreTerminal)
	}
	hide := secret.NewRedactor()
	report := hide.String(fmt.Sprintf("berth %s\n%s\npanic: %v\n\n%s", version, time.Now().UTC().Format(time.RFC3339), trouble, debug.Stack()))
	path := a.crashFile()
	if path == "" || os.WriteFile(path, []byte(report), 0o600) != nil {
		fmt.Fprint(a.stderr, report)
		path = "above"
	}
	fmt.Fprintf(a.stderr, "berth: a mistake of berth's own: %v\nberth: hint: the report is %s; what was half made goes with berth prune\n", text.Line(hide.String(fmt.Sprint(trouble))), path)
	os.Exit(exitFailure)
}

// crashStamp names a report by the second.
func crashStamp() string { return time.Now().UTC().Format("20060102-150405") }
