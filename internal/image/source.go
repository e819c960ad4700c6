package image

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
)

// source gives hash and kind of a regular file below the definition's folder.
func (b *builder) source(f fields, name string) (sum string, kind byte, err error) {
	rel, info, err := b.find(f, name)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, failure(SpecialFile, "", "%s: %s is not a regular file", f.kind, name)
	}
	content, _, err := sumFile(b.d.Files, rel)
	return hex.EncodeToString(content[:]), fileKind(info.Mode()), err
}

// find looks a source up. Links are not followed, not even on the way.
func (b *builder) find(f fields, name string) (string, fs.FileInfo, error) {
	if err := checkText(name); err != nil {
		return "", nil, err
	}
	rel := path.Clean(name)
	if name == "" {
		return "", nil, failure(SourceMissing, "", "%s: names no file", f.kind)
	}
	if !fs.ValidPath(rel) {
		return "", nil, failure(SourceOutside, "copy it into the folder first", "%s: %s is outside the definition's folder", f.kind, name)
	}
	if looksSecret(rel) && !b.allowed(rel) {
		return "", nil, failure(Secret, "list it in allow_secret_files, if it may be in the image", "%s: %s looks like a secret, and everybody who has the image can read it", f.kind, name)
	}
	if b.d.Files == nil {
		return "", nil, failure(SourceMissing, "", "%s: %s: no such file", f.kind, name)
	}
	var info fs.FileInfo
	for i := 0; i <= len(rel); i++ {
		if i < len(rel) && rel[i] != '/' {
			continue
		}
		var err error
		if info, err = fs.Lstat(b.d.Files, rel[:i]); errors.Is(err, fs.ErrNotExist) {
			return "", nil, failure(SourceMissing, "", "%s: %s: no such file", f.kind, name)
		} else if err != nil {
			return "", nil, unreadable(name, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return "", nil, failure(SymlinkEscape, "name what the link points to", "%s: %s is a link, which is not followed", f.kind, rel[:i])
		}
	}
	return rel, info, nil
}

func (b *builder) tree(rel string, o TreeOptions) (string, error) {
	o.Allow = b.allowed
	tree, err := ReadTree(b.d.Files, rel, o)
	b.left = append(b.left, tree.Left...)
	return tree.Hash, err
}

// allowed tells whether the author put a path that looks secret on the list of those that may be copied.
func (b *builder) allowed(name string) bool {
	return len(b.d.AllowSecretFiles) > 0 && parseIgnore(b.d.AllowSecretFiles).out(name)
}
