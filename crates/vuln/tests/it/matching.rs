//! The rules of matching, each with its case; and real advisories against a real image's packages.

mod distro;
mod real;
mod rpm;
mod severity;

use super::db::{fixed, open};
use rampart_model::{
    Distro, Package, PackageKind, Vulnerability, package::SourcePackage, scan::FixStatus,
};
use rampart_vuln::{
    advisory::{Advisory, Bucket, End, Interval},
    matching::{MatchOptions, Matches, explain, find, match_packages},
};

fn distro(id: &str, version: &str) -> Distro {
    Distro {
        id: id.into(),
        version: version.into(),
        full_version: version.into(),
        ..Distro::default()
    }
}

fn deb(name: &str, version: &str, source: &str) -> Package {
    Package {
        source: (!source.is_empty()).then(|| SourcePackage {
            name: source.into(),
            version: String::new(),
        }),
        ..Package::new(PackageKind::Deb, name, version)
    }
}

fn rpm(name: &str, version: &str, module: &str) -> Package {
    Package {
        arch: "x86_64".into(),
        module: module.into(),
        ..Package::new(PackageKind::Rpm, name, version)
    }
}

fn affected(bucket: Bucket, package: &str, id: &str, status: FixStatus, feed: &str) -> Advisory {
    Advisory {
        status,
        ..Advisory::new(bucket, package, id, feed)
    }
}

fn interval(introduced: &str, end: End) -> Interval {
    Interval {
        introduced: introduced.into(),
        end,
    }
}

/// `id status fixed` of each finding.
fn lines(found: &[Vulnerability]) -> Vec<String> {
    found
        .iter()
        .map(|v| {
            format!(
                "{} {} {}",
                v.id,
                v.status.name(),
                v.fixed_versions.join(",")
            )
            .trim_end()
            .to_owned()
        })
        .collect()
}

struct Case<'a> {
    rows: Vec<Advisory>,
    distro: Distro,
    package: Package,
    expect: &'a [&'a str],
    problems: &'a [&'a str],
}

fn check(name: &str, case: Case<'_>) {
    let db = open(&case.rows, &[]);
    let found = find(
        &db,
        Some(&case.distro),
        &[case.package],
        &MatchOptions::default(),
    )
    .unwrap();
    assert_eq!(lines(&found.vulnerabilities), case.expect, "{name}");
    let problems: Vec<_> = found
        .problems
        .iter()
        .map(|problem| problem.reason.as_str())
        .collect();
    assert_eq!(problems.len(), case.problems.len(), "{name}: {problems:?}");
    for (problem, part) in problems.iter().zip(case.problems) {
        assert!(problem.contains(part), "{name}: {problem}");
    }
}

fn d12() -> Bucket {
    Bucket::os("debian", "12")
}

