#!/usr/bin/env bash
# Runs the kernel tests on a stock Debian kernel in QEMU (software emulation, no KVM needed).
#
# Usage: scripts/vm.sh [--if-able] [--icount] [6.1|6.12]...        default: 6.1
# With --if-able, a machine that can have no QEMU or no kernel package is no failure: it says why.
# With --icount, the overhead of the LSM tier is counted in instructions, and nothing else is run.
# RAMPART_VM_FILTER runs some of the tests; RAMPART_VM_SECONDS ends a kernel's run, 1200 by default.
# The kernel comes from Debian's packages, the root file system is an initramfs of busybox, runc
# and the test programs of crates/probe. Kept under .cache/vm.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/.cache/vm
mkdir -p "$cache"

say() { printf 'vm: %s\n' "$*"; }
die() { printf 'vm: %s\n' "$*" >&2; exit 1; }
# Something this machine cannot have.
lack() {
    [ -z "$if_able" ] || { say "skipped: $*"; exit 0; }
    die "$*"
}
if_able= icount=
while :; do
    case ${1:-} in
        --if-able) if_able=1 ;;
        --icount) icount=1 ;;
        *) break ;;
    esac
    shift
done
# Guest time is the number of instructions executed, two nanoseconds each, whatever this machine does.
machine=(-accel tcg -smp 2)
filter=${RAMPART_VM_FILTER:-}
if [ -n "$icount" ]; then
    machine=(-accel "tcg,thread=single" -smp 1 -icount "shift=1,sleep=off")
    filter=cost
fi

# Package lists of our own: the release's and its backports', from the mirror this machine uses.
apt_options=(-o "Dir::State::lists=$cache/lists" -o "Dir::Etc::sourcelist=$cache/sources.list" -o Dir::Etc::sourceparts=-)
update_lists() {
    [ -e "$cache/sources.list" ] && [ -d "$cache/lists" ] && return
    local mirror
    mirror=$( (apt-cache policy 2>/dev/null || true) | sed -nE 's/^ *[0-9]+ (http[^ ]*) bookworm\/main .*/\1/p' | head -n 1)
    [ -n "$mirror" ] || lack "no Debian 12 mirror is configured: see sources.list(5)"
    printf 'deb %s %s main\n' "$mirror" bookworm "$mirror" bookworm-backports > "$cache/sources.list"
    mkdir -p "$cache/lists/partial"
    apt-get "${apt_options[@]}" -qq update >&2 || {
        rm -f "$cache/sources.list"
        lack "Debian's package lists cannot be fetched"
    }
}

# Debian 12's own QEMU 7.2 makes newer kernels panic under emulation; its backport does not.
ensure_qemu() {
    local major
    major=$( (qemu-system-x86_64 --version 2>/dev/null || true) | sed -nE 's/.* version ([0-9]+)\..*/\1/p' | head -n 1)
    [ "${major:-0}" -ge 10 ] && return
    [ "$(id -u)" -eq 0 ] || lack "QEMU 10 is needed: run once as root, or install qemu-system-x86 from bookworm-backports"
    update_lists
    say "installing QEMU from bookworm-backports"
    DEBIAN_FRONTEND=noninteractive apt-get "${apt_options[@]}" install -y --no-install-recommends \
        -t bookworm-backports qemu-system-x86 qemu-system-common qemu-system-data seabios >/dev/null ||
        lack "QEMU cannot be installed"
}

# The newest signed cloud kernel of a release line.
kernel_package() {
    apt-cache "${apt_options[@]}" search --names-only "^linux-image-${1//./\\.}\\..*-cloud-amd64$" |
        awk '{print $1}' | sort -V | tail -n 1
}

# Unpacks the kernel without installing it; prints its folder.
fetch_kernel() {
    local line=$1 package folder
    update_lists
    package=$(kernel_package "$line")
    [ -n "$package" ] || lack "Debian 12 and its backports have no $line kernel: use 6.1 or 6.12"
    folder=$cache/$package
    if [ ! -d "$folder" ]; then
        say "fetching $package" >&2
        (cd "$cache" && apt-get "${apt_options[@]}" download -qq "$package" >&2) ||
            lack "$package cannot be fetched"
        dpkg -x "$cache/$package"_*.deb "$folder.part"
        rm -f "$cache/$package"_*.deb
        mv "$folder.part" "$folder"
    fi
    echo "$folder"
}

# Copies a program and the libraries it needs.
copy_program() {
    local root=$1 program=$2 target=${3:-$2} library
    install -D "$program" "$root$target"
    { ldd "$program" 2>/dev/null | grep -oE '/[^ :]+' || true; } | while read -r library; do
        [ -e "$root$library" ] || install -D "$library" "$root$library"
    done
}

