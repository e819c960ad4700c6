package main

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"berth/internal/fault"
)

// packed streams a file or folder of this machine as a tar archive whose first entry is called name. Links are kept as
// links; what is neither file, folder nor link is left out.
func packed(ctx context.Context, source, name string) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		out := tar.NewWriter(w)
		err := filepath.WalkDir(source, func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			below, err := filepath.Rel(source, file)
			if err != nil {
				return err
			}
			return packOne(out, file, path.Join(name, filepath.ToSlash(below)), d)
		})
		w.CloseWithError(errors.Join(err, out.Close()))
	}()
	return r
}

func packOne(out *tar.Writer, file, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	target := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if target, err = os.Readlink(file); err != nil {
			return err
		}
	case !info.Mode().IsRegular() && !info.IsDir():
		return nil
	}
	head, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	head.Name, head.Uid, head.Gid, head.Uname, head.Gname = name, 0, 0, "", ""
	if err := out.WriteHeader(head); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	_, err = io.Copy(out, f)
	return err
}

// unpacked takes a tar archive from a sandbox into a folder, its first name replaced by another. Nothing leaves the
// folder, whatever the archive says: all goes through an os.Root, names that lead out are refused, and so are links
// that do.
func unpacked(folder, first, name string) (w *io.PipeWriter, wait func() error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := unpack(r, folder, first, name)
		_ = r.CloseWithError(err) // stops whoever still writes
		done <- err
	}()
	return w, func() error { return <-done }
}

func unpack(r io.Reader, folder, first, name string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fault.New(fault.NotFound, "", "%s: no such folder", folder)
	}
	defer root.Close() //nolint:errcheck // what was written is closed by itself
	in := tar.NewReader(r)
	for {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		to, ok := renamed(head.Name, first, name)
		if !ok {
			return fault.New(fault.Failure, "", "%s: the sandbox sent a file of another name", head.Name)
		}
		if err := unpackOne(root, in, head, to); err != nil {
			return fault.New(fault.Failure, "", "%s: %w", filepath.Join(folder, to), err)
		}
	}
}

// renamed puts name in place of the archive's first path element, which must be first.
func renamed(entry, first, name string) (string, bool) {
	clean := path.Clean(entry)
	if clean == first {
		return name, true
	}
	rest, ok := strings.CutPrefix(clean, first+"/")
	return path.Join(name, rest), ok && filepath.IsLocal(rest)
}

func unpackOne(root *os.Root, in io.Reader, head *tar.Header, to string) error {
	mode := head.FileInfo().Mode().Perm()
	switch head.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(to, mode|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case tar.TypeSymlink:
		if !filepath.IsLocal(path.Join(path.Dir(to), head.Linkname)) || path.IsAbs(head.Linkname) {
			return errors.New("a link that leads out of the folder is not copied")
		}
		return root.Symlink(head.Linkname, to)
	case tar.TypeReg:
	default:
		return nil // a pipe, a device, a hard link: nothing to keep
	}
	f, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Close())
}

// streamed reads what an archive writes.
func streamed(archive io.WriterTo) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, err := archive.WriteTo(w)
		w.CloseWithError(err)
	}()
	return r
}
