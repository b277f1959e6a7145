//! `pom.xml`.
//!
//! Holds: no panic, and expansion stays within its bounds.

#![no_main]

#[path = "support/program.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::java;

fuzz_target!(|data: &[u8]| {
    if let Ok(packages) = java::read_pom(data, "pom.xml") {
        for package in &packages {
            assert!(package.version.len() <= 1024 && !package.version.contains("${"));
        }
    }
    let _ = support::facts("src/pom.xml", data, 4096);
});
