#!/bin/bash
# engines.sh [ENGINE...]: one suite on several container engines; what it saw is docs/engines.md.
# The engines are Debian's, of several releases, in system trees of their own. Each has a mount and a network namespace
# to itself: it shares no socket, data or firewall rule with the machine's own engine, and has no way out. All lies in
# /tmp/berth-engines; the trees stay for the next time. It needs root, debootstrap and a Debian mirror.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=.ci/lib.sh
. .ci/lib.sh
places=/tmp/berth-engines # a folder of /tmp, the only one of the machine that an engine sees

# name, Debian release, kind of engine
engines='
docker-20.10     bookworm  docker
docker-26.1      trixie    docker
docker-28.5      sid       docker
userns-remap     sid       remapped
rootless         sid       rootless
podman-5.8       sid       podman
podman-rootless  sid       podman-user
'
docker_packages=(docker.io iptables iproute2 procps)
rootless_packages=("${docker_packages[@]}" uidmap rootlesskit slirp4netns)
podman_packages=(podman crun netavark aardvark-dns nftables iptables iproute2 procps uidmap slirp4netns fuse-overlayfs catatonit passt)

# system RELEASE PACKAGE...: sets root to a tree of this release that has the packages.
system() {
    local release=$1 mirror package lacking=
    shift
    root=$places/root-$release
    if [ ! -e "$root/.made" ]; then
        # shellcheck disable=SC2016 # apt expands it
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$' || true)
        say "making a system tree of Debian $release"
        rm -rf "$root"
        # shellcheck disable=SC2086 # no mirror, no word
        debootstrap --variant=minbase --include=ca-certificates "$release" "$root" $mirror >"$root.log" 2>&1 ||
            give_up "debootstrap $release failed" "read $root.log"
        printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service starts in a tree
        chmod 755 "$root/usr/sbin/policy-rc.d"
        find /etc/apt/apt.conf.d -name '*proxy*' -exec cp {} "$root/etc/apt/apt.conf.d/" \;
        touch "$root/.made"
    fi
    for package; do
        # shellcheck disable=SC2016 # dpkg-query expands it
        chroot "$root" dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || lacking="$lacking $package"
    done
    [ -z "$lacking" ] || say "installing$lacking in the tree of $release"
    # shellcheck disable=SC2086 # a list
    [ -z "$lacking" ] || chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $lacking \
        >>"$root.log" 2>&1 || give_up "apt-get in the tree of $release failed" "read $root.log"
    # Engines without root belong to who tests them, and need ids to give away.
    chroot "$root" getent passwd "$uid" >/dev/null || chroot "$root" useradd --no-create-home --uid "$uid" "user$uid"
    name=$(chroot "$root" getent passwd "$uid" | cut -d: -f1)
    echo "$name:100000:65536" | tee "$root/etc/subuid" >"$root/etc/subgid"
}

# cgroups KIND: the lines that mount control groups below the current folder. Without root Docker wants version 2, be
# there a controller or not.
cgroups() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ] || [ "$1" = rootless ]; then
        echo 'mount -t cgroup2 cgroup2 sys/fs/cgroup'
        return
    fi
    echo 'mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup'
    cut -d: -f2 /proc/self/cgroup | grep -v '^$' | while read -r controllers; do
        name=${controllers#name=}
        echo "mkdir -p sys/fs/cgroup/$name && mount -t cgroup -o ${controllers/#name=/none,name=} cgroup sys/fs/cgroup/$name"
    done
}

# devices KIND: the lines that fill dev. An engine without root may not use the machine's own terminals.
devices() {
    case $1 in
    docker | remapped) echo 'mount --rbind /dev dev' && return ;;
    esac
    printf 'mount -t tmpfs -o mode=755 tmpfs dev\nmkdir -p dev/pts dev/shm dev/net dev/mqueue\n'
    while read -r device major minor; do
        echo "mknod -m 666 dev/$device c $major $minor"
    done <<<$'null 1 3\nzero 1 5\nfull 1 7\nrandom 1 8\nurandom 1 9\ntty 5 0\nnet/tun 10 200\nfuse 10 229'
    printf 'mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts\nln -s pts/ptmx dev/ptmx\n'
    printf 'mount -t tmpfs -o mode=1777 tmpfs dev/shm\nmount -t mqueue mqueue dev/mqueue\nln -s /proc/self/fd dev/fd\n'
}

