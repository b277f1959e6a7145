//! CISA's catalogue and the EPSS table.
//!
//! What must hold stands in `feed`.

#![no_main]

mod feed;

use libfuzzer_sys::fuzz_target;

const CHOICES: &[(&str, &str)] = &[
    ("kev", "kev.json"),
    ("epss", "epss.csv"),
];

fuzz_target!(|data: &[u8]| feed::read(CHOICES, data));
