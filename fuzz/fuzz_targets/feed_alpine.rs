//! Alpine's, Wolfi's and Chainguard's secdb, JSON and YAML.
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("alpine", "main.json"),
    ("alpine", "main.yaml"),
    ("wolfi", "security.json"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
