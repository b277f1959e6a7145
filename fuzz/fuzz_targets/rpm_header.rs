//! One header of rpm, as its databases keep it.
//!
//! Holds: no panic; a header without name or version is an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::rpm;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = rpm::parse_header(bytes) {
        assert!(!header.package.name.is_empty() && !header.package.version.is_empty());
    }
    // Through a database, for the files it owns.
    let mut file = vec![0; 4096];
    file[..4].copy_from_slice(b"RpmP");
    file[12] = 1;
    let blocks = (bytes.len() + 28).div_ceil(16);
    let length = bytes.len() as u32;
    for (at, word) in [
        (32, *b"Slot"),
        (36, [1, 0, 0, 0]),
        (40, 256_u32.to_le_bytes()),
        (44, (blocks as u32).to_le_bytes()),
    ] {
        file[at..at + 4].copy_from_slice(&word);
    }
    file.extend([&b"BlbS\x01\0\0\0\0\0\0\0"[..], &length.to_le_bytes(), bytes].concat());
    file.resize(4096 + blocks * 16 - 8, 0);
    file.extend([&length.to_le_bytes()[..], b"BlbE"].concat());
    assert!(rpm::parse(&file).owned_paths.is_sorted());
});
