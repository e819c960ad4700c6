package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// answering is an engine that gives one answer to every request; asked holds the last one's query.
func answering(t *testing.T, status int, body string) (e *Engine, asked *http.Request) {
	t.Helper()
	asked = new(http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		*asked = *r
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	docker, err := client.NewClientWithOpts(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	return &Engine{docker: docker}, asked
}

func TestABuildersOutputComesInWholeLines(t *testing.T) {
	e, asked := answering(t, 200, `{"stream":"Step 1/2 : FROM x\n --"}{"stream":"-\u003e id\nlast"}{"aux":{"ID":"sha256:1"}}`)
	var got []string
	err := e.Build(t.Context(), strings.NewReader("tar"), sandbox.Build{
		Ref: "localhost/berth/x:1", Target: "slim", Args: map[string]string{"BASE": "debian"}, Labels: map[string]string{"a": "b"},
	}, func(line string) { got = append(got, line) })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Step 1/2 : FROM x", " ---> id", "last"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	query := asked.URL.Query()
	for name, want := range map[string]string{
		"t": "localhost/berth/x:1", "target": "slim", "version": "1", "forcerm": "1",
		"buildargs": `{"BASE":"debian"}`, "labels": `{"a":"b"}`,
	} {
		if query.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, query.Get(name), want)
		}
	}
}

func TestAFailedStepIsToldThoughTheStatusIs200(t *testing.T) {
	e, _ := answering(t, 200, `{"stream":"Step 1/1 : RUN false\n"}{"errorDetail":{"code":1,"message":"returned a non-zero code: 1"},"error":"x"}`)
	err := e.Build(t.Context(), strings.NewReader(""), sandbox.Build{Ref: "x"}, func(string) {})
	var step *sandbox.StepError
	if !errors.As(err, &step) || step.Code != 1 || step.Text != "returned a non-zero code: 1" {
		t.Errorf("got %#v", err)
	}
}

func TestAnEngineThatDiesUnderABuildIsNoFailedStep(t *testing.T) {
	e, _ := answering(t, 200, `{"stream":"Step 1/1 : RUN make\n"}{"stre`)
	err := e.Build(t.Context(), strings.NewReader(""), sandbox.Build{Ref: "x"}, func(string) {})
	var step *sandbox.StepError
	if err == nil || errors.As(err, &step) {
		t.Errorf("got %#v", err)
	}
}

func TestAnImportLabelsItsImage(t *testing.T) {
	e, asked := answering(t, 200, `{"status":"sha256:1"}`)
	if err := e.Import(t.Context(), strings.NewReader("tar"), "localhost/berth/base:x", map[string]string{"b": "2", "a": "1"}); err != nil {
		t.Fatal(err)
	}
	query := asked.URL.Query()
	if !slices.Equal(query["changes"], []string{"LABEL a=1", "LABEL b=2"}) || query.Get("repo") != "localhost/berth/base:x" {
		t.Errorf("asked %v", query)
	}
}

func TestAnImportThatFailsIsAFaultOfTheImage(t *testing.T) {
	e, _ := answering(t, 200, `{"errorDetail":{"message":"unexpected EOF"}}`)
	err := e.Import(t.Context(), strings.NewReader(""), "localhost/berth/base:x", nil)
	if err == nil || err.Error() != "localhost/berth/base:x: unexpected EOF" || fault.KindOf(err) != fault.Image {
		t.Errorf("got %v", err)
	}
}

func TestTidyTakesOnlyWhatIsLabelledAndHasNoName(t *testing.T) {
	e, asked := answering(t, 200, `{}`)
	if err := e.Tidy(t.Context(), map[string]string{"kind": "stage"}); err != nil {
		t.Fatal(err)
	}
	if got, want := asked.URL.Query().Get("filters"), `{"dangling":{"true":true},"label":{"kind=stage":true}}`; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}

func TestBuildKitsTraceReadsLikeTheClassicBuilder(t *testing.T) {
	stream, err := os.ReadFile("testdata/buildkit.ndjson") // of engine 20.10, asked with version=2
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	err = output(bytes.NewReader(stream), func(text string) { got.WriteString(text) })
	want := "Step 1/3 : FROM localhost/berth/base:trixie\nStep 2/3 : RUN echo one && echo two\none\ntwo\n" +
		"Step 3/3 : RUN echo three; exit 3\nthree\n"
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	var step *sandbox.StepError
	if !errors.As(err, &step) || step.Code != 3 {
		t.Errorf("the error is %#v", err)
	}
}

func TestATraceThatIsCutOffIsAnError(t *testing.T) {
	for _, message := range [][]byte{{0x0a}, {0x0a, 0x05, 'x'}, {0x08}, {0x0d, 1}, {0x0b}, {0xff}} {
		if _, err := traced(message); err == nil {
			t.Errorf("% x was read", message)
		}
	}
}

func TestAnEngineWithoutTheClassicBuilderIsAskedForBuildKit(t *testing.T) {
	var versions []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, _ := io.Copy(io.Discard, r.Body)
		switch version := r.URL.Query().Get("version"); {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Builder-Version", "2")
		case version == "1":
			versions = append(versions, fmt.Sprint(version, " ", size))
			http.Error(w, `{"message":"no such builder"}`, http.StatusBadRequest)
		default:
			versions = append(versions, fmt.Sprint(version, " ", size))
			fmt.Fprint(w, `{"stream":"done\n"}`)
		}
	}))
	defer server.Close()
	docker, err := client.NewClientWithOpts(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{docker: docker}
	if err := e.Build(t.Context(), strings.NewReader("context"), sandbox.Build{Ref: "x"}, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1 7", "2 7"}; !slices.Equal(versions, want) {
		t.Errorf("asked with version and bytes %q, want %q", versions, want)
	}
}
