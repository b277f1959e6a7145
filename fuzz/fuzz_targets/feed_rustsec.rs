//! RustSec: TOML heads in Markdown, version requirements.
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("rustsec", "RUSTSEC-2026-0001.md"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
