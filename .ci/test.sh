#!/bin/sh
# test.sh [e2e]: set up what the tests need, then run them; as root, as the ordinary user berth in a copy of the tree.
set -eu
. .ci/lib.sh
writable_caches

# What the tests use beside Go: a compiler for the race detector, a browser, terminals, a registry, network tools.
if have apt-get; then
    packages gcc libc6-dev git make chromium tmux docker-registry debootstrap iproute2 procps curl ca-certificates sudo
fi
engine
ordinary

if [ "$user" != berth ] || [ "$(id -u)" != 0 ]; then
    tree=$PWD
else
    # Root may not own a sandbox, and the clone may lie where only root can look.
    tree=$home/.cache/berth-test
    say "copying the tree to $tree, to test it as the user berth"
    mkdir -p "$tree"
    find "$tree" -mindepth 1 -delete
    VERSION=$(git -c safe.directory="$PWD" describe --tags --always --dirty 2>/dev/null | sed 's/^v//') || VERSION=
    export VERSION
    if git -c safe.directory="$PWD" rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard
    else
        find . -type f -print0
    fi | tar --null -T - -cf - | tar -C "$tree" -xf -
    # The modules come along: root's cache cannot be read, and the user's own is empty.
    (cd "$tree" && go mod vendor) || give_up "go: the modules could not be fetched" "check the network and GOPROXY"
    go_settings
    export GOFLAGS="${GOFLAGS:-} -mod=vendor"
    go_root=$(go env GOROOT)
    if ! as_user "$go_root/bin/go" version >/dev/null 2>&1; then
        say "copying Go to $home/.cache/berth-go, where the user berth can read it"
        [ -x "$home/.cache/berth-go/bin/go" ] || cp -R "$go_root" "$home/.cache/berth-go"
        go_root=$home/.cache/berth-go
    fi
    export PATH="$go_root/bin:$PATH"
    chown -R berth:berth "$home/.cache"
    # A few tests stop engines of their own, or come as another user: they need root for that, while they run.
    trap 'rm -f /etc/sudoers.d/berth-test' EXIT
    trap 'exit 143' TERM INT HUP
    echo 'berth ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/berth-test
    chmod 440 /etc/sudoers.d/berth-test
fi

cd "$tree"
as_user make --no-print-directory build
# Built by who may make its base system; the tests find it.
for image in workbench workbench-slim; do
    if [ "$(id -u)" = 0 ]; then bin/berth --plain build "$image" || say "$image could not be built: its tests will say so"; fi
done
as_user sh .ci/checks.sh "$@"
