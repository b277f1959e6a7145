//! os-release and the older files beside it; names of licences.
//!
//! Holds: no panic; a distribution has an id; what is kept is short.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::{distro, license};

fuzz_target!(|bytes: &[u8]| {
    let mut found = Vec::new();
    for path in [
        "etc/os-release",
        "etc/redhat-release",
        "etc/SuSE-release",
        "etc/alpine-release",
        "etc/lsb-release",
        "etc/debian_version",
    ] {
        if let Some(distro) = distro::parse(path, bytes) {
            assert!(!distro.id.is_empty());
            assert!(distro.name.len() <= 2048 && distro.full_version.len() <= 1024);
            found.push((path, distro));
        }
    }
    let found: Vec<_> = found.iter().map(|(path, distro)| (*path, distro)).collect();
    assert_eq!(distro::combine(&found).is_some(), !found.is_empty());
    let text = String::from_utf8_lossy(bytes);
    let normal = license::normalise(&text);
    assert!(normal.chars().count() <= 257 || normal.split(' ').all(|word| word.is_ascii()));
});
