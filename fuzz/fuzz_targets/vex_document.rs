//! VEX documents of any format.
//!
//! Holds: no panic; statements refer to products that are there; applying one never panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::{Package, PackageKind, Vulnerability, scan::ScanTarget};
use rampart_vuln::vex::{Source, apply, parse};

fuzz_target!(|data: &[u8]| {
    let Ok(document) = parse(data) else { return };
    for statement in &document.statements {
        assert!(statement.products.iter().all(|&at| (at as usize) < document.products.len()));
    }
    let packages = [Package::new(PackageKind::Deb, "a", "1"), Package::new(PackageKind::Npm, "@s/a", "1")];
    let mut found = vec![
        Vulnerability { id: "CVE-2024-0001".into(), ..Vulnerability::default() },
        Vulnerability { id: "CVE-2024-0001".into(), package: 1, ..Vulnerability::default() },
    ];
    let source = Source { name: "d", document: &document };
    apply(&[source], &mut found, &packages, None, &ScanTarget::default());
});
