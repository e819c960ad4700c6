package commands

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

func base64Command(p *Proc) int {
	o, files, ok := p.getopt("diw: decode=d wrap=w ignore-garbage=i")
	if !ok {
		return p.code
	}
	width := 76
	if o.has('w') {
		var err error
		if width, err = strconv.Atoi(o.last('w')); err != nil {
			return p.usage("%s: invalid wrap size", o.last('w'))
		}
	}
	return p.each(files, func(_ string, r io.Reader) error {
		if o.has('d') {
			_, err := io.Copy(p.Out, base64.NewDecoder(base64.StdEncoding, r))
			return err
		}
		data, err := io.ReadAll(r)
		text := base64.StdEncoding.EncodeToString(data)
		for width > 0 && len(text) > width {
			fmt.Fprintln(p.Out, text[:width])
			text = text[width:]
		}
		if width > 0 && text != "" {
			text += "\n"
		}
		fmt.Fprint(p.Out, text)
		return err
	})
}

func sha256sum(p *Proc) int {
	o, files, ok := p.getopt("cbtqw check=c binary=b quiet=q status=s")
	if !ok {
		return p.code
	}
	return p.each(files, func(name string, r io.Reader) error {
		if o.has('c') {
			return p.checkSums(r, o)
		}
		h := sha256.New()
		_, err := io.Copy(h, r)
		if err == nil {
			fmt.Fprintf(p.Out, "%x  %s\n", h.Sum(nil), name)
		}
		return err
	})
}

func (p *Proc) checkSums(r io.Reader, o options) error {
	bad := 0
	err := lines(r, func(line []byte) bool {
		want, name, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		name = strings.TrimLeft(name, " *")
		f, err := os.Open(name)
		got := ""
		if err == nil {
			h := sha256.New()
			if _, err = io.Copy(h, f); err == nil {
				got = hex.EncodeToString(h.Sum(nil))
			}
			f.Close()
		}
		switch {
		case err != nil:
			p.fail(name, err)
			bad++
		case got != want:
			fmt.Fprintf(p.Out, "%s: FAILED\n", name)
			bad++
		case !o.has('q'):
			fmt.Fprintf(p.Out, "%s: OK\n", name)
		}
		return true
	})
	if bad > 0 {
		p.complain("%d computed checksums did NOT match", bad)
	}
	return err
}

func gzipCommand(p *Proc) int {
	o, files, ok := p.getopt("cdkfqvnr123456789 stdout=c decompress=d uncompress=d keep=k force=f fast=1 best=9")
	if !ok {
		return p.code
	}
	level := gzip.DefaultCompression
	for n := byte('1'); n <= '9'; n++ {
		if o.has(n) {
			level = int(n - '0')
		}
	}
	squeeze := func(w io.Writer, r io.Reader) error {
		z, err := gzip.NewWriterLevel(w, level)
		if err != nil {
			return err
		}
		_, err = io.Copy(z, r)
		return errors.Join(err, z.Close())
	}
	if o.has('d') {
		squeeze = func(w io.Writer, r io.Reader) error {
			z, err := gzip.NewReader(r)
			if err != nil {
				return err
			}
			_, err = io.Copy(w, z)
			return err
		}
	}
	if len(files) == 0 || o.has('c') {
		return p.each(files, func(_ string, r io.Reader) error { return squeeze(p.Out, r) })
	}
	for _, name := range files {
		if err := gzipFile(name, o, squeeze); err != nil {
			p.fail(name, err)
		}
	}
	return p.code
}

// gzipFile puts NAME.gz in NAME's place, or the other way round.
func gzipFile(name string, o options, squeeze func(io.Writer, io.Reader) error) error {
	to := name + ".gz"
	if o.has('d') {
		var found bool
		if to, found = strings.CutSuffix(name, ".gz"); !found {
			return errors.New("unknown suffix")
		}
	}
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	mode := os.O_EXCL
	if o.has('f') {
		mode = os.O_TRUNC
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|mode, 0o666)
	if err != nil {
		return err
	}
	if err := errors.Join(squeeze(out, in), out.Close()); err != nil {
		os.Remove(to)
		return err
	}
	if o.has('k') {
		return nil
	}
	return os.Remove(name)
}

func cmpCommand(p *Proc) int {
	o, files, ok := p.getopt("slb silent=s quiet=s")
	if !ok {
		return p.code
	}
	if len(files) != 2 {
		return p.usage("two files are needed")
	}
	var content [2][]byte
	for i, name := range files {
		r, err := p.input(name)
		if err != nil {
			p.fail(name, err)
			return 2
		}
		content[i], err = io.ReadAll(r)
		r.Close()
		if err != nil {
			p.fail(name, err)
			return 2
		}
	}
	a, b := content[0], content[1]
	if bytes.Equal(a, b) {
		return 0
	}
	if o.has('s') {
		return 1
	}
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	if at == len(a) || at == len(b) {
		short := files[0]
		if at == len(b) {
			short = files[1]
		}
		fmt.Fprintf(p.Err, "cmp: EOF on %s after byte %d\n", short, at)
		return 1
	}
	fmt.Fprintf(p.Out, "%s %s differ: byte %d, line %d\n", files[0], files[1], at+1, 1+bytes.Count(a[:at], []byte("\n")))
	return 1
}
