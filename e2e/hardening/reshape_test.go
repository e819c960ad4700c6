package hardening

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/e2e/internal/rig"
	"berth/internal/sandbox"
)

// another makes a container and a volume that do nothing but be there, under one name.
func (b *byHandSandbox) another(t *testing.T, body map[string]any) string {
	t.Helper()
	name := b.Name + "-other"
	mode := body["HostConfig"].(map[string]any)["NetworkMode"]
	labels := map[string]string{sandbox.LabelOwner: b.Owner}
	b.call(t, http.MethodPost, "/containers/create?name="+name, map[string]any{
		"Image": body["Image"], "Labels": labels,
		"HostConfig": map[string]any{"NetworkMode": mode, "Tmpfs": map[string]string{rig.StandinVolume: ""}},
	})
	b.call(t, http.MethodPost, "/volumes/create", map[string]any{"Name": name})
	t.Cleanup(func() {
		b.Berth("rm", "-f", b.Name) // it holds the volume
		b.call(t, http.MethodDelete, "/containers/"+name+"?force=1", nil)
		b.call(t, http.MethodDelete, "/volumes/"+name+"?force=1", nil)
	})
	return name
}

// createBody reads a container back as the body that would make it again.
func (b *byHandSandbox) createBody(t *testing.T) map[string]any {
	t.Helper()
	seen := b.call(t, http.MethodGet, "/containers/"+b.container()+"/json", nil)
	body := seen["Config"].(map[string]any)
	body["Image"], body["HostConfig"] = seen["Image"], seen["HostConfig"]
	endpoints := map[string]any{}
	for network := range seen["NetworkSettings"].(map[string]any)["Networks"].(map[string]any) {
		endpoints[network] = map[string]any{}
	}
	body["NetworkingConfig"] = map[string]any{"EndpointsConfig": endpoints}
	return body
}

func (b *byHandSandbox) replace(t *testing.T, body map[string]any) {
	t.Helper()
	b.call(t, http.MethodDelete, "/containers/"+b.container()+"?force=1", nil)
	b.call(t, http.MethodPost, "/containers/create?name="+b.container(), body)
}

// call speaks the engine's oldest API, which every engine in use understands.
func (b *byHandSandbox) call(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, "http://engine/v1.41"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := b.engine.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	gone := method == http.MethodDelete && response.StatusCode == http.StatusNotFound // the row before made none
	if err != nil || response.StatusCode >= 300 && !gone {
		t.Fatalf("%s %s: %s %v\n%s", method, path, response.Status, err, answer)
	}
	var out map[string]any
	if len(answer) > 0 && json.Unmarshal(answer, &out) != nil {
		t.Fatalf("%s %s: %s", method, path, answer)
	}
	return out
}

func copied(t *testing.T, body map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// named puts the test's own names into a value.
func named(t *testing.T, value any, names *strings.Replacer) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal([]byte(names.Replace(string(text))), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// set changes one field, and tells whether it found the way there. In a list a step is =NAME, the element whose Target
// or Name is that, or ^TEXT, the one that begins so; + adds one.
func set(in any, path []string, value any) bool {
	fields, ok := in.(map[string]any)
	step := path[0]
	if !ok {
		return false
	}
	if at, isList := fields[step].([]any); isList && len(path) > 1 {
		changed, ok := setIn(at, path[1:], value)
		fields[step] = changed
		return ok
	}
	switch {
	case len(path) > 1:
		return set(fields[step], path[1:], value)
	case value == nil:
		delete(fields, step)
	default:
		fields[step] = value
	}
	return true
}

func setIn(at []any, path []string, value any) ([]any, bool) {
	step := path[0]
	if step == "+" {
		return append(at, value), true
	}
	i := slices.IndexFunc(at, func(v any) bool {
		text, _ := v.(string)
		fields, _ := v.(map[string]any)
		start, isText := strings.CutPrefix(step, "^")
		return isText && strings.HasPrefix(text, start) ||
			"="+fmt.Sprint(fields["Target"]) == step || "="+fmt.Sprint(fields["Name"]) == step
	})
	switch {
	case i < 0:
		return at, false
	case len(path) == 1:
		at[i] = value
		return at, true
	}
	return at, set(at[i], path[1:], value)
}
