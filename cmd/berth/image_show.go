package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"berth/internal/agentserver"
	"berth/internal/fault"
	"berth/internal/report"
	"berth/internal/sandbox"
)

func (a *app) imageShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show REF",
		Short:   "Show an image as a launcher sees it",
		Example: "  berth image show starter",
		Args:    between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.attend(cmd.Context())
			if err != nil {
				return err
			}
			image, err := s.engine.Image(cmd.Context(), reference(args[0]))
			if err != nil && fault.KindOf(err) == fault.Image {
				return s.noImage(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			return a.printImage(image)
		},
	}
}

func (a *app) printImage(image sandbox.LocalImage) error {
	contract := agentserver.Detect(image.Labels, image.Entrypoint, image.Cmd)
	if a.global.json {
		return a.print.Object("image", struct {
			imageJSON
			Platform   string            `json:"platform"`
			Contract   string            `json:"contract"`
			Entrypoint []string          `json:"entrypoint"`
			Command    []string          `json:"command"`
			User       string            `json:"user"`
			WorkDir    string            `json:"workdir"`
			Volumes    []string          `json:"volumes"`
			Labels     map[string]string `json:"labels"`
		}{imageJSONOf(used{LocalImage: image}), image.Platform, string(contract), image.Entrypoint, image.Cmd, image.User, image.WorkDir, image.Volumes, image.Labels})
	}
	a.print.Lines(image.Ref)
	for _, row := range [][2]string{
		{"id", image.ID}, {"digest", cmp.Or(image.Digest, "none: it was built here")}, {"platform", image.Platform},
		{"size", report.Bytes(image.Size)}, {"contract", string(contract)}, {"starts", strings.Join(append(image.Entrypoint, image.Cmd...), " ")},
		{"user", cmp.Or(image.User, "root")}, {"folder", cmp.Or(image.WorkDir, "/")}, {"volumes", cmp.Or(strings.Join(image.Volumes, " "), "none")},
	} {
		a.print.Lines(fmt.Sprintf("  %-8s  %s", row[0], row[1]))
	}
	return nil
}
