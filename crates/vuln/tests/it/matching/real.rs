//! Real advisories against a real image's packages.

use super::{deb, distro};
use crate::db::{fixed, open};
use rampart_model::Package;
use rampart_vuln::{
    advisory::Bucket,
    matching::{MatchOptions, find},
};
use std::{collections::BTreeSet, path::PathBuf};

fn reference() -> Option<PathBuf> {
    let named = std::env::vars_os()
        .find(|(name, _)| name == "RAMPART_REFERENCE")
        .map(|(_, path)| PathBuf::from(path));
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let folder = named.unwrap_or_else(beside).join("data/vuln");
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "skipped: no reference data (RAMPART_REFERENCE, or shared/reference beside the repository)"
    );
    None
}

/// Every package that Trivy found something in, against rows made of the same advisories: the same
/// findings. What Trivy reports more than once (a package listed per finding) is listed once here.
#[test]
fn the_same_findings_as_trivy_on_bullseye() {
    let Some(folder) = reference() else { return };
    let advisories: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("deb11_changelog_adv.json")).unwrap())
            .unwrap();
    let d11 = Bucket::os("debian", "11");
    let mut rows = Vec::new();
    for (source, entry) in advisories.as_object().unwrap() {
        for (id, what) in entry["cves"].as_object().unwrap() {
            rows.push(fixed(
                d11.clone(),
                source,
                id,
                what["fixed"].as_str().unwrap(),
                "debian",
            ));
        }
    }
    let text = std::fs::read_to_string(folder.join("trivy076_bullseye_findings.jsonl")).unwrap();
    let theirs: BTreeSet<(String, String, String, String)> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let installed: BTreeSet<(String, String)> = theirs
        .iter()
        .map(|(name, version, ..)| (name.clone(), version.clone()))
        .collect();
    let packages: Vec<Package> = installed
        .iter()
        .map(|(name, version)| {
            let mut package = deb(name, version, source_of(name));
            // The one package here whose epoch its source does not have.
            if let Some(source) = package.source.as_mut().filter(|s| s.name == "libbpf") {
                source.version = version.replacen("1:", "", 1);
            }
            package
        })
        .collect();
    let db = open(&rows, &[]);
    let found = find(
        &db,
        Some(&distro("debian", "11")),
        &packages,
        &MatchOptions::default(),
    )
    .unwrap();
    let ours: BTreeSet<_> = found
        .vulnerabilities
        .iter()
        .map(|v| {
            let package = &packages[v.package as usize];
            (
                package.name.clone(),
                package.version.clone(),
                v.id.clone(),
                v.fixed_versions.join(", "),
            )
        })
        .collect();
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let more: Vec<_> = ours.difference(&theirs).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "missing {missing:?}\nmore {more:?}"
    );
    assert_eq!((theirs.len(), text.lines().count()), (468, 468));
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

/// The sources of the image's packages; its dpkg status is not among the reference data.
fn source_of(name: &str) -> &str {
    const SOURCES: &[(&str, &str)] = &[
        ("python3.9-minimal", "python3.9"),
        ("libpython3.9-stdlib", "python3.9"),
        ("libpython3.9-minimal", "python3.9"),
        ("libssl1.1", "openssl"),
        ("libgnutls30", "gnutls28"),
        ("nginx-light", "nginx"),
        ("nginx-common", "nginx"),
        ("libnginx-mod-http-echo", "nginx"),
        ("git-man", "git"),
        ("libudev1", "systemd"),
        ("libsystemd0", "systemd"),
        ("libc6", "glibc"),
        ("libc-bin", "glibc"),
        ("libexpat1", "expat"),
        ("libsepol1", "libsepol"),
        ("libkrb5support0", "krb5"),
        ("libkrb5-3", "krb5"),
        ("libk5crypto3", "krb5"),
        ("libgssapi-krb5-2", "krb5"),
        ("perl-modules-5.32", "perl"),
        ("perl-base", "perl"),
        ("libperl5.32", "perl"),
        ("libcap2-bin", "libcap2"),
        ("passwd", "shadow"),
        ("login", "shadow"),
        ("libsqlite3-0", "sqlite3"),
        ("libpam0g", "pam"),
        ("libpam-runtime", "pam"),
        ("libpam-modules-bin", "pam"),
        ("libpam-modules", "pam"),
        ("libnghttp2-14", "nghttp2"),
        ("liblzma5", "xz-utils"),
        ("libcurl4", "curl"),
        ("libcurl3-gnutls", "curl"),
        ("libbpf0", "libbpf"),
        ("libicu67", "icu"),
        ("libtasn1-6", "libtasn1-6"),
        ("gpgv", "gnupg2"),
        ("libcom-err2", "e2fsprogs"),
        ("libext2fs2", "e2fsprogs"),
        ("libss2", "e2fsprogs"),
        ("logsave", "e2fsprogs"),
    ];
    SOURCES
        .iter()
        .find(|(binary, _)| *binary == name)
        .map_or("", |(_, source)| source)
}
