//! CSAF documents of Red Hat and SUSE: advisories and VEX.
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("redhat", "cve.json"),
    ("suse", "su.json"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