#[test]
fn versions_and_statuses() {
    use FixStatus::{
        Affected, EndOfLife, FixDeferred, NotAffected, UnderInvestigation, WillNotFix,
    };
    let row = |status| vec![affected(d12(), "curl", "CVE-2024-0001", status, "debian")];
    let package = || deb("curl", "1.0-2", "");
    let one = |rows, package, expect: &[&str]| {
        check(
            "",
            Case {
                rows,
                distro: distro("debian", "12"),
                package,
                expect,
                problems: &[],
            },
        )
    };
    let fix = |version| vec![fixed(d12(), "curl", "CVE-2024-0001", version, "debian")];
    one(fix("1.0-3"), package(), &["CVE-2024-0001 fixed 1.0-3"]);
    one(fix("1.0-2"), package(), &[]);
    one(fix("1:0.1"), package(), &["CVE-2024-0001 fixed 1:0.1"]);
    one(fix("1.0-3"), deb("curl", "1:0.1", ""), &[]);
    one(
        fix("1.0-2"),
        deb("curl", "1.0-2~bpo1", ""),
        &["CVE-2024-0001 fixed 1.0-2"],
    );
    one(fix("1.0-2"), deb("curl", "1.0-2+b1", ""), &[]);
    one(row(Affected), package(), &["CVE-2024-0001 affected"]);
    one(row(WillNotFix), package(), &["CVE-2024-0001 will_not_fix"]);
    one(row(FixDeferred), package(), &["CVE-2024-0001 fix_deferred"]);
    one(row(EndOfLife), package(), &["CVE-2024-0001 end_of_life"]);
    one(
        row(UnderInvestigation),
        package(),
        &["CVE-2024-0001 under_investigation"],
    );
    one(row(NotAffected), package(), &[]);
    let mut both = row(NotAffected);
    both.extend(fix("9"));
    both[0].feed = "other".into();
    one(both, package(), &[]);
    let mut bounded = row(NotAffected);
    bounded[0].intervals = vec![interval("", End::Fixed("0.5".into()))];
    bounded.extend(fix("9"));
    one(bounded, package(), &["CVE-2024-0001 fixed 9"]);
    let mut both = row(Affected);
    both.extend(fix("2.0-1"));
    one(both, package(), &["CVE-2024-0001 fixed 2.0-1"]);
    let mut both = row(Affected);
    both.extend(row(WillNotFix));
    one(both, package(), &["CVE-2024-0001 will_not_fix"]);
    one(
        vec![Advisory {
            status: FixStatus::Fixed,
            ..row(Affected).remove(0)
        }],
        package(),
        &["CVE-2024-0001 affected"],
    );
}

#[test]
fn several_intervals_versions_and_last_affected() {
    let npm = Bucket::Language(PackageKind::Npm);
    let row = Advisory {
        intervals: vec![
            interval("1.0.0", End::Fixed("1.5.0".into())),
            interval("2.0.0", End::Fixed("2.3.0".into())),
            interval("3.0.0", End::LastAffected("3.1.0".into())),
            interval("4.0.0", End::Open),
        ],
        versions: vec!["0.9.1".into()],
        ..Advisory::new(npm, "a", "GHSA-1", "ghsa")
    };
    let db = open(&[row], &[]);
    for (version, expect) in [
        ("0.9.0", None),
        ("0.9.1", Some("1.5.0,2.3.0")),
        ("1.0.0", Some("1.5.0,2.3.0")),
        ("1.5.0", None),
        ("1.9.0", None),
        ("2.2.9", Some("2.3.0")),
        ("3.1.0", Some("")),
        ("3.1.1", None),
        ("4.7.0", Some("")),
    ] {
        let found = match_packages(
            &db,
            None,
            &[Package::new(PackageKind::Npm, "a", version)],
            &MatchOptions::default(),
        )
        .unwrap();
        assert_eq!(
            found.first().map(|v| v.fixed_versions.join(",")).as_deref(),
            expect,
            "{version}"
        );
    }
}

#[test]
fn source_and_binary_names() {
    let rows = vec![
        fixed(d12(), "openssl", "CVE-2024-0001", "3.0.2-1", "debian"),
        fixed(d12(), "libssl3", "CVE-2024-0002", "9", "debian"),
    ];
    let mut package = deb("libssl3", "3.0.1-1+b1", "openssl");
    check(
        "by its source's name",
        Case {
            rows: rows.clone(),
            distro: distro("debian", "12"),
            package: package.clone(),
            expect: &["CVE-2024-0001 fixed 3.0.2-1"],
            problems: &[],
        },
    );
    package.source = Some(SourcePackage {
        name: "openssl".into(),
        version: "3.0.2-1".into(),
    });
    check(
        "and its source's version",
        Case {
            rows,
            distro: distro("debian", "12"),
            package,
            expect: &[],
            problems: &[],
        },
    );
    let alma = Bucket::os("almalinux", "9");
    let mut package = rpm("openssl-libs", "1:3.0.1-1.el9", "");
    package.source = Some(SourcePackage {
        name: "openssl".into(),
        version: String::new(),
    });
    let rows = vec![
        fixed(
            alma.clone(),
            "openssl",
            "CVE-2024-0001",
            "1:9-1.el9",
            "alma",
        ),
        fixed(
            alma,
            "openssl-libs",
            "CVE-2024-0002",
            "1:3.0.1-2.el9",
            "alma",
        ),
    ];
    check(
        "rpm by its own",
        Case {
            rows,
            distro: distro("almalinux", "9.4"),
            package,
            expect: &["CVE-2024-0002 fixed 1:3.0.1-2.el9"],
            problems: &[],
        },
    );
    let wolfi = Bucket::os("wolfi", "");
    let mut package = Package::new(PackageKind::Apk, "libcrypto3", "3.1-r0");
    package.source = Some(SourcePackage {
        name: "openssl".into(),
        version: String::new(),
    });
    let rows = vec![
        fixed(wolfi.clone(), "openssl", "CVE-2024-0001", "3.2-r0", "wolfi"),
        fixed(wolfi, "libcrypto3", "CVE-2024-0002", "3.2-r0", "wolfi"),
    ];
    check(
        "apk by its origin and own",
        Case {
            rows,
            distro: distro("wolfi", "20230201"),
            package,
            expect: &["CVE-2024-0001 fixed 3.2-r0", "CVE-2024-0002 fixed 3.2-r0"],
            problems: &[],
        },
    );
}

