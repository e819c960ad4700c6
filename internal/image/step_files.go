package image

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strings"
)

func (b *builder) file(f fields) (map[string]any, error) {
	place, err := f.place("file")
	if err != nil {
		return nil, err
	}
	if place == "/" {
		return nil, failure(BadPath, "", "file: / is a folder")
	}
	mode, err := f.mode()
	if err != nil {
		return nil, err
	}
	content, ok := f.all["content"].(string)
	if _, has := f.all["content"]; has && !ok {
		return nil, f.wrong("content", "a string")
	}
	if err := holdsSecret("file: content", content); err != nil {
		return nil, err
	}
	return fileStep(place, mode, sha(content)), nil
}

func fileStep(place, mode, sum string) map[string]any {
	return map[string]any{"type": "file", "path": place, "mode": mode, "sha256": sum}
}

var modeForm = regexp.MustCompile(`^(0o)?0?([0-7]{3})$`)

// mode gives 0755 for any executable bit, else 0644. TOML may give it as a string or, 0o755, as a number.
func (f fields) mode() (string, error) {
	value, ok := f.all["mode"]
	if !ok {
		return "0644", nil
	}
	text, ok := value.(string)
	if n, isNumber := value.(int64); isNumber {
		text, ok = fmt.Sprintf("%03o", n), true
	}
	digits := modeForm.FindStringSubmatch(text)
	if !ok || digits == nil {
		return "", failure(BadMode, `write "0644" or "0755"`, "file: %v is not a mode", value)
	}
	if strings.ContainsAny(digits[2], "1357") {
		return "0755", nil
	}
	return "0644", nil
}

func (b *builder) copyStep(f fields) (map[string]any, error) {
	src, _ := f.all["copy"].(string)
	rel, info, err := b.find(f, src)
	if err != nil {
		return nil, err
	}
	to, err := f.place("to")
	if err != nil {
		return nil, err
	}
	links, err := f.text("symlinks")
	if err != nil {
		return nil, err
	}
	if links != "" && links != "keep" && links != "refuse" {
		return nil, f.wrong("symlinks", `"keep" or "refuse"`)
	}
	if !info.IsDir() {
		sum, kind, err := b.source(f, src)
		if given, _ := f.all["to"].(string); strings.HasSuffix(given, "/") {
			to = path.Join(to, path.Base(rel))
		}
		mode := map[byte]string{'f': "0644", 'x': "0755"}[kind]
		return fileStep(to, mode, sum), err
	}
	patterns, err := f.list("ignore")
	if err != nil {
		return nil, err
	}
	tree, err := b.tree(rel, TreeOptions{Ignore: patterns, KeepLinks: links == "keep"})
	return map[string]any{"type": "dir", "dest": to, "tree": tree}, err
}

var commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

func (b *builder) git(f fields) (map[string]any, error) {
	address, err := f.text("git")
	if err != nil {
		return nil, err
	}
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	if _, err := f.text("ref"); err != nil {
		return nil, err
	}
	commit, err := f.text("commit")
	if err != nil {
		return nil, err
	}
	commit = strings.ToLower(commit)
	if !commitForm.MatchString(commit) {
		return nil, failure(GitCommit, "berth image pin turns a ref into a commit", "git: %s: has no commit of 40 or 64 hex digits", address)
	}
	dest, err := f.place("to")
	if err != nil {
		return nil, err
	}
	step := map[string]any{"url": address, "commit": commit, "dest": dest}
	if submodules, err := f.flag("submodules"); err != nil {
		return nil, err
	} else if submodules {
		step["submodules"] = true
	}
	return step, nil
}

func checkAddress(address string) error {
	if address == "" || strings.HasPrefix(address, "-") {
		return failure(BadReference, "", "git: %q is not an address", address)
	}
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return holdsSecret("git", address)
	}
	if _, password := u.User.Password(); password || u.Scheme != "ssh" {
		return failure(Secret, "take it out, and let git ask its credential helper", "git: the address of %s names a user or password, and it stays in the image", u.Host)
	}
	return nil
}

func (b *builder) hook(f fields) (map[string]any, error) {
	src, err := f.text("hook")
	if err != nil {
		return nil, err
	}
	role, err := f.text("role")
	if err != nil {
		return nil, err
	}
	name := path.Base(src)
	switch {
	case role == "prepare" || role == "verify":
	case role != "":
		return nil, failure(HookRole, "", "hook: role is prepare or verify, not %q", role)
	case strings.HasPrefix(name, "prepare-"):
		role = "prepare"
	case strings.HasSuffix(name, "-verify"):
		role = "verify"
	default:
		return nil, failure(HookRole, `call it prepare-… or …-verify, or write role = "prepare"`, "hook: %s: the name does not tell when it runs", src)
	}
	sum, _, err := b.source(f, src)
	if err != nil {
		return nil, err
	}
	text, err := fs.ReadFile(b.d.Files, path.Clean(src))
	if err != nil {
		return nil, unreadable(src, err)
	}
	if first, _, _ := strings.Cut(string(text), "\n"); strings.HasSuffix(first, "\r") {
		return nil, failure(CRLF, "write it with LF line ends", "hook: %s: the first line ends in CR LF, so no shell is found", src)
	}
	return map[string]any{"name": name, "role": role, "sha256": sum}, nil
}
