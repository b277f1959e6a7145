//! Whose advisories judge a distribution: its own, or nobody's.

use super::{Case, check, d12, deb, distro};
use crate::db::{fixed, open};
use rampart_model::{Distro, Package, PackageKind};
use rampart_vuln::{
    advisory::Bucket,
    matching::{MatchOptions, find},
};

/// Family and release of the only advisories there are; id, version, `ID_LIKE` and code name of
/// the distribution; whether they judge it; part of what the report says of it.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    bool,
    &'static str,
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("debian", "12", "debian", "12.5", "", "", true, ""),
    ("debian", "12", "debian", "13", "", "", false, "none of debian 13"),
    ("ubuntu", "22.04", "debian", "12", "", "", false, "no advisories of debian"),
    ("debian", "13", "debian", "", "", "trixie", true, ""),
    ("debian", "12", "raspbian", "12", "", "", true, "judged by os/debian/12's"),
    ("ubuntu", "22.04", "ubuntu", "22.04", "", "", true, ""),
    ("ubuntu", "22.04", "ubuntu", "22.10", "", "", false, "none of ubuntu 22.10"),
    ("ubuntu", "22.04", "linuxmint", "21.3", "ubuntu debian", "jammy", true, "installs from another archive"),
    ("ubuntu", "22.04", "linuxmint", "21.3", "ubuntu", "virginia", false, "not supported"),
    ("ubuntu", "22.04", "kali", "2024.1", "debian", "kali-rolling", false, "not supported"),
    ("alpine", "3.19", "alpine", "3.19.1", "", "", true, ""),
    ("alpine", "edge", "alpine", "3.20.0_alpha20240329", "", "", true, ""),
    ("alpine", "3.20", "alpine", "3.20.0_alpha20240329", "", "", false, "none of alpine"),
    ("wolfi", "", "wolfi", "20230201", "", "", true, ""),
    ("chainguard", "", "chainguard", "20230214", "", "", true, ""),
    ("wolfi", "", "chainguard", "20230214", "", "", true, "judged by os/wolfi/'s"),
    ("rhel", "9", "rhel", "9.4", "", "", true, ""),
    ("rhel", "8", "centos", "8", "", "", true, "judged by os/rhel/8's"),
    ("rhel", "9", "almalinux", "9.4", "", "", false, "no advisories of almalinux"),
    ("rhel", "9", "rocky", "9.4", "", "", false, "no advisories of rocky"),
    ("rocky", "10", "rocky", "10.0", "", "", true, ""),
    ("oracle", "9", "ol", "9.4", "", "", true, ""),
    ("amzn", "2023", "amzn", "2023", "", "", true, ""),
    ("amzn", "1", "amzn", "2018.03", "", "", true, ""),
    ("sles", "15.5", "sles", "15.5", "", "", true, ""),
    ("sles", "15.5", "sles", "15.6", "", "", false, "none of sles 15.6"),
    ("photon", "5.0", "photon", "5.0", "", "", true, ""),
    ("azurelinux", "3.0", "azurelinux", "3.0", "", "", true, ""),
    ("ubuntu", "22.04", "fedora", "40", "", "", false, "no advisories of fedora"),
    ("void", "1", "void", "1", "", "", true, ""),
    ("ubuntu", "22.04", "gentoo", "", "", "", false, "gentoo is not supported"),
];

#[test]
fn who_judges_a_distribution() {
    for &(family, release, id, version, like, codename, judged, problem) in ROWS {
        let name = format!("{id} {version} {codename} by {family} {release}");
        let distro = Distro {
            like: like.split_whitespace().map(str::to_owned).collect(),
            codename: codename.into(),
            ..distro(id, version)
        };
        let rows = vec![fixed(
            Bucket::os(family, release),
            "p",
            "CVE-2024-0001",
            "9-9",
            "f",
        )];
        let package = Package::new(PackageKind::Rpm, "p", "1-1");
        let expect: &[&str] = if judged {
            &["CVE-2024-0001 fixed 9-9"]
        } else {
            &[]
        };
        let problems: &[&str] = if problem.is_empty() { &[] } else { &[problem] };
        check(
            &name,
            Case {
                rows,
                distro,
                package,
                expect,
                problems,
            },
        );
    }
}

#[test]
fn what_is_not_known_or_not_supported_is_told() {
    let db = open(&[fixed(d12(), "p", "CVE-2024-0001", "9", "f")], &[]);
    let found = find(&db, None, &[deb("p", "1", "")], &MatchOptions::default()).unwrap();
    assert!(
        found.vulnerabilities.is_empty()
            && found.problems[0]
                .reason
                .contains("not known: 1 system packages")
    );
    let old = Distro {
        end_of_life: true,
        end_of_life_date: "2026-06-30".into(),
        ..distro("debian", "12")
    };
    let found = find(
        &db,
        Some(&old),
        &[deb("p", "1", "")],
        &MatchOptions::default(),
    )
    .unwrap();
    assert!(
        found.problems[0]
            .reason
            .contains("debian 12 is past its end of security support since 2026-06-30")
    );
}
