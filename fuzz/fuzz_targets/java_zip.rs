//! Archives, whole: headers, data, descriptors, directory, and archives inside.
//!
//! Holds: no panic, bounded problems, and pieces of any size tell the same.

#![no_main]

#[path = "support/program.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let facts = support::same_in_pieces("app/tool-1.0.war", data);
    assert!(facts.problems.len() <= 201);
    // Only an archive, or one behind a script, is read without a complaint.
    let archive = data.starts_with(b"PK") || data.starts_with(b"#!");
    assert!(data.is_empty() || archive || !facts.problems.is_empty());
});
