//! Alpine's database of packages, Arch's `desc` and Azure Linux's manifest.
//!
//! Holds: no panic; every package has a name and a version; owned paths are sorted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::{alpm, apk, rpm};

fuzz_target!(|bytes: &[u8]| {
    let installed = apk::parse(bytes);
    assert!(installed.owned_paths.is_sorted());
    let (listed, _) = rpm::parse_manifest(bytes);
    let all = installed
        .packages
        .into_iter()
        .chain(listed)
        .chain(alpm::parse(bytes));
    for package in all {
        assert!(!package.name.is_empty() && !package.version.is_empty());
    }
});
