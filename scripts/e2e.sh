#!/usr/bin/env bash
# The whole product, release build: attacks, browser, demo in Monitor and Protect, 100 kills.
set -euo pipefail
cd "$(dirname "$0")/.."
export RAMPART_TEST_KILLS="${RAMPART_TEST_KILLS:-100}"
cargo test --locked --release -p rampart --test it -- --nocapture
