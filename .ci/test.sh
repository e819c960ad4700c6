#!/bin/sh
# test.sh [e2e]: set up what the tests need, then run them; as root, as the ordinary user berth in a copy of the tree.
set -eu
. .ci/lib.sh
writable_caches

# What the tests use beside Go: a compiler for the race detector, a browser, terminals, a registry, network tools.
if have apt-get; then
    packages gcc libc6-dev git chromium tmux docker-registry debootstrap iproute2 procps curl ca-certificates util-linux
fi
engine
ordinary

if [ "$user" != berth ] || [ "$(id -u)" != 0 ]; then
    exec_in=$PWD
else
    # Root may not own a sandbox, and the clone may lie where only root can look.
    exec_in=$home/src
    say "copying the tree to $exec_in, to test it as the user berth"
    mkdir -p "$exec_in"
    find "$exec_in" -mindepth 1 -delete
    git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -C "$exec_in" -xf -
    # The modules come along: the user's own cache is empty, and root's cannot be read.
    (cd "$exec_in" && go mod vendor) || give_up "go: the modules could not be fetched" "check the network and GOPROXY"
    chown -R berth:berth "$exec_in"
    go_settings
    export GOFLAGS="${GOFLAGS:-} -mod=vendor"
    go_root=$(go env GOROOT)
    if ! as_user "$go_root/bin/go" version >/dev/null 2>&1; then
        say "copying Go to $home/go-root, where the user berth can read it"
        [ -x "$home/go-root/bin/go" ] || cp -R "$go_root" "$home/go-root"
        go_root=$home/go-root
    fi
    export PATH="$go_root/bin:$PATH"
    [ -z "${BERTH_CASES:-}" ] || say "BERTH_CASES is set: the user berth must be able to read it"
fi

# The workbench is built by who may make its base; the tests then find it.
( cd "$exec_in" && as_user make --no-print-directory build ) || exit 1
if [ "$(id -u)" = 0 ]; then "$exec_in/bin/berth" --plain build workbench || say "the workbench could not be built"; fi
if [ "$(id -u)" = 0 ]; then "$exec_in/bin/berth" --plain build workbench-slim || say "workbench-slim could not be built"; fi

cd "$exec_in"
as_user sh .ci/checks.sh "$@"
