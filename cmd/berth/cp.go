package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/fault"
	"berth/internal/sandbox"
	"berth/internal/state"
)

func (a *app) cpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cp SOURCE TARGET",
		Short: "Copy files into a sandbox or out of it",
		Long: "cp copies a file or a folder; the side inside is written NAME:PATH. It is done by the sandbox's own user\n" +
			"with the sandbox's own tar: what that user may not write stays as it is.",
		Example: `  berth cp shop:/workspace/report.pdf .
  berth cp data.csv shop:/tmp/`,
		Args:              between(2, 2),
		ValidArgsFunction: a.completeCopy,
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to := parsePlace(args[0]), parsePlace(args[1])
			switch {
			case from.name == "" && to.name == "":
				return usage("berth cp FILE NAME:/workspace", "%s %s: neither side is in a sandbox", args[0], args[1])
			case from.name != "" && to.name != "":
				return usage("copy to this machine first", "%s %s: both sides are in sandboxes", args[0], args[1])
			case from.name != "":
				return a.copyOut(cmd.Context(), from, absolute(a.machine().Cwd, args[1]))
			}
			return a.copyIn(cmd.Context(), absolute(a.machine().Cwd, args[0]), to)
		},
	}
}

// place is one side of a copy; name is "" on this machine.
type place struct{ name, path string }

// parsePlace reads NAME:PATH. A path of this machine that looks so is written ./NAME:PATH.
func parsePlace(word string) place {
	name, inside, ok := strings.Cut(word, ":")
	if !ok || state.CheckName(name) != nil {
		return place{path: word}
	}
	if !path.IsAbs(inside) {
		inside = path.Join("/workspace", inside) + slashOf(inside)
	}
	return place{name, inside}
}

func slashOf(p string) string {
	if strings.HasSuffix(p, "/") {
		return "/"
	}
	return ""
}

// copyIn packs a file or folder of this machine and lets the sandbox unpack it. Into a folder it keeps its name; else
// it gets the name of the target.
func (a *app) copyIn(ctx context.Context, source string, to place) error {
	if _, err := os.Lstat(source); err != nil {
		return fault.New(fault.NotFound, "", "%s: no such file", a.tilde(source))
	}
	s, status, err := a.inside(ctx, []string{to.name})
	if err != nil {
		return err
	}
	folder, name := path.Dir(path.Clean(to.path)), path.Base(to.path)
	isFolder, err := s.test(ctx, status.Observed.ID, "-d", to.path)
	if err != nil {
		return err
	}
	if isFolder {
		folder, name = to.path, filepath.Base(source)
	}
	archive := packed(ctx, source, name)
	defer archive.Close() //nolint:errcheck // ends the packing
	return s.tar(ctx, status.Observed.ID, place{to.name, to.path}, sandbox.Exec{
		Command: []string{"tar", "-x", "-f", "-", "-C", folder}, Stdin: archive,
	})
}

// copyOut lets the sandbox pack a file or folder and unpacks it here. What comes is a stranger's: see unpack.
func (a *app) copyOut(ctx context.Context, from place, target string) error {
	s, status, err := a.inside(ctx, []string{from.name})
	if err != nil {
		return err
	}
	clean := path.Clean(from.path)
	if clean == "/" {
		return usage("berth cp "+from.name+":/workspace .", "%s:/: name a folder in it", from.name)
	}
	there, err := s.test(ctx, status.Observed.ID, "-e", clean)
	if err != nil {
		return err
	}
	if !there {
		return fault.New(fault.NotFound, "", "%s:%s: no such file", from.name, clean)
	}
	folder, name := filepath.Dir(target), filepath.Base(target)
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		folder, name = target, path.Base(clean)
	}
	unpacker, wait := unpacked(folder, path.Base(clean), name)
	err = s.tar(ctx, status.Observed.ID, from, sandbox.Exec{
		Command: []string{"tar", "-c", "-f", "-", "-C", path.Dir(clean), path.Base(clean)}, Stdout: unpacker,
	})
	_ = unpacker.CloseWithError(err) // a nil error is the end of the archive
	if broken := wait(); broken != nil {
		return broken
	}
	return err
}

// test asks the sandbox's shell about a path.
func (s *session) test(ctx context.Context, id, what, name string) (bool, error) {
	result, err := s.Runtime.Exec(ctx, id, sandbox.Exec{Command: []string{"test", what, name}})
	if err != nil && result.Code == 0 {
		return false, err
	}
	return result.Code == 0, nil
}

// tar runs the sandbox's tar and words its failure.
func (s *session) tar(ctx context.Context, id string, at place, x sandbox.Exec) error {
	result, err := s.Runtime.Exec(ctx, id, x)
	switch {
	case result.Code == exitNoCmd:
		return fault.New(fault.Failure, "mount the folder instead: berth up -v", "%s: there is no tar in this image", at.name)
	case err != nil:
		return err
	case result.Code != 0:
		return fault.New(fault.Failure, "", "%s:%s: %s", at.name, at.path, lastLine(string(result.Stderr)))
	}
	return nil
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return "tar failed without a word"
}
