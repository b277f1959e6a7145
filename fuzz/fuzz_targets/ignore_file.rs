//! Ignore files: the first byte chooses the kind.
//!
//! Holds: no panic; no rule that names nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::{Package, PackageKind, Timestamp, Vulnerability};
use rampart_vuln::ignore::{apply, parse};

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let name = [".trivyignore", ".trivyignore.yaml", ".grype.yaml"][usize::from(kind % 3)];
    let (file, _) = parse(name, rest);
    let packages = [Package::new(PackageKind::Deb, "a", "1")];
    let mut found = vec![Vulnerability { id: "CVE-2024-0001".into(), ..Vulnerability::default() }];
    let _ = apply(&[file], &mut found, &packages, None, Timestamp(1));
});
