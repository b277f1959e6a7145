//! Headers of installed Python distributions, and zipped eggs.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &[
    "l/a-1.dist-info/METADATA",
    "l/a-1.egg-info/PKG-INFO",
    "l/a-1-py3.egg",
    "conda-meta/a-1-0.json",
];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
