//! Lock files of Python projects.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &[
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile.lock",
];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
