//! `MANIFEST.MF` and `pom.properties`.
//!
//! Holds: no panic; values have no line ends, coordinates no blanks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::java;

fuzz_target!(|data: &[u8]| {
    let manifest = java::read_manifest(data);
    for name in [
        "Implementation-Version",
        "Bundle-SymbolicName",
        "Short-Name",
    ] {
        assert!(!manifest.value(name).contains('\n'));
    }
    if let Some(found) = java::read_pom_properties(&String::from_utf8_lossy(data)) {
        assert!(!found.version.is_empty() && !found.name().contains(char::is_whitespace));
    }
});
