//! rpm's Berkeley DB hash file: pages, chains and counts that lie.
//!
//! Holds: no panic, an end, and no more packages than the file has room for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::rpm;

fuzz_target!(|bytes: &[u8]| {
    let mut file = bytes.to_vec();
    if let Some(magic) = file.get_mut(12..16) {
        magic.copy_from_slice(&0x0006_1561_u32.to_le_bytes());
    }
    let database = rpm::parse(&file);
    assert!(database.packages.len() * 24 <= file.len());
    assert!(database.owned_paths.is_sorted());
    assert_eq!(database.broken == 0, database.first_error.is_empty());
});