/// Red Hat names sources where there is no fix, and binaries where there is one.
#[test]
fn a_word_on_the_package_replaces_that_on_its_source() {
    let rhel = || Bucket::os("rhel", "9");
    let mut package = rpm("openssl-libs", "1:3.0.1-2.el9", "");
    package.source = Some(SourcePackage {
        name: "openssl".into(),
        version: String::new(),
    });
    let rows = vec![
        affected(
            rhel(),
            "openssl",
            "CVE-2024-0001",
            FixStatus::Affected,
            "redhat",
        ),
        fixed(
            rhel(),
            "openssl-libs",
            "CVE-2024-0001",
            "1:3.0.1-2.el9",
            "redhat",
        ),
        affected(
            rhel(),
            "openssl",
            "CVE-2024-0002",
            FixStatus::WillNotFix,
            "redhat",
        ),
        fixed(
            rhel(),
            "openssl-libs",
            "CVE-2024-0003",
            "1:3.0.1-3.el9",
            "redhat",
        ),
    ];
    let expect: &[&str] = &[
        "CVE-2024-0002 will_not_fix",
        "CVE-2024-0003 fixed 1:3.0.1-3.el9",
    ];
    check(
        "rhel",
        Case {
            rows,
            distro: distro("rhel", "9"),
            package,
            expect,
            problems: &[],
        },
    );
}

#[test]
fn epochs() {
    let row = |family: &str, version: &str| {
        vec![fixed(
            Bucket::os(family, if family == "amzn" { "2" } else { "9" }),
            "p",
            "CVE-2024-0001",
            version,
            family,
        )]
    };
    let check = |name: &str, rows, distro, version: &str, expect: &[&str]| {
        check(
            name,
            Case {
                rows,
                distro,
                package: rpm("p", version, ""),
                expect,
                problems: &[],
            },
        )
    };
    check(
        "none is 0",
        row("rhel", "2-1"),
        distro("rhel", "9"),
        "0:1-1",
        &["CVE-2024-0001 fixed 2-1"],
    );
    check(
        "counts",
        row("rhel", "2-1"),
        distro("rhel", "9"),
        "1:1-1",
        &[],
    );
    check(
        "Amazon's advisories have none",
        row("amzn", "2-1"),
        distro("amzn", "2"),
        "1:1-1",
        &["CVE-2024-0001 fixed 2-1"],
    );
    check(
        "unless they do",
        row("amzn", "0:2-1"),
        distro("amzn", "2"),
        "1:1-1",
        &[],
    );
}

