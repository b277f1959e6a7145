//! CycloneDX documents, as JSON and XML, bare and in attestations.
//!
//! Holds: no panic; problems are bounded; what was read can be written, and reads the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::{ScanReport, Timestamp};
use rampart_vuln::sbom::{Options, cyclonedx, read};

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
    let text = cyclonedx::write(&report, &options, cyclonedx::Version::V1_6, true);
    let again = read(text.as_bytes()).expect("our own document is read");
    assert_eq!(again.packages, report.packages);
});
