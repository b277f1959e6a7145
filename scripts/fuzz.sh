#!/usr/bin/env bash
# Fuzzes the parsers of outside input.
#
# Usage: scripts/fuzz.sh [SECONDS] [TARGET]...    each target that long (default 60, all targets)
#        scripts/fuzz.sh --corpus [TARGET]...     each target once over its seeds, as a test
#        scripts/fuzz.sh --list
#
# Needs a C++ compiler. Uses cargo-fuzz where it is installed, and plain cargo where it is not.
# New inputs go to fuzz/target/corpus, crashes to fuzz/artifacts; seeds in fuzz/corpus stay as
# they are. Exit codes: 0 nothing found, 1 a target crashed or did not build, 2 wrong usage.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

die() { printf 'fuzz: %s\n' "$*" >&2; exit 2; }
all_targets() { sed -n 's/^name = "\(.*\)"/\1/p' Cargo.toml | grep -v '^rampart-fuzz$'; }

seconds=60 corpus_only=0
case "${1:-}" in
    --list) all_targets; exit 0 ;;
    --corpus) corpus_only=1; shift ;;
    -*) die "unknown option $1: see the head of scripts/fuzz.sh" ;;
    [0-9]*) seconds=$1; shift ;;
esac
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(all_targets)
for target in "${targets[@]}"; do
    all_targets | grep -qx -- "$target" || die "no target '$target': there are $(all_targets | tr '\n' ' ')"
done

# Kernel programs are not fuzzed here, and need not be compiled.
export RAMPART_SKIP_BPF=1
host=$(rustc -vV | sed -n 's/^host: //p')
binaries="target/$host/release"

# With cargo-fuzz the address sanitizer comes with it, which needs a nightly compiler.
use_cargo_fuzz() { cargo fuzz --version >/dev/null 2>&1 && rustc --version | grep -q nightly; }

build() {
    if use_cargo_fuzz; then
        for target in "${targets[@]}"; do cargo fuzz build --fuzz-dir . "$target"; done
        return
    fi
    # What cargo-fuzz would set, without the sanitizer: coverage counters, comparisons, checks on.
    # Only for the target, so that build scripts and macros stay plain.
    local flags="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module"
    flags+=" -Cllvm-args=-sanitizer-coverage-level=4"
    flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
    flags+=" -Cllvm-args=-sanitizer-coverage-pc-table"
    flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
    local bins=()
    for target in "${targets[@]}"; do bins+=(--bin "$target"); done
    RUSTFLAGS="$flags" cargo build --release --target "$host" "${FUZZ_CARGO_ARGS[@]}" "${bins[@]}"
}

run() {
    local target=$1 seeds="corpus/$1" found="target/corpus/$1"
    mkdir -p "$found" artifacts
    [ -d "$seeds" ] || die "target $target has no seeds in fuzz/$seeds"
    if [ "$corpus_only" -eq 1 ]; then
        find "$seeds" -type f -print0 | xargs -0 "$binaries/$target" -artifact_prefix="artifacts/$target-" -timeout=10 \
            >"target/$target.log" 2>&1
    else
        local dict=()
        [ -f "dict/$target" ] && dict=(-dict="dict/$target")
        "$binaries/$target" "$found" "$seeds" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
            "${dict[@]}" -artifact_prefix="artifacts/$target-" -print_final_stats=1 >"target/$target.log" 2>&1
    fi
}

# For a part of the targets while another crate does not build: FUZZ_FEATURES=api,policy.
FUZZ_CARGO_ARGS=()
[ -z "${FUZZ_FEATURES:-}" ] || FUZZ_CARGO_ARGS=(--no-default-features --features "$FUZZ_FEATURES")
build
failed=0
for target in "${targets[@]}"; do
    if run "$target"; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *\(.*\)/\1 runs/p' "target/$target.log")
        printf 'fuzz: %-18s ok  %s\n' "$target" "${runs:-$(find "corpus/$target" -type f | wc -l) seeds}"
    else
        failed=1
        printf 'fuzz: %-18s FAILED\n' "$target"
        grep -nE -A3 "panicked at|ERROR: libFuzzer" "target/$target.log" || tail -n 40 "target/$target.log"
    fi
done
exit "$failed"