#[test]
fn channels_replace_the_base() {
    let channel = |name: &str| Bucket::Os {
        family: "ubuntu".into(),
        release: "22.04".into(),
        channel: name.into(),
    };
    let rows = vec![
        affected(
            Bucket::os("ubuntu", "22.04"),
            "p",
            "CVE-2024-0001",
            FixStatus::Affected,
            "ubuntu",
        ),
        fixed(
            channel("esm-apps"),
            "p",
            "CVE-2024-0001",
            "1-1ubuntu1+esm2",
            "ubuntu",
        ),
    ];
    let db = open(&rows, &[]);
    let ubuntu = distro("ubuntu", "22.04");
    let ask = |version: &str, channels: &[&str]| {
        let options = MatchOptions {
            channels: channels.iter().map(|&name| name.to_owned()).collect(),
            ..MatchOptions::default()
        };
        lines(&match_packages(&db, Some(&ubuntu), &[deb("p", version, "")], &options).unwrap())
    };
    assert_eq!(ask("1-1ubuntu1", &[]), ["CVE-2024-0001 affected"]);
    assert_eq!(
        ask("1-1ubuntu1", &["esm-apps"]),
        ["CVE-2024-0001 fixed 1-1ubuntu1+esm2"]
    );
    assert_eq!(
        ask("1-1ubuntu1+esm1", &[]),
        ["CVE-2024-0001 fixed 1-1ubuntu1+esm2"],
        "a package from the channel tells of it"
    );
    assert_eq!(ask("1-1ubuntu1+esm2", &[]), [""; 0]);
    assert_eq!(ask("1-1ubuntu1", &["fips"]), ["CVE-2024-0001 affected"]);
}

#[test]
fn packages_of_others_are_told_of_and_not_judged() {
    let rows = || {
        vec![
            fixed(d12(), "p", "CVE-2024-0001", "9:9", "debian"),
            fixed(
                Bucket::os("rhel", "9"),
                "p",
                "CVE-2024-0001",
                "9:9",
                "redhat",
            ),
        ]
    };
    let by = |mut package: Package, supplier: &str| {
        package.supplier = supplier.into();
        package
    };
    let yes: &[&str] = &["CVE-2024-0001 fixed 9:9"];
    for (package, distro, foreign) in [
        (
            by(
                deb("p", "5:24.0-1~debian.12~bookworm", ""),
                "Docker <support@docker.com>",
            ),
            distro("debian", "12"),
            true,
        ),
        (
            by(deb("p", "18.1-1nodesource1", ""), ""),
            distro("debian", "12"),
            true,
        ),
        (
            by(
                deb("p", "15.5-1.pgdg120+1", ""),
                "Debian PostgreSQL Maintainers <team@tracker.debian.org>",
            ),
            distro("debian", "12"),
            true,
        ),
        (
            by(deb("p", "1-1", ""), "A Private Person <someone@gmail.com>"),
            distro("debian", "12"),
            false,
        ),
        (
            by(deb("p", "1-1+deb12u1", ""), "Someone <someone@google.com>"),
            distro("debian", "12"),
            false,
        ),
        (by(rpm("p", "1-1", ""), "Docker"), distro("rhel", "9"), true),
        (
            by(rpm("p", "1-1", ""), "Red Hat, Inc."),
            distro("rhel", "9"),
            false,
        ),
        (by(rpm("p", "1-1", ""), ""), distro("rhel", "9"), false),
    ] {
        let name = format!("{} {}", package.version, package.supplier);
        let problems: &[&str] = if foreign { &["of another maker"] } else { &[] };
        check(
            &name,
            Case {
                rows: rows(),
                distro,
                package,
                expect: if foreign { &[] } else { yes },
                problems,
            },
        );
    }
}

