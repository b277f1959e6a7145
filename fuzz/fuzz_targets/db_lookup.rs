//! Questions to a vulnerability database of any bytes.
//!
//! Holds: no panic; an answer or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::{Distro, Package, PackageKind};
use rampart_vuln::{
    advisory::Bucket,
    db::Database,
    matching::{MatchOptions, explain, find},
};
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let Ok(db) = Database::open_unsigned(Arc::new(data.to_vec())) else { return };
    for id in ["CVE-2024-0001", "GHSA-aaaa", "ELA-1"] {
        let _ = db.record(id);
        let _ = db.search(id);
        let _ = db.rows_about(id);
    }
    let _ = db.advisories(&Bucket::Language(PackageKind::Npm), "a");
    let distro = Distro { id: "rhel".into(), version: "9".into(), ..Distro::default() };
    let packages = [Package::new(PackageKind::Rpm, "p", "1:1-1.el9"), Package::new(PackageKind::Npm, "a", "1.0.0")];
    let _ = find(&db, Some(&distro), &packages, &MatchOptions::default());
    for package in &packages {
        let _ = explain(&db, Some(&distro), package, "CVE-2024-0001", &MatchOptions::default());
    }
});
