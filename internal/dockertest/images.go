package dockertest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is an image that the engine has or a registry gives.
type Image struct {
	Ref        string // name:tag
	ID         string // filled when empty
	Digest     string // of the repository; "" for one that was built
	OS, Arch   string // filled: linux, amd64
	Entrypoint []string
	Cmd        []string
	User       string
	WorkDir    string
	Env        []string
	Labels     map[string]string
	Volumes    []string
	Exposed    []string
	Size       int64
	Files      map[string]string // what an archive call finds, by absolute path; "-> x" is a link
}

// Pull is how the registry answers for one reference.
type Pull struct {
	Image *Image        // what the engine has in the end; nil when the pull fails
	Lines []string      // JSON lines of progress
	Wait  chan struct{} // when set, nothing is sent before it is closed
}

// Image adds an image that is there before the test.
func (s *Server) Image(i Image) Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.addImage(i)
}

// Registry sets how a pull of a reference goes.
func (s *Server) Registry(ref string, p Pull) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulls[tagged(ref)] = p
}

func (s *Server) addImage(i Image) *Image {
	i.Ref = tagged(i.Ref)
	if i.ID == "" {
		i.ID = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(i.Ref)))
	}
	i.OS, i.Arch = orElse(i.OS, "linux"), orElse(i.Arch, "amd64")
	s.images[i.Ref] = &i
	return &i
}

func (s *Server) image(name string) *Image {
	if i := s.images[tagged(name)]; i != nil {
		return i
	}
	for _, i := range s.images {
		if i.ID == name || i.Digest != "" && strings.HasSuffix(name, "@"+i.Digest) {
			return i
		}
	}
	return nil
}

// tagged adds :latest to a name without tag or digest.
func tagged(name string) string {
	if strings.Contains(name, "@") || strings.HasPrefix(name, "sha256:") || strings.LastIndex(name, ":") > strings.LastIndex(name, "/") {
		return name
	}
	return name + ":latest"
}

func (i *Image) digests() []string {
	if i.Digest == "" {
		return nil
	}
	name := i.Ref[:strings.LastIndex(i.Ref, ":")]
	return []string{name + "@" + i.Digest}
}

func (s *Server) inspectImage(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.image(c.name)
	if i == nil {
		fail(c.w, http.StatusNotFound, "no such image: %s: No such image: %s", c.name, tagged(c.name))
		return
	}
	config := ocispec.ImageConfig{
		Entrypoint: i.Entrypoint, Cmd: i.Cmd, User: i.User, WorkingDir: i.WorkDir, Env: i.Env, Labels: i.Labels,
		Volumes: set(i.Volumes), ExposedPorts: set(i.Exposed),
	}
	answer(c.w, image.InspectResponse{
		ID: i.ID, RepoTags: []string{i.Ref}, RepoDigests: i.digests(), Created: "2026-01-02T03:04:05Z",
		Os: i.OS, Architecture: i.Arch, Size: i.Size, Config: &dockerspec.DockerOCIImageConfig{ImageConfig: config},
	})
}

func set(names []string) map[string]struct{} {
	out := map[string]struct{}{}
	for _, name := range names {
		out[name] = struct{}{}
	}
	return out
}

func (s *Server) listImages(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []image.Summary{}
	for _, i := range s.images {
		list = append(list, image.Summary{ID: i.ID, RepoTags: []string{i.Ref}, RepoDigests: i.digests(), Size: i.Size, Labels: i.Labels})
	}
	answer(c.w, list)
}

func (s *Server) tagImage(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.image(c.name)
	if i == nil {
		fail(c.w, http.StatusNotFound, "No such image: %s", c.name)
		return
	}
	again := *i
	again.Ref = c.Query.Get("repo") + ":" + c.Query.Get("tag")
	s.addImage(again)
	c.w.WriteHeader(http.StatusCreated)
}

func (s *Server) removeImage(c call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.image(c.name)
	if i == nil {
		fail(c.w, http.StatusNotFound, "No such image: %s", tagged(c.name))
		return
	}
	for _, b := range s.containers {
		if b.Image == i.ID {
			fail(c.w, http.StatusConflict, "conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s", c.name, b.ID[:12], i.ID[7:19])
			return
		}
	}
	delete(s.images, i.Ref)
	answer(c.w, []image.DeleteResponse{{Untagged: i.Ref}})
}

// pull follows the registry's script for a reference; one without a script is unknown to it.
func (s *Server) pull(c call) {
	ref := strings.TrimPrefix(strings.TrimPrefix(c.Query.Get("fromImage"), "docker.io/"), "library/")
	if tag := c.Query.Get("tag"); strings.HasPrefix(tag, "sha256:") {
		ref += "@" + tag
	} else if tag != "" {
		ref += ":" + tag
	}
	s.mu.Lock()
	p, known := s.pulls[ref]
	s.mu.Unlock()
	if !known {
		fail(c.w, http.StatusNotFound, "manifest for %s not found: manifest unknown: manifest unknown", ref)
		return
	}
	if p.Wait != nil {
		select {
		case <-p.Wait:
		case <-c.r.Context().Done():
			return
		}
	}
	c.w.Header().Set("Content-Type", "application/json")
	for _, l := range p.Lines {
		fmt.Fprintln(c.w, l)
		flush(c.w)
	}
	if p.Image != nil {
		s.mu.Lock()
		s.addImage(*p.Image)
		s.mu.Unlock()
	}
}

