//! NVD's CVE records.
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("nvd", "a.json"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
