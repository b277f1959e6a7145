//! Debian: the tracker's JSON, its text lists, changelogs.
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("debian", "a.json"),
    ("debian-list", "CVE-list"),
    ("debian-list", "DSA-list"),
    ("debian-changelog", "a.json"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
