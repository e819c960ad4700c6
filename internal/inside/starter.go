package inside

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"regexp"
)

// Image is the starter image as `docker load` takes it: a pure function of the program, its architecture and berth's version, so its ID changes with its content only.
type Image struct {
	ID  string // "sha256:…" of the configuration; the image's id on an engine without the containerd image store
	Ref string // "localhost/berth/starter:<version>"
	Key string // value of the label dev.berth.key; compare this to know whether the engine's image is this one

	program   []byte
	version   string
	config    []byte
	layer     string // hex SHA-256 of the layer's tar
	layerSize int64
}

// StarterRef gives the name of the starter image of a version; what a tag cannot hold becomes "-".
func StarterRef(version string) string {
	return "localhost/berth/starter:" + notInTag.ReplaceAllString(version, "-")
}

var notInTag = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// StarterKey gives what the label dev.berth.key of the starter image must be; it costs microseconds and unpacks nothing.
func StarterKey(arch, version string) (string, error) {
	sum, err := Hash(arch)
	if err != nil {
		return "", err
	}
	return hexSum([]byte("berth-starter-v1\n" + arch + "\n" + version + "\n" + sum)), nil
}

// StarterImage prepares the starter image for an architecture ("amd64", "arm64"); WriteTo writes it.
func StarterImage(arch, version string) (Image, error) {
	key, err := StarterKey(arch, version)
	if err != nil {
		return Image{}, err
	}
	program, err := Binary(arch)
	if err != nil {
		return Image{}, err
	}
	img := Image{Ref: StarterRef(version), Key: key, program: program, version: version}
	h := sha256.New()
	count := &counter{w: h}
	if err := writeLayer(count, program, version); err != nil {
		return Image{}, err
	}
	img.layer, img.layerSize = hex.EncodeToString(h.Sum(nil)), count.n
	img.config, err = json.Marshal(imageConfig(arch, version, key, img.layer))
	if err != nil {
		return Image{}, err
	}
	img.ID = "sha256:" + hexSum(img.config)
	return img, nil
}

// WriteTo writes the tar that the engine's image load call takes: configuration, one layer, manifest.
func (i Image) WriteTo(w io.Writer) (int64, error) {
	count := &counter{w: w}
	t := tar.NewWriter(count)
	configName, layerName := i.ID[len("sha256:"):]+".json", i.layer+"/layer.tar"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{i.Ref}, "Layers": []string{layerName}}})
	if err != nil {
		return 0, err
	}
	if err := writeFile(t, configName, 0o644, i.config); err != nil {
		return count.n, err
	}
	if err := writeFile(t, "manifest.json", 0o644, manifest); err != nil {
		return count.n, err
	}
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: layerName, Mode: 0o644, Size: i.layerSize, Format: tar.FormatUSTAR}); err != nil {
		return count.n, err
	}
	if err := writeLayer(t, i.program, i.version); err != nil {
		return count.n, err
	}
	err = t.Close()
	return count.n, err
}

// imageConfig is the image's configuration in the engine's form (OCI image-spec, "Image Configuration").
func imageConfig(arch, version, key, layer string) map[string]any {
	return map[string]any{
		"architecture": arch,
		"os":           "linux",
		"created":      "1970-01-01T00:00:00Z",
		"config": map[string]any{
			"Entrypoint": []string{"/.berth/starter"},
			"Env":        []string{"PATH=/bin", "HOME=/home/berth"},
			"WorkingDir": "/workspace",
			"Labels": map[string]string{
				"dev.berth.kind":     "starter",
				"dev.berth.contract": "starter",
				"dev.berth.version":  version,
				"dev.berth.key":      key,
			},
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + layer}},
		"history": []map[string]any{{"created": "1970-01-01T00:00:00Z", "created_by": "berth " + version}},
	}
}

// counter counts what passes to w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
