package main

import (
	"cmp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/internal/report"
)

func (a *app) imageLsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List berth's images and those sandboxes were made from",
		Example: "  berth image ls\n  berth image ls --json",
		Args:    between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			list, err := s.images(cmd.Context())
			if err != nil {
				return err
			}
			if a.global.json {
				rows := []imageJSON{}
				for _, u := range list {
					rows = append(rows, imageJSONOf(u))
				}
				return a.print.Object("image-ls", struct {
					Images []imageJSON `json:"images"`
				}{rows})
			}
			table := report.Table{Head: []string{"IMAGE", "KIND", "SIZE", "AGE", "USED BY"}}
			for _, u := range list {
				table.Rows = append(table.Rows, []string{u.Ref, u.kind(), report.Bytes(u.Size), age(u.Created), cmp.Or(strings.Join(u.by, " "), "-")})
			}
			a.print.Lines(table.Lines()...)
			return nil
		},
	}
}

// imageJSON is an image for programs.
type imageJSON struct {
	Ref     string    `json:"ref"`
	ID      string    `json:"id"`
	Digest  string    `json:"digest,omitempty"`
	Kind    string    `json:"kind"`
	Size    int64     `json:"size"`
	Created time.Time `json:"created"`
	UsedBy  []string  `json:"used_by"`
}

func imageJSONOf(u used) imageJSON {
	return imageJSON{u.Ref, u.ID, u.Digest, u.kind(), u.Size, u.Created.UTC(), append([]string{}, u.by...)}
}

// age is how old an image is; one that is the same in every build says no time.
func age(made time.Time) string {
	if made.Unix() <= 0 {
		return "-"
	}
	return report.Age(time.Since(made))
}
