#!/bin/sh
# test.sh [e2e]: set up what the tests need, then run them; as root, as the ordinary user berth in a copy of the tree.
set -eu
. .ci/lib.sh
writable_caches

# What the tests use beside Go: a compiler for the race detector, a browser, terminals, a registry, network tools.
if have apt-get; then
    packages gcc libc6-dev git make chromium tmux docker-registry docker-compose python3-pip debootstrap iproute2 procps curl ca-certificates sudo
fi
engine
unset SUDO_UID SUDO_GID SUDO_USER SUDO_COMMAND # tests run as the user berth, also under sudo
ordinary
tree_for_user
if [ "$(id -u)" = 0 ] && [ "$user" = berth ]; then
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
