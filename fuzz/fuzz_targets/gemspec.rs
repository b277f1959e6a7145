//! Specifications of installed gems.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &[
    "specifications/a-1.0.gemspec",
    "usr/gems/specifications/gemspec.gemspec",
];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
