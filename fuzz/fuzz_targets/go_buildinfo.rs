//! Go build information: a module list by itself, and a program with it inside.
//!
//! Holds: no panic, packages carry the file's path, and pieces of any size tell the same.

#![no_main]

#[path = "support/program.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::golang;

fuzz_target!(|data: &[u8]| {
    let _ = golang::read_modules(data, "bin/tool");
    support::same_in_pieces("bin/tool", &support::program(data));
});
