//! Ubuntu's CVE tracker: text files, one a CVE.
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("ubuntu", "CVE-2026-0001"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
