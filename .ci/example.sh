#!/bin/sh
# example.sh: the main job on the example project, set-up included. IMAGE is workbench (default), starter or any other.
set -eu
. .ci/lib.sh
IMAGE=${IMAGE:-workbench}

# berth is built while the engine is set up, for this machine's architecture only: the first start is to be short.
${MAKE:-make} --no-print-directory build ARCHES="$(go env GOARCH)" >&2 &
building=$!
trap 'kill $building 2>/dev/null || true' EXIT
engine
if [ "${IMAGE#workbench}" != "$IMAGE" ] && may_root && have apt-get && ! docker image inspect debian:trixie-slim >/dev/null 2>&1; then
    (packages debootstrap) || true # the workbench's base may have to be made; if it cannot be, berth says so
fi
wait $building || give_up "berth could not be built" "make build"
trap - EXIT
ordinary
project=$home/berth-example/project
berth=$PWD/bin/berth
called=$berth
if [ "$user" = berth ] && [ "$(id -u)" = 0 ]; then
    # The clone may lie where only root can look.
    install -d -o berth -g berth "$home/.local" "$home/.local/bin"
    install -m 755 bin/berth "$home/.local/bin/berth"
    berth=$home/.local/bin/berth
    called="sudo -u berth $berth"
    have sudo || called="setpriv --reuid berth --regid berth --init-groups env HOME=$home $berth"
elif [ "$(id -u)" = 0 ]; then
    called="sudo $berth"
fi

if [ ! -e "$project" ]; then
    say "copying examples/project to $project"
    mkdir -p "$project"
    cp -R examples/project/. "$project/"
    if [ "$(id -u)" = 0 ]; then
        chown -R "${SUDO_UID:-$(id -u berth)}:${SUDO_GID:-$(id -g berth)}" "$home/berth-example"
    fi
fi

# The workbench is made of packages once; its base system may have to be made too, which root alone can.
if [ "$IMAGE" = workbench ] || [ "$IMAGE" = workbench-slim ]; then
    say "the image $IMAGE, built from packages: the first time this takes 5 to 10 minutes"
    status=0
    if [ "$(id -u)" = 0 ]; then "$berth" --plain build "$IMAGE" || status=$?; else as_user "$berth" --plain build "$IMAGE" || status=$?; fi
    case $status in
    0) ;;
    4)
        say "the packages of $IMAGE cannot be had here: using the image starter instead, which has no VS Code and no desktop"
        IMAGE=starter
        ;;
    *) exit "$status" ;;
    esac
fi

cd "$project"
if [ -t 0 ] && [ -t 1 ]; then
    export BERTH_IMAGE="$IMAGE"
    as_user "$berth"
else
    as_user "$berth" --plain -y up --image "$IMAGE" --recreate # another image than last time is no reason to stop
fi
echo
echo "stop it    (cd $project && $called stop project)"
echo "remove it  (cd $project && $called rm -f project)"
