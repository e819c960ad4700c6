// Package workbench holds the recipe of the workbench image as files, for whoever carries it out.
package workbench

import "embed"

// Files is the recipe: one folder a stage (vscode, server, system, final), each the context of its Dockerfile, and host,
// which is laid into every context together with what the machine that builds answers about its package sources.
//
//go:embed host system final
//go:embed vscode/Dockerfile vscode/package.json vscode/package-lock.json vscode/requirements.txt
//go:embed vscode/code vscode/openvscode-server vscode/prune.sh vscode/settings.json
//go:embed server/Dockerfile server/requirements.txt server/tools.txt server/websockify.txt
var Files embed.FS