# program KIND PLACE NUMBER: the command line of an engine.
program() {
    local as="setpriv --reuid $uid --regid $gid --init-groups env HOME=$2/home XDG_RUNTIME_DIR=$2/run"
    local dockerd="dockerd --data-root $2/data --exec-root $2/exec --host unix://$2/run/docker.sock --group $gid --pidfile $2/docker.pid"
    dockerd="$dockerd --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /berth-engine-$3"
    dockerd="$dockerd --bip 172.29.$3.1/24 --default-address-pool base=172.30.0.0/16,size=24"
    local podman="podman --root $2/store --runroot $2/run/containers --cgroup-manager=cgroupfs system service --time 0 unix://$2/run/docker.sock"
    case $1 in
    docker) echo "$dockerd" ;;
    remapped) echo "$dockerd --userns-remap=$name" ;;
    rootless) echo "$as sh /usr/share/docker.io/contrib/dockerd-rootless.sh --data-root $2/home/data --host unix://$2/run/docker.sock" ;;
    podman) echo "env HOME=$2/home XDG_RUNTIME_DIR=$2/run CONTAINERS_CONF=$2/containers.conf $podman" ;;
    podman-user) echo "$as CONTAINERS_CONF=$2/containers.conf $podman" ;;
    esac
}

# containers_conf: Podman raises the limits of every container, which some machines forbid; so here are theirs.
containers_conf() {
    local processes
    processes=$(ulimit -Hu)
    [ "$processes" != unlimited ] || processes=65536
    printf '[containers]\ndefault_ulimits=["nofile=%s:%s","nproc=%s:%s"]\n' "$(ulimit -Hn)" "$(ulimit -Hn)" "$processes" "$processes"
    printf '[network]\nnetwork_backend="netavark"\n[engine]\nevents_logger="file"\n'
}

# start ENGINE RELEASE KIND NUMBER: an engine, its tree the root of its mount namespace: by pivot_root, since runc does
# not work in a chroot. Sets place, and DOCKER_HOST.
start() {
    local engine=$1 release=$2 kind=$3 number=$4 private=
    case $kind in
    docker | remapped) system "$release" "${docker_packages[@]}" ;;
    rootless) system "$release" "${rootless_packages[@]}" ;;
    podman*) system "$release" "${podman_packages[@]}" ;;
    esac
    place=$places/$engine
    mkdir -p "$place"/{data,exec,home,run,store}
    case $kind in
    rootless | podman-user) chown "$uid:$gid" "$place"/{home,run,store} ;;
    esac
    containers_conf >"$place/containers.conf"
    ip netns add "berth-$engine" && ip -n "berth-$engine" link set lo up
    # An address of its own that neighbours would see, which loopback is not.
    ip -n "berth-$engine" link add own type veth peer name neighbour
    ip -n "berth-$engine" addr add 192.0.2.1/24 dev own
    ip -n "berth-$engine" link set own up
    {
        printf 'set -eu\nmount --make-rprivate /\nmount --bind %s %s\ncd %s\nmkdir -p old tmp\n' "$root" "$root" "$root"
        printf 'mount -t proc proc proc\nmount -t sysfs sysfs sys\n'
        devices "$kind"
        cgroups "$kind"
        printf 'mount -t tmpfs tmpfs run\nmount --rbind /tmp tmp\npivot_root . old\numount -l old\ncd /\n'
        printf 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n'
        case $kind in
        podman*) echo 'mount --make-rshared /' ;;
        esac
        echo "exec $(program "$kind" "$place" "$number")"
    } >"$place/inside.sh"
    # Podman with root moves every process of the control group's root elsewhere: it gets a root of its own.
    case $kind in
    podman*) [ ! -e /sys/fs/cgroup/cgroup.controllers ] || private=--cgroup ;;
    esac
    setsid ip netns exec "berth-$engine" unshare --mount $private bash "$place/inside.sh" >"$place/log" 2>&1 </dev/null 9>&- &
    echo $! >"$place/pid"
    export DOCKER_HOST=unix://$place/run/docker.sock
    for _ in $(seq 150); do
        if curl -sf --unix-socket "$place/run/docker.sock" -o /dev/null http://engine/_ping; then
            [ "$kind" != podman ] || { chgrp "$gid" "$place/run/docker.sock" && chmod 660 "$place/run/docker.sock"; }
            chmod 755 "$place" "$place/run"
            return
        fi
        sleep 0.2
    done
    tail -n 5 "$place/log" >&2
    give_up "$engine does not answer" "read $place/log"
}

