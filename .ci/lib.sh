# Sourced by the scripts beside it: saying what is done, and doing it as the right user.

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
[ -t 2 ] || say() { printf '==> %s\n' "$*" >&2; }
give_up() {
    printf 'berth: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'berth: hint: %s\n' "$2" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND...: directly, or by sudo where it asks nothing or there is somebody to ask.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
may_root() {
    [ "$(id -u)" = 0 ] && return
    have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }
}

# packages PACKAGE...: install what is missing, from Debian.
packages() {
    missing=
    for package; do
        dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    have apt-get || give_up "this machine lacks:$missing" "install them with the system's package manager"
    may_root || give_up "this machine lacks:$missing" "sudo apt-get install$missing"
    say "installing$missing"
    as_root apt-get -qq update >&2 || true # old lists may do
    # shellcheck disable=SC2086 # a list
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >&2 ||
        give_up "apt-get could not install$missing" "check the network and the proxy settings, then run the same command"
}

# engine: an engine that answers. Where none does and we may, Debian's is installed and started.
engine_answers() {
    if have docker; then docker version >/dev/null 2>&1; else have curl && curl -sf --unix-socket /var/run/docker.sock -o /dev/null http://engine/_ping; fi
}
engine() {
    engine_answers && return
    if [ "$(id -u)" != 0 ] && may_root && as_root docker version >/dev/null 2>&1; then return; fi
    [ -z "${DOCKER_HOST:-}" ] || give_up "DOCKER_HOST=$DOCKER_HOST: no engine answers there" "unset DOCKER_HOST, or start that engine"
    [ "$(uname -s)" = Linux ] || give_up "no container engine answers" "start Docker Desktop, Colima, OrbStack or Podman"
    if ! have dockerd; then
        packages docker.io iptables
        ! apt-cache show docker-cli >/dev/null 2>&1 || packages docker-cli # a package of its own from trixie on
        engine_answers && return
    fi
    may_root || give_up "no container engine answers" "sudo systemctl start docker"
    if [ -d /run/systemd/system ]; then
        say "starting docker by systemd"
        as_root systemctl start docker
    else
        say "starting dockerd, log in /var/log/dockerd.log (stop it: kill \$(cat /var/run/docker.pid))"
        as_root sh -c 'setsid dockerd >>/var/log/dockerd.log 2>&1 </dev/null &'
    fi
    tries=0
    until engine_answers || as_root docker version >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || {
            as_root tail -n 5 /var/log/dockerd.log >&2 2>/dev/null || true
            give_up "the engine was started and does not answer" "look into its log"
        }
        sleep 0.5
    done
}

# ordinary: who berth runs as. Sets user and home; makes the user berth where root started us directly.
ordinary() {
    user=$(id -un) home=$HOME
    [ "$(id -u)" = 0 ] || return 0
    if [ -n "${SUDO_UID:-}" ]; then # berth itself knows who called sudo
        home=$(getent passwd "$SUDO_UID" | cut -d: -f6)
        return
    fi
    user=berth
    getent group docker >/dev/null || groupadd --system docker
    if ! getent passwd berth >/dev/null; then
        say "root may not own a sandbox: making the ordinary user berth, member of docker"
        useradd --create-home --shell /bin/bash --groups docker berth
    fi
    id -nG berth | grep -qw docker || usermod --append --groups docker berth
    home=$(getent passwd berth | cut -d: -f6)
    [ -d "$home" ] || install -d -o berth -g berth "$home"
}

# as_user COMMAND...: as the user of ordinary, with this environment: sudo and su would drop the proxies and certificates.
as_user() {
    if [ "$user" != berth ] || [ "$(id -un)" = berth ]; then
        as_member "$@"
        return
    fi
    env -u XDG_RUNTIME_DIR -u XDG_STATE_HOME -u XDG_CONFIG_HOME -u XDG_CACHE_HOME -u XDG_DATA_HOME -u GOPATH -u GOBIN \
        -u GOCACHE -u GOMODCACHE -u GOENV HOME="$home" USER=berth LOGNAME=berth \
        setpriv --reuid berth --regid berth --init-groups -- "$@" 9>&- # a lock of ours is not for what it leaves running
}

# as_member COMMAND...: with the group docker, also in a session that began before it was given.
as_member() {
    if [ "$(id -u)" = 0 ] || engine_answers || ! have sudo || [ ! -S /var/run/docker.sock ]; then
        "$@"
        return
    fi
    if ! id -nG "$(id -un)" | grep -qw docker; then
        say "adding $(id -un) to the group docker: who is in it may use the engine"
        sudo usermod --append --groups docker "$(id -un)"
    fi
    sudo --preserve-env setpriv --reuid "$(id -u)" --regid "$(id -g)" --init-groups -- env HOME="$HOME" PATH="$PATH" "$@"
}

# go_settings: hand on how Go finds modules: the user's own file of settings is another one.
go_settings() {
    for name in GOPROXY GOSUMDB GONOSUMDB GONOPROXY GOPRIVATE GOINSECURE GOTOOLCHAIN GOFLAGS; do
        value=$(go env "$name")
        [ -z "$value" ] || export "$name=$value"
    done
}

# writable_caches: Go needs a place for its caches, also where HOME cannot be written.
writable_caches() {
    for name in GOCACHE GOMODCACHE; do
        folder=$(go env "$name" 2>/dev/null) || folder=
        if [ -z "$folder" ] || [ "$folder" = off ] || ! mkdir -p "$folder" 2>/dev/null || [ ! -w "$folder" ]; then
            export "$name=${TMPDIR:-/tmp}/berth-$(id -u)-$name"
        fi
    done
}

# tree_for_user [WHAT]: sets tree, where the user of ordinary can build and test. Root may not own a sandbox, and the clone
# may lie where only root can look: then it is a copy of the tree, with the modules, since root's cache cannot be read.
tree_for_user() {
    tree=$PWD
    if [ "$user" != berth ] || [ "$(id -u)" != 0 ]; then return; fi
    tree=$home/.cache/berth-${1:-test}
    say "copying the tree to $tree, to test it as the user berth"
    mkdir -p "$tree"
    exec 9>"$tree.lock"
    flock --nonblock 9 || { say "waiting for another run of the tests to end" && flock 9; }
    find "$tree" -mindepth 1 -delete
    VERSION=$(git -c safe.directory="$PWD" describe --tags --always --dirty 2>/dev/null | sed 's/^v//') || VERSION=
    export VERSION
    if git -c safe.directory="$PWD" rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard
    else
        find . -type f -print0
    fi | tar --null -T - -cf - | tar -C "$tree" -xf -
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
}
