//! pip's `requirements.txt` and conda's `environment.yml`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &[
    "requirements.txt",
    "requirements-dev.txt",
    "environment.yml",
];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
