//! `Cargo.lock`.
//!
//! Holds: no panic.

#![no_main]

#[path = "support/program.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = support::facts("app/Cargo.lock", data, 4096);
});