// load takes name and configuration from a docker-save archive.
func (s *Server) load(c call) {
	files := map[string][]byte{}
	for r := tar.NewReader(c.r.Body); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fail(c.w, http.StatusInternalServerError, "Error processing tar file(exit status 1): %v", err)
			return
		}
		files[header.Name], _ = io.ReadAll(r)
	}
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if json.Unmarshal(files["manifest.json"], &manifest) != nil || len(manifest) == 0 {
		answer(c.w, map[string]any{"errorDetail": map[string]string{"message": "invalid archive: no manifest.json"}})
		return
	}
	var about ocispec.Image
	_ = json.Unmarshal(files[manifest[0].Config], &about)
	i := Image{
		Ref: manifest[0].RepoTags[0], ID: fmt.Sprintf("sha256:%x", sha256.Sum256(files[manifest[0].Config])), OS: about.OS, Arch: about.Architecture,
		Entrypoint: about.Config.Entrypoint, Cmd: about.Config.Cmd, User: about.Config.User, WorkDir: about.Config.WorkingDir,
		Env: about.Config.Env, Labels: about.Config.Labels, Volumes: names(about.Config.Volumes), Exposed: names(about.Config.ExposedPorts),
		Files: map[string]string{},
	}
	for _, layer := range manifest[0].Layers {
		i.unpack(files[layer])
	}
	s.mu.Lock()
	s.addImage(i)
	s.mu.Unlock()
	answer(c.w, map[string]string{"stream": "Loaded image: " + i.Ref + "\n"})
}

func (i *Image) unpack(layer []byte) {
	for r := tar.NewReader(bytes.NewReader(layer)); ; {
		header, err := r.Next()
		if err != nil {
			return
		}
		content, _ := io.ReadAll(r)
		i.Files["/"+header.Name] = string(content)
		if header.Typeflag == tar.TypeSymlink {
			i.Files["/"+header.Name] = "-> " + header.Linkname
		}
	}
}

func names(m map[string]struct{}) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// build makes an empty image under the names asked for; the context is read and forgotten.
func (s *Server) build(c call) {
	_, _ = io.Copy(io.Discard, c.r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	var labels map[string]string
	_ = json.Unmarshal([]byte(c.Query.Get("labels")), &labels)
	id := ""
	for _, ref := range c.Query["t"] {
		id = s.addImage(Image{Ref: ref, Labels: labels}).ID
	}
	answer(c.w, map[string]any{"aux": map[string]string{"ID": id}})
}

// file is something that was put into a container.
type file struct {
	header  tar.Header
	content []byte
}

// Put tells what lies at a path of a container because it was put there.
func (s *Server) Put(name, at string) (header tar.Header, content []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(name)
	if b == nil {
		return header, nil, false
	}
	f, ok := b.files[at]
	return f.header, f.content, ok
}

func (s *Server) putArchive(c call) {
	archive, _ := io.ReadAll(c.r.Body)
	s.with(c, func(b *box) {
		for r := tar.NewReader(bytes.NewReader(archive)); ; {
			header, err := r.Next()
			if err != nil {
				break
			}
			content, _ := io.ReadAll(r)
			b.files[path.Join(c.Query.Get("path"), header.Name)] = file{*header, content}
		}
		c.w.WriteHeader(http.StatusOK)
	})
}

func (s *Server) getArchive(c call) {
	at := c.Query.Get("path")
	s.with(c, func(b *box) {
		f, ok := b.files[at]
		if i := s.image(b.Image); !ok && i != nil {
			f, ok = i.file(at)
		}
		if !ok {
			fail(c.w, http.StatusNotFound, "Could not find the file %s in container %s", at, c.name)
			return
		}
		stat, _ := json.Marshal(container.PathStat{Name: path.Base(at), Size: f.header.Size, Mtime: time.Unix(0, 0), LinkTarget: f.header.Linkname})
		c.w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(stat))
		c.w.Header().Set("Content-Type", "application/x-tar")
		w := tar.NewWriter(c.w)
		_ = w.WriteHeader(&f.header)
		_, _ = w.Write(f.content)
		_ = w.Close()
	})
}

func (i *Image) file(at string) (file, bool) {
	text, ok := i.Files[at]
	header := tar.Header{Name: path.Base(at), Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(text))}
	if target, link := strings.CutPrefix(text, "-> "); link {
		header.Typeflag, header.Linkname, header.Size, text = tar.TypeSymlink, target, 0, ""
	}
	return file{header, []byte(text)}, ok
}
