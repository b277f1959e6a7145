//! A program with a list by cargo-auditable inside: the input, deflated as that does.
//!
//! Holds: no panic, and pieces of any size tell the same.

#![no_main]

#[path = "support/program.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut list = b"{\"packages\":".to_vec();
    list.extend_from_slice(data);
    let stored = support::zlib_stored(&list);
    support::same_in_pieces("bin/tool", &support::program(&stored));
    support::same_in_pieces("bin/tool", &support::program(data));
});