#[test]
fn kernels() {
    let rows = vec![fixed(d12(), "linux", "CVE-2024-0001", "6.1.99-1", "debian")];
    let image = |release: &str, version: &str| Package {
        source: Some(SourcePackage {
            name: "linux-signed-amd64".into(),
            version: version.replace('-', "+"),
        }),
        ..Package::new(PackageKind::Deb, format!("linux-image-{release}"), version)
    };
    let packages = [
        image("6.1.0-21-amd64", "6.1.90-1"),
        image("6.1.0-30-amd64", "6.1.99-1"),
        image("amd64", "6.1.90-1"),
        deb("linux-libc-dev", "6.1.90-1", "linux"),
        image("6.1.0-18-amd64", "6.1.76-1"),
    ];
    let db = open(&rows, &[]);
    let ask = |running: Option<&str>| {
        let options = MatchOptions {
            running_kernel: running.map(str::to_owned),
            ..MatchOptions::default()
        };
        let Matches {
            vulnerabilities,
            problems,
        } = find(&db, Some(&distro("debian", "12")), &packages, &options).unwrap();
        let counted: Vec<u32> = vulnerabilities
            .iter()
            .filter(|v| v.suppressed.is_none())
            .map(|v| v.package)
            .collect();
        (counted, vulnerabilities.len(), problems.len())
    };
    assert_eq!(
        ask(None),
        (vec![0, 4], 4, 0),
        "headers and the meta package hold no kernel"
    );
    assert_eq!(
        ask(Some("6.1.0-21-amd64")),
        (vec![0], 4, 0),
        "a kernel that does not run does not count"
    );
    assert_eq!(ask(Some("5.10.0-1-cloud")), (vec![0, 4], 4, 1));
}

/// Red Hat's unfixed rows name the kernel's source, which headers are also built from.
#[test]
fn kernel_headers_of_rpm() {
    let rows = vec![affected(
        Bucket::os("rhel", "9"),
        "kernel",
        "CVE-2024-0001",
        FixStatus::Affected,
        "redhat",
    )];
    let db = open(&rows, &[]);
    let built = |name: &str| {
        let source = Some(SourcePackage {
            name: "kernel".into(),
            version: String::new(),
        });
        Package {
            source,
            ..rpm(name, "5.14.0-427.el9", "")
        }
    };
    let packages = [built("kernel-core"), built("kernel-headers")];
    let found = match_packages(
        &db,
        Some(&distro("rhel", "9")),
        &packages,
        &MatchOptions::default(),
    )
    .unwrap();
    let counted: Vec<bool> = found.iter().map(|v| v.suppressed.is_none()).collect();
    assert_eq!(counted, [true, false]);
}

#[test]
fn language_packages_of_the_system() {
    let pypi = Bucket::Language(PackageKind::Pypi);
    let db = open(
        &[fixed(pypi, "requests", "CVE-2024-0001", "2.0", "pypa")],
        &[],
    );
    let package = Package {
        owned_by_os: true,
        ..Package::new(PackageKind::Pypi, "requests", "1.0")
    };
    let ask = |comprehensive| {
        let options = MatchOptions {
            comprehensive,
            ..MatchOptions::default()
        };
        match_packages(&db, None, std::slice::from_ref(&package), &options)
            .unwrap()
            .len()
    };
    assert_eq!((ask(false), ask(true)), (0, 1));
    let why = explain(
        &db,
        None,
        &package,
        "CVE-2024-0001",
        &MatchOptions::default(),
    )
    .unwrap();
    assert!(why[0].verdict.contains("belongs to a system package"));
}

#[test]
fn explained() {
    let rows = vec![
        Advisory {
            aliases: vec!["DSA-1".into()],
            ..fixed(d12(), "openssl", "CVE-2024-0001", "3.0.2-1", "debian")
        },
        affected(
            d12(),
            "openssl",
            "CVE-2024-0002",
            FixStatus::Affected,
            "debian",
        ),
    ];
    let db = open(&rows, &[]);
    let why = explain(
        &db,
        Some(&distro("debian", "12")),
        &deb("libssl3", "3.0.1-1", "openssl"),
        "DSA-1",
        &MatchOptions::default(),
    )
    .unwrap();
    let [why] = why.as_slice() else {
        panic!("{why:?}")
    };
    assert_eq!(
        (why.bucket.as_str(), why.name.as_str(), why.feed.as_str()),
        ("os/debian/12", "openssl", "debian")
    );
    assert_eq!(
        (why.affected, why.range.as_str(), why.verdict.as_str()),
        (true, "(, 3.0.2-1)", "the version lies in (, 3.0.2-1)")
    );
}
