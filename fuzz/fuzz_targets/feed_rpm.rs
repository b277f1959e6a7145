//! Errata of Rocky, Amazon (updateinfo XML) and Oracle (OVAL XML).
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("rocky", "a.json"),
    ("amazon", "updateinfo.xml"),
    ("oracle", "elsa.xml"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
