#!/usr/bin/env bash
# Every benchmark, as ratios or against a stated limit; SPECIFICATION.md keeps the figures.
# Needs root for the kernel and product parts.
set -euo pipefail
cd "$(dirname "$0")/.."

section() { printf '\n== %s ==\n' "$*"; }

section "event log: 1,000,000 records"
cargo bench --locked -p rampart-store --bench events
section "vulnerability database: size, build, open, match"
cargo bench --locked -p rampart-vuln --bench db
section "scan: an image of more than 1 GB, as a ratio to inflating and hashing it"
cargo bench --locked -p rampart-scanner --bench scan
section "detection: events a second with Falco's rules, ours, and 500 made up"
cargo bench --locked -p rampart-detect --bench rules
section "kernel: event rate, exec and open overhead of the programs alone"
cargo bench --locked -p rampart-probe
section "product: overhead, memory, time to enforced"
cargo bench --locked -p rampart --bench product
