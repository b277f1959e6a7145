//! A vulnerability database of any bytes. Hashes are not compared under fuzzing, so what lies behind
//! them is reached.
//!
//! Holds: no panic, no memory beyond the file's; what opens has pages and rows or says what is wrong.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::db::{Database, VerifyingKey};
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let bytes = Arc::new(data.to_vec());
    let nobody = VerifyingKey::from_bytes(&[1; 32]).ok();
    assert!(Database::open(bytes.clone(), nobody.as_slice()).is_err());
    let Ok(db) = Database::open_unsigned(bytes) else { return };
    let _ = db.verify_all();
    let mut rows = 0_u64;
    if db.each_row(|_| rows += 1).is_ok() {
        let _ = db.info().is_expired(db.info().built_at);
    }
});
