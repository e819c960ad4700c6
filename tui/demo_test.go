package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"berth/internal/event"
)

// TestMain lets the test binary be the screen itself: `tui.test demo WHAT...` runs it on a fake backend in the terminal
// at hand, which the pty tests and tmux need.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "demo" {
		os.Exit(demo(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "reset-terminal" {
		if err := ResetTerminal(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// demos are what the demo can be told to be like.
var demos = map[string]func(*fake, *Options){
	"list":  func(_ *fake, o *Options) { o.List = true },
	"shop":  func(f *fake, o *Options) { o.Sandbox = "shop"; f.plan.Running = true },
	"fast":  func(f *fake, _ *Options) { f.pace = nil },
	"ascii": func(_ *fake, o *Options) { o.ASCII = true },
	"mono":  func(_ *fake, o *Options) { o.Color = false },
	"dark":  func(_ *fake, o *Options) { o.Theme = Dark },
	"light": func(_ *fake, o *Options) { o.Theme = Light },
	"still": func(f *fake, _ *Options) { f.figures = nil },
	"flood": func(f *fake, _ *Options) { f.flood = 500_000 },
	"guard": func(_ *fake, o *Options) { o.Guard = []string{os.Args[0], "reset-terminal"} },
	"many":  func(f *fake, _ *Options) { manyRows(f, 40) },
	"names": func(f *fake, _ *Options) {
		f.rows[0].Name, f.rows[1].Name, f.rows[0].Mounts = "日本語の名前", "family-👨‍👩‍👧-box", "~/プロジェクト/とても長い/shop rw +1"
		f.logs = append(f.logs, LogLine{Time: noon, Text: "日本語 👍🏽 e\u0301 \x1b[31mred\x1b[0m \x1b]0;title\a tab\there"})
	},
	"mine": func(f *fake, _ *Options) { f.rows[0].Mine = true },
	"pull": func(f *fake, _ *Options) { f.plan.Steps = append([]Step{{"pull", "acme/agent:1"}}, f.plan.Steps...) },
	"news": func(f *fake, _ *Options) {
		f.news = []News{{Engine: EngineGone}, {Engine: EngineBack}}
	},
	"denied": func(f *fake, _ *Options) {
		f.refusals = []Refusal{{Target: "registry.example:443", Offer: "registry.example:443"}}
	},
	"fail":     func(f *fake, _ *Options) { f.launch = failLate(f) },
	"panic":    func(f *fake, _ *Options) { f.launch = func(context.Context, event.Sink) error { panic("a bug") } },
	"foreign":  func(f *fake, _ *Options) { f.launch = panicElsewhere },
	"stubborn": func(f *fake, _ *Options) { f.stubborn = true },
	"badplan": func(f *fake, _ *Options) {
		f.planErr = errors.New(`SANDBOX_VOLUMES: entry 2 ("/d:data"): container path "data" is not absolute`)
	},
	"trust": func(f *fake, _ *Options) {
		f.plan.Question = &Question{EditTrust, "shop/.berth.toml asks for more than it may have",
			[]string{"+ volumes = [\"~/.ssh:/ssh\"]", "+ image = \"evil/agent\""}, "trust it", "leave it out"}
	},
}

func manyRows(f *fake, n int) {
	for i := range n {
		f.rows = append(f.rows, Row{Name: fmt.Sprintf("box-%02d", i), State: Up, Profile: "standard", Image: "acme/agent:1", Mounts: "~/x rw", Since: noon})
	}
}

func failLate(f *fake) func(context.Context, event.Sink) error {
	return func(_ context.Context, emit event.Sink) error {
		emit(event.Event{Time: time.Now(), Step: "create", Stage: event.Begin, Text: "berth-shop"})
		f.wait(time.Second)
		emit(event.Event{Time: time.Now(), Step: "create", Stage: event.Done, Elapsed: 10 * time.Millisecond})
		emit(event.Event{Time: time.Now(), Step: "start", Stage: event.Begin})
		f.wait(time.Second)
		emit(event.Event{Time: time.Now(), Step: "start", Stage: event.Failed, Error: "port 8011 is in use"})
		emit(event.Event{Time: time.Now(), Stage: event.Undone, Text: "container berth-shop"})
		return newPortTaken()
	}
}

func panicElsewhere(ctx context.Context, _ event.Sink) error {
	go func() { panic("a bug in a goroutine that is not ours") }()
	<-ctx.Done()
	return ctx.Err()
}

func demo(words []string) int {
	f := newFake()
	f.follow = true
	f.pace = func(d time.Duration) { <-time.After(d) }
	o := Options{In: os.Stdin, Out: os.Stdout, Color: true, Theme: Auto}
	for _, w := range words {
		if file, ok := strings.CutPrefix(w, "crash="); ok {
			o.CrashFile = file
			continue
		}
		change, ok := demos[w]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such demo:", w)
			return 2
		}
		change(f, &o)
	}
	r, err := Run(context.Background(), f, o)
	if err != nil {
		fmt.Println("error:", err)
	}
	fmt.Printf("ending: %s, left: %s\n", r.Ending, strings.Join(r.Left, " "))
	return 0
}
