package inside

import (
	"archive/tar"
	"io"
	"strings"
)

// StarterCommands are the names under /bin of the starter image; all of them are the one program.
var StarterCommands = strings.Fields(`sh bash [ basename base64 cat chmod cmp cp cut date df dirname du echo env false find grep gzip head hostname id kill
	ln ls mkdir mktemp mv printenv printf ps pwd readlink rm rmdir sed seq sha256sum sleep sort stat tail tar tee test touch tr true
	uname uniq wc which whoami xargs`)

// starterDirs are the folders of the image with their modes. /workspace and the home are 0777: the sandbox runs as the host's uid, which no image knows.
var starterDirs = []struct {
	name string
	mode int64
}{
	{".berth/", 0o755}, {"bin/", 0o755}, {"etc/", 0o755}, {"home/", 0o755}, {"home/berth/", 0o777}, {"run/", 0o755},
	{"tmp/", 0o1777}, {"usr/", 0o755}, {"usr/bin/", 0o755}, {"var/", 0o755}, {"var/tmp/", 0o1777}, {"workspace/", 0o777},
}

var starterFiles = []struct{ name, content string }{
	{"etc/group", "root:x:0:\nnogroup:x:65534:\n"},
	{"etc/passwd", "root:x:0:0:root:/home/berth:/bin/sh\nnobody:x:65534:65534:nobody:/home/berth:/bin/sh\n"},
}

// writeLayer writes the image's only layer; the same program and version give the same bytes.
func writeLayer(w io.Writer, program []byte, version string) error {
	t := tar.NewWriter(w)
	for _, d := range starterDirs {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: d.name, Mode: d.mode, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
	}
	if err := writeFile(t, ".berth/starter", 0o755, program); err != nil {
		return err
	}
	if err := writeFile(t, ".berth/version", 0o644, []byte(version+"\n")); err != nil {
		return err
	}
	for _, f := range starterFiles {
		if err := writeFile(t, f.name, 0o644, []byte(f.content)); err != nil {
			return err
		}
	}
	for _, name := range StarterCommands {
		if err := writeLink(t, "bin/"+name); err != nil {
			return err
		}
	}
	// Scripts begin with #!/usr/bin/env.
	if err := writeLink(t, "usr/bin/env"); err != nil {
		return err
	}
	return t.Close()
}

func writeFile(t *tar.Writer, name string, mode int64, content []byte) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content)), Format: tar.FormatUSTAR}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := t.Write(content)
	return err
}

func writeLink(t *tar.Writer, name string) error {
	return t.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "/.berth/starter", Mode: 0o777, Format: tar.FormatUSTAR})
}
