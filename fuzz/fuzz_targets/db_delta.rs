//! A delta of any bytes, on a small database.
//!
//! Holds: no panic, no memory beyond what the bytes unpack to; what comes out opens or says why not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::db::{Database, delta};
use std::sync::Arc;

const OLD: &[u8] = include_bytes!("../corpus/db_open/small");

fuzz_target!(|data: &[u8]| {
    let Ok(old) = Database::open_unsigned(Arc::new(OLD)) else { return };
    if let Ok(file) = delta::apply(&old, data, None) {
        let _ = Database::open_unsigned(Arc::new(file)).map(|db| db.verify_all());
    }
});
