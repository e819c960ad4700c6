package server

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

type gotEvent struct {
	Kind, ID, Command string
	CommandID         string `json:"command_id"`
	Order             int
	ExitCode          *int `json:"exit_code"`
	Stdout, Stderr    *string
}

type gotPage struct {
	Items []gotEvent
	Next  *string `json:"next_page_id"`
}

func (at target) search(t *testing.T, query string) gotPage {
	t.Helper()
	res, body := at.ask(t, "GET", search+"?"+query, "")
	var page gotPage
	if err := json.Unmarshal([]byte(body), &page); err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %d %s", query, res.StatusCode, body)
	}
	return page
}

func (at target) begin(t *testing.T, request string) gotEvent {
	t.Helper()
	res, body := at.ask(t, "POST", start, request)
	var e gotEvent
	if err := json.Unmarshal([]byte(body), &e); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	return e
}

// finished asks until a command's last event is there.
func (at target) finished(t *testing.T, id string) gotEvent {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		page := at.search(t, "kind__eq=BashOutput&sort_order=TIMESTAMP_DESC&limit=1&command_id__eq="+id)
		if len(page.Items) == 1 && page.Items[0].ExitCode != nil {
			return page.Items[0]
		}
	}
	t.Fatalf("command %s never ended", id)
	return gotEvent{}
}

