//! CVSS vectors.
//!
//! Holds: no panic; a score is between 0 and 10, and the vector it gives back has the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::cvss::scored;

fuzz_target!(|data: &str| {
    if let Ok(cvss) = scored("x", data) {
        assert!(cvss.score_tenths <= 100);
        assert_eq!(scored("x", &cvss.vector).as_ref(), Ok(&cvss));
    }
});
