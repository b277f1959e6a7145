//! `go.mod`.
//!
//! Holds: no panic.

#![no_main]

#[path = "support/program.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::golang;

fuzz_target!(|data: &[u8]| {
    let facts = support::facts("app/go.mod", data, 4096);
    assert_eq!(
        facts.problems.is_empty(),
        golang::read_go_mod(data, "").is_ok()
    );
});