func TestAStartedCommandIsFollowedByItsEvents(t *testing.T) {
	eachTarget(t, func(t *testing.T, at target) {
		res, body := at.ask(t, "POST", start, `{"command":"echo one; exit 4","cwd":"/","timeout":9}`)
		if want := `{"kind":"BashCommand","id":"<id>","timestamp":"<time>","command":"echo one; exit 4","cwd":"/","timeout":9}`; res.StatusCode != 200 || !like(body, want) {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		var e gotEvent
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		last := at.finished(t, e.ID)
		if *last.ExitCode != 4 || *last.Stdout != "one\n" || last.Stderr != nil || last.CommandID != e.ID {
			t.Errorf("got %+v", last)
		}
		for _, id := range []string{e.ID, last.ID} {
			if res, body := at.ask(t, "GET", "/api/bash/bash_events/"+id, ""); res.StatusCode != 200 || !strings.Contains(body, id) {
				t.Errorf("event %s: %d %s", id, res.StatusCode, body)
			}
		}
		dashed := e.ID[:8] + "-" + e.ID[8:12] + "-" + e.ID[12:16] + "-" + e.ID[16:20] + "-" + e.ID[20:]
		if page := at.search(t, "command_id__eq="+dashed); len(page.Items) != 1 {
			t.Errorf("an id with dashes finds %d events", len(page.Items))
		}
	})
}

func TestPagesFollowEachOtherWithoutGapOrRepeat(t *testing.T) {
	eachTarget(t, func(t *testing.T, at target) {
		at.ask(t, "DELETE", "/api/bash/bash_events", "")
		for i := range 3 {
			at.finished(t, at.begin(t, run(fmt.Sprintf("echo %d", i))).ID)
		}
		for _, order := range []string{"TIMESTAMP", "TIMESTAMP_DESC"} {
			var kinds []string
			query := "limit=4&sort_order=" + order
			for more := query; more != ""; {
				page := at.search(t, more)
				for _, e := range page.Items {
					kinds = append(kinds, e.Kind+e.Command)
				}
				more = ""
				if page.Next != nil {
					more = query + "&page_id=" + url.QueryEscape(*page.Next)
				}
			}
			want := "BashCommandecho 0 BashOutput BashCommandecho 1 BashOutput BashCommandecho 2 BashOutput"
			if order == "TIMESTAMP_DESC" {
				want = "BashOutput BashCommandecho 2 BashOutput BashCommandecho 1 BashOutput BashCommandecho 0"
			}
			if got := strings.Join(kinds, " "); got != want {
				t.Errorf("%s: got %s", order, got)
			}
		}
		if page := at.search(t, "page_id=nonsense&limit=1"); page.Items[0].Command != "echo 0" {
			t.Errorf("an unknown page must be the first one, got %+v", page.Items)
		}
		if page := at.search(t, "order__gt=0&kind__eq=BashOutput"); len(page.Items) != 0 {
			t.Errorf("order__gt=0 finds %d", len(page.Items))
		}
		if page := at.search(t, "timestamp__lt=2001-01-01T00:00:00Z"); len(page.Items) != 0 {
			t.Errorf("long ago there were %d events", len(page.Items))
		}
		if _, body := at.ask(t, "DELETE", "/api/bash/bash_events", ""); !like(body, `{"cleared_count":6}`) {
			t.Errorf("got %s", body)
		}
	})
}

func TestLongOutputComesInPiecesAndIsJoinedByExecute(t *testing.T) {
	eachTarget(t, func(t *testing.T, at target) {
		const text = `head -c 2500000 /dev/zero | tr '\0' x`
		e := at.begin(t, run(text))
		at.finished(t, e.ID)
		var sizes []string
		for _, piece := range at.search(t, "kind__eq=BashOutput&command_id__eq="+e.ID).Items {
			sizes = append(sizes, fmt.Sprintf("%d:%d", piece.Order, len(*piece.Stdout)))
		}
		if got, want := strings.Join(sizes, " "), "0:1048576 1:1048576 2:402848"; got != want {
			t.Errorf("pieces %s, want %s", got, want)
		}
		_, body := at.ask(t, "POST", execute, run(text))
		var whole gotEvent
		if err := json.Unmarshal([]byte(body), &whole); err != nil || len(*whole.Stdout) != 2500000 {
			t.Errorf("execute gave %d characters, %v", len(body), err)
		}
	})
}

func TestStop(t *testing.T) {
	eachTarget(t, func(t *testing.T, at target) {
		stop := func(id string) {
			t.Helper()
			if res, body := at.ask(t, "POST", "/api/bash/bash_commands/"+id+"/stop", ""); res.StatusCode != 200 || !like(body, `{"success":true}`) {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		}
		e := at.begin(t, run("sleep 60"))
		stop(e.ID)
		if last := at.finished(t, e.ID); *last.ExitCode != -15 {
			t.Errorf("exit code %d, want -15", *last.ExitCode)
		}
		stop(e.ID) // again is as good
		deaf := filepath.Join(t.TempDir(), "deaf")
		e = at.begin(t, run(`trap "" TERM; : > `+deaf+`; sleep 60; sleep 60`))
		for !exists(deaf) {
		}
		stop(e.ID)
		if last := at.finished(t, e.ID); *last.ExitCode != -9 {
			t.Errorf("exit code %d, want -9", *last.ExitCode)
		}
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestManyCommandsAtOnce(t *testing.T) {
	eachTarget(t, func(t *testing.T, at target) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				res, body := at.ask(t, "POST", execute, run(fmt.Sprintf("echo %d; exit %d", i, i)))
				if want := outputOf(i, fmt.Sprintf("%d\n", i), ""); res.StatusCode != 200 || !like(body, want) {
					t.Errorf("got %s, want %s", body, want)
				}
			})
		}
		all.Wait()
	})
}

func TestTheStoreKeepsAThousandEventsAnd64MiB(t *testing.T) {
	var s store
	for range maxEvents + 5 {
		s.add(event{Kind: "BashCommand", started: &started{}})
	}
	if len(s.events) != maxEvents || s.events[0].seq != 5 {
		t.Errorf("%d events, the first is %d", len(s.events), s.events[0].seq)
	}
	big := strings.Repeat("x", 20<<20)
	for range 5 {
		s.add(event{Kind: "BashOutput", output: &output{Stdout: &big}})
	}
	if len(s.events) != 3 || s.bytes > maxBytes {
		t.Errorf("%d events, %d bytes", len(s.events), s.bytes)
	}
	if n := s.clear(); n != 3 || s.bytes != 0 {
		t.Errorf("cleared %d, %d bytes left", n, s.bytes)
	}
}

func TestACharacterSplitBetweenReadsStaysWhole(t *testing.T) {
	var kept []output
	c := &collector{keep: func(o output) { kept = append(kept, o) }}
	text := []byte("aä€")
	for _, b := range text {
		c.take([]byte{b}, false, false)
	}
	c.take([]byte{0xe2, 0x82}, false, false) // the input ends inside a character
	c.take(nil, false, true)
	c.finish(0)
	if got, want := *kept[0].Stdout, "aä€\ufffd"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTimeOutsFarOffDoNotOverflow(t *testing.T) {
	for seconds, want := range map[int64]time.Duration{1: time.Second, -5: -5 * time.Second, 1 << 62: time.Duration(1<<63-1) / time.Second * time.Second} {
		if got := timeoutOf(seconds); got != want {
			t.Errorf("%d: got %v, want %v", seconds, got, want)
		}
	}
}
