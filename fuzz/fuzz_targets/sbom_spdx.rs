//! SPDX documents, as JSON and tag-value text.
//!
//! Holds: no panic; problems are bounded; what was read can be written, and reads the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::{ScanReport, Timestamp};
use rampart_vuln::sbom::{Options, read, spdx};

fuzz_target!(|data: &[u8]| {
    let Ok(sbom) = read(data) else { return };
    assert!(sbom.problems.len() <= 101);
    let report = ScanReport {
        distro: sbom.distro,
        packages: sbom.packages,
        ..ScanReport::default()
    };
    let options = Options {
        tool_version: "0".to_owned(),
        created: Timestamp::from_ms(0),
        author: String::new(),
    };
    for text in [
        spdx::write_json(&report, &options),
        spdx::write_tag_value(&report, &options),
    ] {
        let again = read(text.as_bytes()).expect("our own document is read");
        assert_eq!(again.packages, report.packages);
    }
});
