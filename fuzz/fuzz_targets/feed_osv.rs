//! OSV documents, JSON and YAML: the shape most advisories come in.
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("osv", "a.json"),
    ("pypa", "a.yaml"),
    ("alma", "a.json"),
    ("ubuntu", "a.json"),
    ("rocky", "a.json"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
