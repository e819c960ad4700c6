package build

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/sandbox"
)

const (
	tailLines = 20                     // errors stand at the end of a log
	cadence   = 500 * time.Millisecond // between two lines of output shown
)

// titles say what each stage makes.
var titles = map[string]string{
	"base":   "base system",
	"vscode": "VS Code",
	"server": "agent server",
	"system": "Debian packages",
	"final":  "image",
}

// progress turns a builder's lines into events and the log, and keeps the last of them.
type progress struct {
	work  *work
	name  string // of the stage
	step  string // of its events
	began time.Time

	mu            sync.Mutex
	current, many int
	instruction   string
	shown         time.Time
	tail          []string
}

func (w *work) progress(stage string) *progress {
	p := &progress{work: w, name: stage, step: stepName(stage), began: time.Now()}
	w.emit(stage, event.Event{Stage: event.Begin, Text: titles[stage]})
	return p
}

// emit sends an event of a stage.
func (w *work) emit(stage string, e event.Event) {
	e.Step, e.Time = stepName(stage), time.Now().UTC()
	w.sink(e)
}

// log writes a line for whoever looks for a reason later.
func (w *work) log(stage, line string) {
	if w.request.Log == nil {
		return
	}
	w.logging.Lock()
	defer w.logging.Unlock()
	_, _ = io.WriteString(w.request.Log, stage+": "+line+"\n") // a full disk must not end the build
}

// stepLine is what both the classic builder and Podman write before a step: "Step 3/16 : RUN make".
var stepLine = regexp.MustCompile(`(?i)^step (\d+)/(\d+) ?: ?(.*)$`)

// line takes one line of the builder's.
func (p *progress) line(text string) {
	text = clean(text)
	if text == "" {
		return
	}
	step := stepLine.FindStringSubmatch(text)
	if step == nil {
		p.say(text)
		return
	}
	p.work.log(p.name, text)
	p.mu.Lock()
	p.current, _ = strconv.Atoi(step[1])
	p.many, _ = strconv.Atoi(step[2])
	p.instruction, p.tail, p.shown = step[3], nil, time.Time{}
	p.mu.Unlock()
	p.show(short(step[3]))
}

// say takes a line of a command's output: all go to the log, a few a second to the screen.
func (p *progress) say(text string) {
	if text = clean(text); text == "" {
		return
	}
	p.work.log(p.name, text)
	p.mu.Lock()
	p.tail = append(p.tail, text)
	p.tail = p.tail[max(0, len(p.tail)-tailLines):]
	due := time.Since(p.shown) >= cadence
	p.mu.Unlock()
	if due {
		p.show(short(text))
	}
}

func (p *progress) show(text string) {
	p.mu.Lock()
	p.shown = time.Now()
	current, many := int64(p.current), int64(p.many)
	p.mu.Unlock()
	p.work.emit(p.name, event.Event{Stage: event.Progress, Text: text, Current: current, Total: many})
}

func (p *progress) note(text string) { p.work.emit(p.name, event.Event{Stage: event.Note, Text: text}) }

func (p *progress) done() {
	p.work.emit(p.name, event.Event{Stage: event.Done, Text: titles[p.name], Elapsed: time.Since(p.began)})
}

// failed shows the last lines, then the error.
func (p *progress) failed(err error) {
	for _, line := range p.tail {
		p.note(line)
	}
	p.work.log(p.name, err.Error())
	p.work.emit(p.name, event.Event{Stage: event.Failed, Text: titles[p.name], Error: err.Error(), Elapsed: time.Since(p.began)})
}

// failure says which step failed and why, as far as its last lines tell.
func (p *progress) failure(step *sandbox.StepError, r Request) error {
	where := "build " + p.name
	if p.many > 0 {
		where = fmt.Sprintf("%s: step %d/%d (%s)", where, p.current, p.many, short(p.instruction))
	}
	why, hint := explain(append(p.tail, step.Text))
	if why == "" && step.Code != 0 {
		why = fmt.Sprintf("exit code %d", step.Code)
	} else if why == "" {
		why = clean(step.Text)
	} else if step.Code != 0 {
		why = fmt.Sprintf("exit code %d: %s", step.Code, why)
	}
	if hint == "" && r.LogName != "" {
		hint = "read " + r.LogName
	}
	return &fault.Fault{Kind: fault.Image, Message: where + ": " + why, Hint: hint, Cause: step}
}

// escapes are the control sequences of terminals: package clients colour their output and draw bars.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)`)

// clean gives what would be seen of a line in the end, without any control character.
func clean(text string) string {
	text = strings.TrimRight(escapes.ReplaceAllString(text, ""), "\r\n ")
	text = text[strings.LastIndexByte(text, '\r')+1:]
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
}

// short cuts a line to what fits beside a step's name.
func short(text string) string {
	const most = 100
	text = strings.TrimSpace(strings.TrimPrefix(text, "RUN . /host/env && "))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
