package commands

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func tarCommand(p *Proc) int {
	// "tar xzf a.tgz": the first word may lack its dash.
	if len(p.Args) > 0 && !strings.HasPrefix(p.Args[0], "-") {
		p.Args = append([]string{"-" + p.Args[0]}, p.Args[1:]...)
	}
	o, names, ok := p.getopt("cxtzf:C:vOpPhkmj create=c extract=x get=x list=t gzip=z file=f directory=C verbose=v to-stdout=O exclude=1: strip-components=2: no-same-owner=3: numeric-owner=4:")
	if !ok {
		return p.code
	}
	var err error
	switch {
	case o.has('c'):
		err = p.pack(o, names)
	case o.has('x') || o.has('t'):
		err = p.unpack(o, names)
	default:
		return p.usage("one of -c, -x, -t is needed")
	}
	if err != nil {
		p.fail(pathOf(err, "archive"), err)
		return 2
	}
	return p.code
}

func (p *Proc) pack(o options, names []string) error {
	var out io.Writer = p.Out
	verbose := p.Err
	if file := o.last('f'); file != "" && file != "-" {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer f.Close()
		out, verbose = f, p.Out
	}
	closers := []io.Closer{}
	if o.has('z') || strings.HasSuffix(o.last('f'), "gz") {
		z := gzip.NewWriter(out)
		out, closers = z, append(closers, z)
	}
	w := tar.NewWriter(out)
	closers = append([]io.Closer{w}, closers...)
	root := "."
	if o.has('C') {
		root = o.last('C')
	}
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			shown := strings.TrimPrefix(path, "/")
			if !filepath.IsAbs(name) {
				if shown, err = filepath.Rel(root, path); err != nil {
					return err
				}
			}
			if strings.HasPrefix(name, "./") || name == "." {
				shown = "./" + strings.TrimPrefix(shown, ".")
			}
			if anyMatch(o['1'], d.Name()) || anyMatch(o['1'], shown) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if o.has('v') {
				fmt.Fprintln(verbose, shown)
			}
			return packOne(w, path, shown)
		})
		if err != nil {
			return err
		}
	}
	for _, c := range closers {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

func packOne(w *tar.Writer, path, name string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name = name
	if info.IsDir() && !strings.HasSuffix(h.Name, "/") {
		h.Name += "/"
	}
	if err := w.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

func (p *Proc) unpack(o options, names []string) error {
	in, err := p.input(map[bool]string{true: "-", false: o.last('f')}[o.last('f') == ""])
	if err != nil {
		return err
	}
	defer in.Close()
	r, err := archiveReader(in, o)
	if err != nil {
		return err
	}
	folder := "."
	if o.has('C') {
		folder = o.last('C')
	}
	// A Root keeps names and links of the archive inside the folder.
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	strip := len(o.last('2'))
	if strip > 0 {
		if n, err := amount(o.last('2')); err == nil {
			strip = int(n)
		}
	}
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !chosen(h.Name, names) || anyMatch(o['1'], filepath.Base(h.Name)) {
			continue
		}
		if o.has('t') || o.has('v') {
			p.listEntry(h, o)
		}
		if o.has('O') {
			if _, err := io.Copy(p.Out, r); err != nil {
				return err
			}
		} else if o.has('x') {
			if err := extract(root, h, r, strip); err != nil {
				p.fail(h.Name, err)
			}
		}
	}
}

// archiveReader looks at the first bytes: a compressed archive is known without -z.
func archiveReader(in io.Reader, o options) (*tar.Reader, error) {
	magic := make([]byte, 2)
	n, err := io.ReadFull(in, magic)
	if err != nil && n == 0 {
		return nil, errors.New("this does not look like a tar archive")
	}
	whole := io.MultiReader(strings.NewReader(string(magic[:n])), in)
	if o.has('z') || string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(whole)
		if err != nil {
			return nil, err
		}
		return tar.NewReader(z), nil
	}
	return tar.NewReader(whole), nil
}

func chosen(name string, names []string) bool {
	if len(names) == 0 {
		return true
	}
	clean := filepath.Clean(name)
	for _, n := range names {
		n = filepath.Clean(n)
		if clean == n || strings.HasPrefix(clean, n+"/") {
			return true
		}
	}
	return false
}

func (p *Proc) listEntry(h *tar.Header, o options) {
	if o.has('t') && o.has('v') {
		fmt.Fprintf(p.Out, "%s %d/%d %9d %s ", modeText(h.FileInfo().Mode()), h.Uid, h.Gid, h.Size, h.ModTime.Format("2006-01-02 15:04"))
	}
	fmt.Fprintln(p.Out, h.Name)
}

func extract(root *os.Root, h *tar.Header, r io.Reader, strip int) error {
	parts := strings.FieldsFunc(h.Name, func(r rune) bool { return r == '/' })
	if len(parts) <= strip {
		return nil
	}
	name := filepath.Join(parts[strip:]...)
	if name == "." {
		return nil
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	mode := h.FileInfo().Mode().Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(name, mode|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return root.Chmod(name, mode)
	case tar.TypeSymlink:
		_ = root.Remove(name) // what stands there gives way
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		_ = root.Remove(name)
		return root.Link(filepath.Clean(h.Linkname), name)
	case tar.TypeReg:
		_ = root.Remove(name)
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Close(), root.Chmod(name, mode), root.Chtimes(name, h.ModTime, h.ModTime))
	}
	return errors.New("neither file, folder nor link")
}
