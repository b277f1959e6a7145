//! A line of tar-split data, as container runtimes keep it.
//!
//! Holds: no panic; a name never leads out of the folder it is opened in, and is never empty.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::layer::split::{Piece, piece};

fuzz_target!(|data: &[u8]| {
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(Piece::File { name, size }) = piece(line) {
            assert!(size > 0 && !name.is_empty() && !name.contains(&0));
            let parts = name.split(|byte| *byte == b'/');
            for part in parts {
                assert!(!part.is_empty() && part != b"." && part != b"..");
            }
        }
    }
});
