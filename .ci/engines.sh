#!/bin/bash
# engines.sh [SUITE...]: the engine's tests against other Docker engines, those of Debian's releases (trixie, sid).
# Each runs in a system tree, mount and network namespace of its own: it shares no socket, data or firewall rule with
# the machine's engine, and has no way out. All lies below /tmp/berth-engines; the trees stay for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=.ci/lib.sh
. .ci/lib.sh
places=/tmp/berth-engines

[ "$(id -u)" = 0 ] || give_up "engines of their own need root" "sudo make engines"
packages debootstrap iproute2 util-linux git gcc libc6-dev

# system SUITE: a tree of this release with its Docker engine.
system() {
    local tree=$places/$1 mirror
    [ ! -e "$tree/.ready" ] || return 0
    # shellcheck disable=SC2016 # apt expands it
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$' || true)
    say "making a Debian $1 with its Docker engine"
    rm -rf "$tree"
    # shellcheck disable=SC2086 # no mirror, no word
    debootstrap --variant=minbase --include=ca-certificates "$1" "$tree" $mirror >"$tree.log" 2>&1 ||
        give_up "debootstrap $1 failed" "read $tree.log"
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d" # no service starts in a tree
    chmod 755 "$tree/usr/sbin/policy-rc.d"
    chroot "$tree" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        docker.io iptables iproute2 >>"$tree.log" 2>&1 || give_up "apt-get in $1 failed" "read $tree.log"
    touch "$tree/.ready"
}

# cgroup_mounts: the lines that mount this machine's cgroups below the current folder.
cgroup_mounts() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        echo 'mount -t cgroup2 cgroup2 sys/fs/cgroup'
        return
    fi
    echo 'mount -t tmpfs tmpfs sys/fs/cgroup'
    cut -d: -f2 /proc/self/cgroup | grep -v '^$' | while read -r controllers; do
        name=${controllers#name=}
        echo "mkdir -p sys/fs/cgroup/$name && mount -t cgroup -o ${controllers/#name=/none,name=} cgroup sys/fs/cgroup/$name"
    done
}

# start NAME SUITE NUMBER: the engine of a tree. runc wants a real root, so the tree becomes one by pivot_root.
start() {
    local name=$1 tree=$places/$2 place=$places/run-$1
    mkdir -p "$place/data" "$place/exec"
    ip netns add "$name" && ip -n "$name" link set lo up
    {
        printf 'set -eu\nmount --make-rprivate /\nmount --bind %s %s\ncd %s\nmkdir -p old tmp\n' "$tree" "$tree" "$tree"
        printf 'mount -t proc proc proc\nmount -t sysfs sysfs sys\nmount --rbind /dev dev\n'
        cgroup_mounts
        printf 'mount -t tmpfs tmpfs run\nmount --rbind /tmp tmp\npivot_root . old\numount -l old\ncd /\n'
        printf 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n'
        printf 'exec dockerd --host unix://%s/docker.sock --group %s --data-root %s/data --exec-root %s/exec' \
            "$place" "$(id -g berth)" "$place" "$place"
        printf ' --pidfile %s/docker.pid --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /%s' "$place" "$name"
        printf ' --bip 172.29.%d.1/24 --default-address-pool base=172.30.0.0/16,size=24\n' "$3"
    } >"$place/inside.sh"
    setsid ip netns exec "$name" unshare --mount bash "$place/inside.sh" >"$place/log" 2>&1 </dev/null &
    for _ in $(seq 150); do
        if docker --host "unix://$place/docker.sock" version >/dev/null 2>&1; then
            docker --host "unix://$place/docker.sock" version --format "$name is Docker {{.Server.Version}}, API {{.Server.APIVersion}}"
            return
        fi
        sleep 0.2
    done
    tail -n 5 "$place/log" >&2
    give_up "the engine of $2 does not answer" "read $place/log"
}

# stop NAME: the engine and all it made.
stop() {
    local place=$places/run-$1 pid
    [ -d "$place" ] || return 0
    docker --host "unix://$place/docker.sock" ps -aq 2>/dev/null |
        xargs -r docker --host "unix://$place/docker.sock" rm --force --volumes >/dev/null || true
    pid=$(cat "$place/docker.pid" 2>/dev/null || true)
    if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    fi
    ip netns del "$1" 2>/dev/null || true
    rm -rf "$place"
}

# in_namespace NAME COMMAND...: a shell function cannot be executed, so the shell that knows it goes in.
in_namespace() {
    local name=$1
    shift
    nsenter --net="/run/netns/$name" bash -c '. .ci/lib.sh && ordinary && "$@"' - "$@"
}

unset SUDO_UID SUDO_GID SUDO_USER SUDO_COMMAND # tests run as the user berth, also under sudo
ordinary
tree_for_user
(cd "$tree" && as_user go run ./internal/inside/pack)
running=
trap 'for name in $running; do stop "$name"; done' EXIT
trap 'exit 143' TERM INT HUP

failed=
number=0
[ $# -gt 0 ] || set -- trixie sid
for suite; do
    number=$((number + 1)) name=berth-$suite
    system "$suite"
    stop "$name"
    running="$running $name"
    start "$name" "$suite" "$number"
    say "testing against $name"
    # Published ports are in the engine's network namespace: the tests must be there too.
    (cd "$tree" && BERTH_DOCKER=1 DOCKER_HOST=unix://$places/run-$name/docker.sock in_namespace "$name" \
        as_user go test -count=1 ./internal/engine ./internal/launch ./hardening) || failed="$failed $suite"
    stop "$name"
done
[ -z "$failed" ] || give_up "the tests failed against the engine of$failed"
