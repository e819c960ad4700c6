package engine

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/client"

	"berth/internal/fault"
	"berth/internal/sandbox"
)

// imageFileMax bounds what ImageFile reads: it is for small text files of an image.
const imageFileMax = 16 << 20

// Image describes an image the engine has; kind Image when it has none of this name.
func (e *Engine) Image(ctx context.Context, ref string) (sandbox.LocalImage, error) {
	found, err := e.docker.ImageInspect(ctx, ref)
	if notFound(err) {
		return sandbox.LocalImage{}, &fault.Fault{Kind: fault.Image, Message: ref + ": the engine does not have this image", Cause: err}
	}
	if err != nil {
		return sandbox.LocalImage{}, e.explain(ref, err)
	}
	return observeImage(ref, found), nil
}

func observeImage(ref string, found image.InspectResponse) sandbox.LocalImage {
	out := sandbox.LocalImage{
		Image: sandbox.Image{Ref: ref, ID: found.ID, Digest: digestOf(ref, found.RepoDigests), Platform: platformOf(found)},
		Size:  found.Size, Created: parseTime(found.Created),
	}
	if c := found.Config; c != nil {
		out.Entrypoint, out.Cmd, out.User, out.WorkDir = c.Entrypoint, c.Cmd, c.User, c.WorkingDir
		out.Env, out.Labels = c.Env, c.Labels
		out.Volumes, out.Exposed = sortedKeys(c.Volumes), sortedKeys(c.ExposedPorts)
	}
	return out
}

func platformOf(found image.InspectResponse) string {
	if found.Os == "" {
		return ""
	}
	return strings.TrimSuffix(found.Os+"/"+found.Architecture+"/"+found.Variant, "/")
}

// digestOf picks the digest under which ref's own repository knows the image.
func digestOf(ref string, digests []string) string {
	want := repository(ref)
	for _, d := range digests {
		if name, digest, ok := strings.Cut(d, "@"); ok && repository(name) == want {
			return digest
		}
	}
	return ""
}

// repository gives the full name without tag and digest: docker.io/library/debian.
func repository(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name = name[:colon]
	}
	host, rest, ok := strings.Cut(name, "/")
	switch {
	case !ok:
		return "docker.io/library/" + name
	case !isHost(host):
		return "docker.io/" + name
	case host == "index.docker.io":
		return "docker.io/" + rest
	}
	return name
}

// isHost tells a registry from the first part of a Docker Hub name, by the rule of all image references.
func isHost(part string) bool { return part == "localhost" || strings.ContainsAny(part, ".:") }

func sortedKeys[K ~string, V any](m map[K]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, string(k))
	}
	slices.Sort(keys)
	return keys
}

// Images lists the images of the engine, one for each name; those without a name have their id as Ref. Labels, size,
// id and time are told, not what they run.
func (e *Engine) Images(ctx context.Context) ([]sandbox.LocalImage, error) {
	list, err := e.docker.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return nil, e.explain("images", err)
	}
	var out []sandbox.LocalImage
	for _, found := range list {
		names := slices.DeleteFunc(found.RepoTags, func(name string) bool { return name == "<none>:<none>" })
		if len(names) == 0 {
			names = []string{found.ID}
		}
		for _, name := range names {
			out = append(out, sandbox.LocalImage{
				Image: sandbox.Image{Ref: name, ID: found.ID, Digest: digestOf(name, found.RepoDigests)},
				Size:  found.Size, Created: time.Unix(found.Created, 0).UTC(), Labels: found.Labels,
			})
		}
	}
	slices.SortFunc(out, func(a, b sandbox.LocalImage) int { return strings.Compare(a.Ref, b.Ref) })
	return out, nil
}

// Load reads an image archive, in the form of docker save, into the engine.
func (e *Engine) Load(ctx context.Context, archive io.Reader) error {
	answer, err := e.docker.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return e.explain("image archive", err)
	}
	defer answer.Body.Close()
	for decoder := json.NewDecoder(answer.Body); ; {
		var m message
		switch err := decoder.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return e.explain("image archive", err)
		case m.failure() != nil:
			return e.explain("image archive", m.failure())
		}
	}
}

// ImageFiles reads files of an image, following links within it, through a container that is never started; those that
// are not there are left out. The container carries labels, so that a later run clears it should this one be killed.
func (e *Engine) ImageFiles(ctx context.Context, imageID string, labels map[string]string, names ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := e.withHelper(ctx, imageID, nil, labels, func(id string) error {
		for _, name := range names {
			content, err := e.containerFile(ctx, id, imageID, name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			files[name] = content
		}
		return nil
	})
	return files, err
}

// withHelper gives use a container of an image, with mounts, that never runs, and removes it.
func (e *Engine) withHelper(ctx context.Context, imageID string, mounts []mount.Mount, labels map[string]string, use func(id string) error) error {
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[sandbox.LabelKind] = sandbox.KindHelper
	config := &container.Config{Image: imageID, Entrypoint: []string{"/never"}, Labels: labels, NetworkDisabled: true}
	var id string
	err := e.whole(ctx, imageID, sandbox.ContainerObject, func(ctx context.Context) (string, error) {
		made, err := e.docker.ContainerCreate(ctx, config, &container.HostConfig{NetworkMode: "none", Mounts: mounts}, nil, nil, "")
		id = made.ID
		return id, e.explain(imageID, err)
	})
	if err != nil {
		return err
	}
	err = use(id)
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return errors.Join(err, e.Remove(undo, sandbox.ContainerObject, id))
}

func (e *Engine) containerFile(ctx context.Context, id, imageID, name string) ([]byte, error) {
	subject := imageID + ": " + name
	for range 8 { // links
		archive, _, err := e.docker.CopyFromContainer(ctx, id, name)
		if notFound(err) {
			return nil, &fault.Fault{Kind: fault.NotFound, Message: subject + ": the image has no such file", Cause: fs.ErrNotExist}
		}
		if err != nil {
			return nil, e.explain(subject, err)
		}
		content, link, err := firstFile(archive)
		archive.Close()
		if err != nil {
			return nil, fault.New(fault.Image, "", "%s: %w", subject, err)
		}
		if link == "" {
			return content, nil
		}
		if !path.IsAbs(link) {
			link = path.Join(path.Dir(name), link)
		}
		name = link
	}
	return nil, fault.New(fault.Image, "", "%s: too many links", subject)
}

// firstFile reads the one file of an archive, or where the link leads that is there instead.
func firstFile(archive io.Reader) (content []byte, link string, err error) {
	r := tar.NewReader(archive)
	header, err := r.Next()
	switch {
	case err != nil:
		return nil, "", err
	case header.Typeflag == tar.TypeSymlink:
		return nil, header.Linkname, nil
	case header.Typeflag != tar.TypeReg:
		return nil, "", errors.New("not a file")
	case header.Size > imageFileMax:
		return nil, "", errors.New("too large to read")
	}
	content, err = io.ReadAll(r)
	return content, "", err
}
