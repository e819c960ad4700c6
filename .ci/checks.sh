#!/bin/sh
# checks.sh [e2e]: every check in turn, all of them also when one fails; the last line counts the tests.
set -u
. .ci/lib.sh
writable_caches
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failed=

check() {
    name=$1
    shift
    began=$(date +%s)
    if "$@"; then say "$name: $(($(date +%s) - began)) s"; else failed="$failed $name" && say "$name: FAILED"; fi
}
formatted() {
    wrong=$(find . -name '*.go' ! -path './vendor/*' -exec gofmt -l {} +)
    [ -z "$wrong" ] || { printf 'gofmt: these are not formatted:\n%s\n' "$wrong" && return 1; }
}
# tests NAME ARGS: go test, its answer kept for the count.
tests() {
    part=$1
    shift
    go test -json "$@" 2>&1 | "$results/tally" -save "$results/$part.json"
}
# The rooms, all but e2e, which has a turn of its own.
rooms() { go list ./... | grep -v '/e2e'; }

go build -o "$results/tally" ./internal/tally || exit 1
export BERTH_DOCKER=1 BERTH_BINARY="$PWD/bin/berth"
# A program under the race detector sleeps a second before it ends; the shell's tests start hundreds.
export GORACE=atexit_sleep_ms=0
if [ "${1:-}" != e2e ]; then
    check gofmt formatted
    check vet go vet ./...
    # shellcheck disable=SC2046 # lists
    check unit tests unit -count=1 -timeout 20m $(rooms)
    # shellcheck disable=SC2046
    check race tests race -race -count=1 -timeout 30m $(rooms)
    # Tests of what only root may do, where we may be root.
    if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
        check root tests root -count=1 -exec 'sudo -n' -run '^TestRoot' ./internal/host
    fi
    check lint sh .ci/lint.sh
fi
if [ -d e2e ]; then
    # One package after the other: they share the engine, its ports and the cores.
    check e2e tests e2e -count=1 -p 1 -timeout 60m ./e2e/...
fi
[ -z "$failed" ] || say "failed:$failed"
"$results/tally" "$results"/*.json || failed=tests
[ -z "$failed" ]
