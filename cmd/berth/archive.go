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
	"slices"
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

// unpacked takes a tar archive from a sandbox into a folder, its first name replaced by another. Nothing leaves what
// was asked for, whatever the archive says: see unpack.
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

// unpack writes an archive to folder/name and nowhere else. The archive is a stranger's: were its links followed, a
// link and then a file of the same name would write any file of the folder, such as the user's .bashrc. So what lies
// in the archive's own folder is written through a root of that folder's own.
func unpack(r io.Reader, folder, first, name string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fault.New(fault.NotFound, "mkdir -p "+folder, "%s: no such folder", folder)
	}
	defer root.Close() //nolint:errcheck // what was written is closed by itself
	in := tar.NewReader(r)
	var left []string // links that lead out; the rest is copied all the same
	for {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return leftOut(left)
		}
		if err != nil {
			return err
		}
		below, ok := belowFirst(head.Name, first)
		if !ok {
			return fault.New(fault.Failure, "", "%s: the sandbox sent a file of another name", head.Name)
		}
		if below == "." {
			err = unpackFirst(root, in, head, name)
		} else {
			err = unpackBelow(root, in, head, name, below)
		}
		if errors.Is(err, errLeadsOut) {
			left, err = append(left, below), nil
		}
		if err != nil {
			return fault.New(fault.Failure, "", "%s: %w", filepath.Join(folder, name, below), err)
		}
	}
}

// errLeadsOut is a link whose target lies outside what is copied: a virtual environment's python, say.
var errLeadsOut = errors.New("a link that leads out of the folder")

// leftOut says which links were not copied.
func leftOut(names []string) error {
	if len(names) == 0 {
		return nil
	}
	return fault.New(fault.Failure, "copy what they lead to, if you need it", "all is copied but the links that lead out of the folder: %s",
		strings.Join(names, ", "))
}

// belowFirst gives an entry's path below the archive's first path element, which must be first; "." is that itself.
func belowFirst(entry, first string) (string, bool) {
	clean := path.Clean(entry)
	if clean == first {
		return ".", true
	}
	rest, ok := strings.CutPrefix(clean, first+"/")
	return rest, ok && filepath.IsLocal(rest)
}

func unpackFirst(root *os.Root, in io.Reader, head *tar.Header, name string) error {
	if head.Typeflag == tar.TypeSymlink {
		return errors.New("it is a link; copy what it leads to")
	}
	if isLink(root, name) {
		return errors.New("a link lies there; name another target")
	}
	return unpackOne(root, in, head, name)
}

func unpackBelow(root *os.Root, in io.Reader, head *tar.Header, name, below string) error {
	if info, err := root.Lstat(name); err != nil || !info.IsDir() {
		return errors.New("the sandbox sent no folder for it")
	}
	sub, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer sub.Close() //nolint:errcheck // what was written is closed by itself
	return unpackOne(sub, in, head, below)
}

// unpackOne writes one entry. A link is never followed: on the way it is refused, at the end it is replaced.
func unpackOne(root *os.Root, in io.Reader, head *tar.Header, to string) error {
	if head.Typeflag != tar.TypeDir && head.Typeflag != tar.TypeSymlink && head.Typeflag != tar.TypeReg {
		return nil // a pipe, a device, a hard link: nothing to keep
	}
	if err := noLinks(root, to); err != nil {
		return err
	}
	mode := head.FileInfo().Mode().Perm()
	switch head.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(to, mode|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case tar.TypeSymlink:
		if !staysBelow(to, head.Linkname) {
			return errLeadsOut
		}
		return root.Symlink(head.Linkname, to)
	}
	f, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, in)
	return errors.Join(err, f.Close())
}

// noLinks refuses a link on the way to a place, and takes away one that lies at its end.
func noLinks(root *os.Root, to string) error {
	for above := path.Dir(to); above != "."; above = path.Dir(above) {
		if isLink(root, above) {
			return errors.New("a link is on the way to it, and links are not followed")
		}
	}
	if isLink(root, to) {
		return root.Remove(to)
	}
	return nil
}

func isLink(root *os.Root, name string) bool {
	info, err := root.Lstat(name)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// staysBelow tells whether a link at a place below a folder leads to something below it. Where ".." follows a name,
// only the disk knows: the name may be a link itself.
func staysBelow(at, target string) bool {
	down := target
	for strings.HasPrefix(down, "../") {
		down = down[len("../"):]
	}
	if path.IsAbs(target) || down != ".." && slices.Contains(strings.Split(down, "/"), "..") {
		return false
	}
	return filepath.IsLocal(path.Join(path.Dir(at), target))
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
