//! pnpm's lock files.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &["pnpm-lock.yaml"];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