# stop ENGINE: the engine, all it made and what a test left running beside it.
stop() {
    local place=$places/$1 tries=0
    [ -e "/run/netns/berth-$1" ] || [ -d "$place" ] || return 0
    kill "$(cat "$place/pid" 2>/dev/null)" 2>/dev/null || true
    while [ -n "$(ip netns pids "berth-$1" 2>/dev/null)" ] && [ $tries -lt 150 ]; do
        tries=$((tries + 1))
        [ $tries -ne 100 ] || ip netns pids "berth-$1" | xargs -r kill -9 2>/dev/null || true
        sleep 0.1
    done
    # Without root an engine's helpers have a namespace of their own.
    grep -lsaF "XDG_RUNTIME_DIR=$place/" /proc/[0-9]*/environ | cut -d/ -f3 | xargs -r kill -9 2>/dev/null || true
    ip netns del "berth-$1" 2>/dev/null || true
    rm -rf "$place"
}

# inside ENGINE COMMAND...: as the user of the tests, where the engine's networks are. A function of the shell cannot be
# executed, so a shell that knows it goes in.
inside() {
    local engine=$1
    shift
    nsenter --net="/run/netns/berth-$engine" bash -c '. .ci/lib.sh && ordinary && as_user "$@"' - "$@"
}

# conformance ENGINE: the tests of the rooms that speak to an engine, those that need one. The table counts them.
conformance() {
    local log=$results/$1.log real='RealEngine|ComesUpAndGoes|WithoutAFilter|32BitPrograms'
    (cd "$tree" && BERTH_DOCKER=1 inside "$1" go test -count=1 -v -run "$real" ./internal/engine ./internal/launch ./hardening) >"$log" 2>&1 || true
    grep -E '^(--- FAIL|FAIL|panic:)' "$log" >&2 || true
    grep -q '^ok' "$log" && ! grep -q '^FAIL' "$log"
}

[ "$(id -u)" = 0 ] || give_up "engines of their own need root" "sudo make engines"
packages debootstrap iproute2 util-linux procps curl git gcc libc6-dev
unset SUDO_UID SUDO_GID SUDO_USER SUDO_COMMAND # tests run as the user berth, also under sudo
ordinary
uid=$(id -u "$user") gid=$(id -g "$user")
tree_for_user engines
mkdir -p "$places"
(cd "$tree" && as_user make --no-print-directory build)
results=$places/results # of every engine, the last time it ran
mkdir -p "$results" && chown -R "$uid:$gid" "$results"
running=
trap 'for engine in $running; do stop "$engine"; done' EXIT
trap 'exit 143' TERM INT HUP

failed='' number=0
mapfile -t all < <(printf '%s\n' "$engines" | awk 'NF {print $1}')
[ $# -gt 0 ] || set -- "${all[@]}"
for engine; do
    row=$(printf '%s\n' "$engines" | grep "^$engine ") || give_up "$engine: no such engine" "one of: ${all[*]}"
    read -r _ release kind <<<"$row"
    number=$((number + 1))
    stop "$engine"
    running="$running $engine"
    start "$engine" "$release" "$kind" "$number"
    say "testing on $engine"
    conformance "$engine" || failed="$failed $engine:conformance"
    (cd "$tree" && BERTH_DOCKER=1 BERTH_BINARY=$tree/bin/berth BERTH_ENGINE=$engine BERTH_RESULTS=$results inside "$engine" \
        go test -count=1 -v ./e2e/engines) || failed="$failed $engine:launch"
    stop "$engine"
done
(cd "$tree" && as_user go run ./e2e/engines "$results") >"$tree/engines.md"
have=("$results"/*.json)
[ ${#have[@]} -lt ${#all[@]} ] || cp "$tree/engines.md" docs/engines.md
cat "$tree/engines.md"
[ -z "$failed" ] || give_up "the suite failed on$failed"
