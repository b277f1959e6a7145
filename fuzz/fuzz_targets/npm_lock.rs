//! npm's lock files, installed `package.json`, and Bun's lock file.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &[
    "package-lock.json",
    "node_modules/a/package.json",
    "bun.lock",
];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
