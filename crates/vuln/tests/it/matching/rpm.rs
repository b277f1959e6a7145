//! What is only rpm's: modules, architectures, epochs.

use super::{Case, check, distro, rpm};
use crate::db::fixed;
use rampart_vuln::advisory::{Advisory, Bucket};

#[test]
fn modules() {
    let bucket = || Bucket::os("almalinux", "8");
    let modular = |stream: &str, version: &str| Advisory {
        module: stream.into(),
        ..fixed(bucket(), "npm", "CVE-2024-0001", version, "alma")
    };
    let rows = || {
        vec![
            modular("nodejs:16", "8.16-1.module_el8"),
            modular("nodejs:18", "9.5-1.module_el8"),
        ]
    };
    let check = |name: &str, rows, package, expect: &[&str], problems: &[&str]| {
        check(
            name,
            Case {
                rows,
                distro: distro("almalinux", "8"),
                package,
                expect,
                problems,
            },
        )
    };
    check(
        "its stream's fix",
        rows(),
        rpm("npm", "8.15-1.module_el8", "nodejs:16:8080:abc:x86_64"),
        &["CVE-2024-0001 fixed 8.16-1.module_el8"],
        &[],
    );
    check(
        "not another stream's",
        rows(),
        rpm("npm", "8.16-1.module_el8", "nodejs:16:8080:abc:x86_64"),
        &[],
        &[],
    );
    check(
        "not outside of modules",
        rows(),
        rpm("npm", "8.15-1.el8", ""),
        &[],
        &[],
    );
    check(
        "no label",
        rows(),
        rpm("npm", "8.15-1.module_el8", ""),
        &[],
        &["1 packages come from a module, but do not say which stream"],
    );
    let plain = || vec![fixed(bucket(), "npm", "CVE-2024-0002", "9-1.el8", "alma")];
    check(
        "a plain row is not for modules",
        plain(),
        rpm("npm", "8.15-1.module_el8", "nodejs:16:8080:abc:x86_64"),
        &[],
        &[],
    );
    let lost = || {
        vec![fixed(
            bucket(),
            "npm",
            "CVE-2024-0002",
            "9-1.module_el8",
            "alma",
        )]
    };
    check(
        "a row without its stream is for all modules",
        lost(),
        rpm("npm", "8.15-1.module_el8", "nodejs:16:8080:abc:x86_64"),
        &["CVE-2024-0002 fixed 9-1.module_el8"],
        &[],
    );
    check(
        "and for no other",
        lost(),
        rpm("npm", "8.15-1.el8", ""),
        &[],
        &[],
    );
}

#[test]
fn architectures() {
    let plain = || {
        vec![fixed(
            Bucket::os("almalinux", "8"),
            "npm",
            "CVE-2024-0002",
            "9-1.el8",
            "alma",
        )]
    };
    let check = |name: &str, rows, package, expect: &[&str]| {
        check(
            name,
            Case {
                rows,
                distro: distro("almalinux", "8"),
                package,
                expect,
                problems: &[],
            },
        );
    };
    let arch = |arches: &[&str]| {
        vec![Advisory {
            arches: arches.iter().map(|&a| a.to_owned()).collect(),
            ..plain().remove(0)
        }]
    };
    let package = || rpm("npm", "8-1.el8", "");
    check(
        "its architecture",
        arch(&["aarch64", "x86_64"]),
        package(),
        &["CVE-2024-0002 fixed 9-1.el8"],
    );
    check("another", arch(&["aarch64"]), package(), &[]);
    check(
        "other names of it",
        arch(&["amd64"]),
        package(),
        &["CVE-2024-0002 fixed 9-1.el8"],
    );
    check(
        "any",
        arch(&["noarch"]),
        package(),
        &["CVE-2024-0002 fixed 9-1.el8"],
    );
}