# The corpus of bypass routes that is kept beside the project, with its helper programs and the
# interpreter it uses; where it is, or what builds it is not, the test says so and passes.
add_hostile() {
    local root=$1 from=${RAMPART_REFERENCE:-../shared/reference}/data/runtime
    local sources=$from/harness python library
    if [ ! -e "$from/hostile.tsv" ] || ! command -v gcc >/dev/null; then
        say "no corpus of bypass routes, or no gcc to build it: its test is skipped"
        return 0
    fi
    mkdir -p "$root/hostile"
    cp "$from/hostile.tsv" "$root/hostile/"
    gcc -w -O1 -pthread -o "$root/hostile/h2" "$sources/h2.c"
    gcc -w -o "$root/hostile/x" "$sources/x.c"
    gcc -w -static -o "$root/hostile/xs" "$sources/x.c"
    gcc -w -shared -fPIC -o "$root/hostile/x.so" "$sources/xso.c"
    gcc -c -o "$root/hostile/sc.o" "$sources/sc.s"
    objcopy -O binary -j .text "$root/hostile/sc.o" "$root/hostile/sc"
    rm "$root/hostile/sc.o"
    python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
    copy_program "$root" "$python" /usr/bin/python3
    library=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
    mkdir -p "$root$library"
    (cd "$library" && find . \( -name __pycache__ -o -name test -o -name 'config-*' -o -name idlelib \
        -o -name lib2to3 -o -name site-packages -o -name dist-packages \) -prune -o -type f -print0 |
        xargs -0 cp --parents -t "$root$library")
    for library in "$root$library"/lib-dynload/*.so; do
        { ldd "$library" | grep -oE '/[^ :]+' || true; } | while read -r library; do
            [ -e "$root$library" ] || install -D "$library" "$root$library"
        done
    done
    rm -f "$root/bin/setfattr"
}

# The initramfs: what the tests need and an init that runs them and powers off.
make_initramfs() {
    local root=$1 kernel=$2 out=$3 test=$4 module
    rm -rf "$root"
    mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,tmp,run,etc,root,var/tmp,modules}
    copy_program "$root" /bin/busybox
    for applet in $(/bin/busybox --list); do
        [ "$applet" = busybox ] || ln -sf /bin/busybox "$root/bin/$applet"
    done
    # Programs that are files of their own: the tests tell a program by its file.
    copy_program "$root" "$(readlink -f /bin/sh)" /bin/dash
    ln -sf dash "$root/bin/sh"
    rm "$root/bin/true" "$root/bin/env"
    copy_program "$root" /usr/bin/true /bin/true
    copy_program "$root" /usr/bin/env /usr/bin/env
    copy_program "$root" "$(command -v runc)" /usr/sbin/runc
    copy_program "$root" "$(command -v ip)" /usr/sbin/ip
    copy_program "$root" "$(command -v mount)" /usr/bin/mount
    copy_program "$root" "$(command -v unshare)" /usr/bin/unshare
    copy_program "$root" "$(readlink -f /bin/bash)" /bin/bash
    add_hostile "$root"
    copy_program "$root" "$test" /tests/it
    strip --strip-debug "$root/tests/it" 2>/dev/null || true
    for module in overlay veth llc stp bridge; do
        find "$kernel" -name "$module.ko" -exec cp {} "$root/modules/" \;
        find "$kernel" -name "$module.ko.xz" -exec sh -c 'xz -dc "$1" > "$2"' _ {} "$root/modules/$module.ko" \;
    done
    echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
    cp scripts/vm-init.sh "$root/init"
    chmod +x "$root/init"
    (cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) > "$out"
}

run_kernel() {
    local line=$1 folder image log=$cache/$1.log
    # It says why on the standard output if it is skipped.
    folder=$(fetch_kernel "$line") || return 1
    [ -d "$folder" ] || { echo "$folder"; return 0; }
    image=$(find "$folder" -name 'vmlinuz*' -type f | head -n 1)
    make_initramfs "$cache/root-$line" "$folder" "$cache/$line.cpio.gz" "$test_program"
    say "booting $(basename "$image")"
    timeout "${RAMPART_VM_SECONDS:-1200}" qemu-system-x86_64 "${machine[@]}" -machine q35 -cpu max -m 3072 \
        -nographic -no-reboot -nodefaults -serial stdio -kernel "$image" -initrd "$cache/$line.cpio.gz" \
        -append "console=ttyS0 quiet panic=-1 lsm=lockdown,capability,landlock,yama,bpf mitigations=off rampart.filter=$filter rampart.icount=$icount rampart.hostile=${RAMPART_HOSTILE:-} rampart.step=${RAMPART_STEP:-}" \
        < /dev/null | tee "$log"
    grep -q '^VM TESTS PASSED' "$log" || die "$line: tests failed; the console is in $log"
    say "$line: passed"
}

ensure_qemu
say "building the kernel tests"
test_program=$(cargo test --locked -p rampart-probe --test it --no-run --message-format=json |
    jq -r 'select(.reason == "compiler-artifact" and .target.name == "it" and .executable != null) | .executable' | tail -n 1)
[ -x "$test_program" ] || die "the test program was not built"
[ $# -gt 0 ] || set -- 6.1
for line in "$@"; do run_kernel "$line"; done
