package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// Build makes an image from a context in tar form and hands on the builder's output, line by line. A step that fails
// is a *sandbox.StepError. The classic builder is asked first: its output needs no session; an engine that has left it
// behind is asked again for BuildKit.
func (e *Engine) Build(ctx context.Context, tar io.ReadSeeker, o sandbox.Build, line func(string)) error {
	answer, err := e.build(ctx, tar, o, build.BuilderV1)
	if err != nil && !client.IsErrConnectionFailed(err) && e.hasBuildKit(ctx) {
		if _, err = tar.Seek(0, io.SeekStart); err == nil {
			answer, err = e.build(ctx, tar, o, build.BuilderBuildKit)
		}
	}
	if err != nil {
		return e.explain(o.Ref, err)
	}
	defer answer.Close()
	var rest string
	err = output(answer, func(text string) {
		whole := strings.Split(rest+text, "\n")
		for _, l := range whole[:len(whole)-1] {
			line(l)
		}
		rest = whole[len(whole)-1]
	})
	if rest != "" {
		line(rest)
	}
	return e.brokenOff(o.Ref, err)
}

func (e *Engine) build(ctx context.Context, tar io.Reader, o sandbox.Build, version build.BuilderVersion) (io.ReadCloser, error) {
	args := map[string]*string{}
	for name, value := range o.Args {
		args[name] = &value
	}
	answer, err := e.docker.ImageBuild(ctx, tar, build.ImageBuildOptions{
		Version:   version,
		Tags:      []string{o.Ref},
		Target:    o.Target,
		BuildArgs: args,
		Labels:    o.Labels,
		NoCache:   o.NoCache,
		Remove:    true, ForceRemove: true, // containers of steps, also of one that failed
	})
	return answer.Body, err
}

func (e *Engine) hasBuildKit(ctx context.Context) bool {
	pong, err := e.docker.Ping(ctx)
	return err == nil && pong.BuilderVersion == build.BuilderBuildKit
}

// Import makes an image of one layer from a file system in tar form.
func (e *Engine) Import(ctx context.Context, tar io.Reader, ref string, labels map[string]string) error {
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		changes = append(changes, "LABEL "+name+"="+labels[name])
	}
	answer, err := e.docker.ImageImport(ctx, image.ImportSource{Source: tar, SourceName: "-"}, ref,
		image.ImportOptions{Changes: changes})
	if err != nil {
		return e.explain(ref, err)
	}
	defer answer.Close()
	var step *sandbox.StepError
	if err = output(answer, func(string) {}); errors.As(err, &step) {
		return &fault.Fault{Kind: fault.Image, Message: ref + ": " + step.Text, Cause: err}
	}
	return e.brokenOff(ref, err)
}

// Tidy removes images with these labels that have no name, are in no use and nothing is built upon.
func (e *Engine) Tidy(ctx context.Context, labels map[string]string) error {
	which := filters.NewArgs(filters.Arg("dangling", "true"))
	for name, value := range labels {
		which.Add("label", name+"="+value)
	}
	_, err := e.docker.ImagesPrune(ctx, which)
	return e.explain("images without a name", err)
}

// brokenOff tells a step that failed, which is handed on as it is, from a stream that ended too early.
func (e *Engine) brokenOff(ref string, err error) error {
	var step *sandbox.StepError
	if errors.As(err, &step) {
		return err
	}
	return e.explain(ref, err)
}

// exitCode finds a command's code in the words of a builder that does not tell it apart.
var exitCode = regexp.MustCompile(`exit code: (\d+)$`)

// output reads the stream a build or an import answers with. The status is 200 whatever happens: an error stands in
// the stream.
func output(r io.Reader, text func(string)) error {
	for decoder := json.NewDecoder(r); ; {
		var m struct {
			ID     string          `json:"id"`
			Aux    json.RawMessage `json:"aux"`
			Stream string          `json:"stream"`
			Error  *struct {
				Code    int    `json:"code"`
				Message string `json:"message"`
			} `json:"errorDetail"`
		}
		err := decoder.Decode(&m)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Error != nil:
			if code := exitCode.FindStringSubmatch(m.Error.Message); code != nil && m.Error.Code == 0 {
				m.Error.Code, _ = strconv.Atoi(code[1])
			}
			return &sandbox.StepError{Code: m.Error.Code, Text: m.Error.Message}
		case m.ID == "moby.buildkit.trace":
			var trace []byte
			if err = json.Unmarshal(m.Aux, &trace); err == nil {
				m.Stream, err = traced(trace)
			}
			if err != nil {
				return err
			}
		}
		text(m.Stream)
	}
}
