#!/bin/sh
# lint.sh: the linters of golangci.yml. The linter is built once and kept beside Go's own caches.
set -eu
. .ci/lib.sh
writable_caches
version=v2.15.0
linter=$(go env GOCACHE)/../berth-golangci-lint-$version
if [ ! -x "$linter" ]; then
    say "building golangci-lint $version, once"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    GOFLAGS="" GOBIN=$folder go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
    mv "$folder/golangci-lint" "$linter"
fi
"$linter" run --config .ci/golangci.yml ./...
