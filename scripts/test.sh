#!/usr/bin/env bash
# Every test: Rust (unit, conformance, contract, real containers), console units, console in a browser.
# Root is needed for the kernel and container tests; without it they say why they skip.
set -euo pipefail
cd "$(dirname "$0")/.."

section() { printf '\n== %s ==\n' "$*"; }

section "Rust: build"
cargo build --locked --workspace --all-targets
section "Rust: unit, store conformance, API contract, kernel, containers, whole product"
cargo test --locked --workspace --no-fail-fast
section "Console: units"
(cd ui && { [ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error; } && npm test)
