//! dpkg's files: synthetic ones, and this machine's own.

use super::layer::{LayerBuilder, analyze};
use rampart_model::package::PackageKind;
use rampart_vuln::{
    analyze::{dpkg, path_hash},
    merge::merge,
};
use std::{collections::BTreeSet, path::Path, process::Command};

const STATUS: &str = "\
Package: bash
Status: install ok installed
Maintainer: Matthias Klose <doko@debian.org>
Architecture: amd64
Source: bash (5.2.15-2)
Version: 5.2.15-2+b7
Description: shell
 Package: not-a-field
 .
 Version: 9

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: wanted-away
Status: deinstall ok installed
Architecture: all
Version: 1:2.0-1

package: libssl3
STATUS: install ok half-configured
architecture: amd64
source: openssl
version: 3.0.11-1~deb12u2

Status: install ok installed
Package: no-version

Package: never
Status: install ok not-installed
Architecture: amd64
";

#[test]
fn states_sources_and_broken_entries() {
    let facts = analyze("var/lib/dpkg/status", 0o644, STATUS.as_bytes());
    let told: Vec<String> = facts
        .packages
        .iter()
        .map(|p| {
            let source = p.source.as_ref().unwrap();
            format!(
                "{} {} {} < {} {}",
                p.name, p.version, p.arch, source.name, source.version
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "bash 5.2.15-2+b7 amd64 < bash 5.2.15-2",
            "wanted-away 1:2.0-1 all < wanted-away 1:2.0-1",
            "libssl3 3.0.11-1~deb12u2 amd64 < openssl 3.0.11-1~deb12u2",
        ]
    );
    assert_eq!(
        facts.packages[0].supplier,
        "Matthias Klose <doko@debian.org>"
    );
    assert_eq!(facts.packages[0].path, "var/lib/dpkg/status");
    assert_eq!(facts.problems.len(), 1);
    assert!(
        facts.problems[0]
            .reason
            .contains("1 entries without name or version")
    );
}

#[test]
fn distroless_folders_with_plain_and_encoded_names() {
    let layer = LayerBuilder::default()
        .file(
            "var/lib/dpkg/status.d/tzdata",
            "Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n",
        )
        .file(
            "var/lib/dpkg/status.d/tzdata.md5sums",
            "d41d8cd98f00b204e9800998ecf8427e  usr/share/zoneinfo/UTC\n",
        )
        // base64 of `libssl3`.
        .file(
            "var/lib/dpkg/status.d/bGlic3NsMw==",
            "Package: libssl3\nVersion: 3.0.11-1\nArchitecture: amd64\nSource: openssl\n",
        )
        .file(
            "var/lib/dpkg/status.d/bGlic3NsMw==.md5sums",
            "d41d8cd98f00b204e9800998ecf8427e  usr/lib/x86_64-linux-gnu/libssl.so.3\n",
        )
        .file(
            "usr/share/doc/libssl3/copyright",
            "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Apache-2.0\n",
        )
        .build();
    let artifact = merge(vec![layer]);
    assert_eq!(artifact.problems, []);
    let names: Vec<&str> = artifact.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["libssl3", "tzdata"]);
    assert_eq!(artifact.packages[0].licenses, ["Apache-2.0"]);
    let owners: Vec<u32> = artifact
        .programs
        .owners("/usr/lib/x86_64-linux-gnu/libssl.so.3")
        .collect();
    assert_eq!(owners, [0]);
}

#[test]
fn lists_own_paths_also_where_folders_were_merged_into_usr() {
    let facts = analyze(
        "var/lib/dpkg/info/libc6:amd64.list",
        0o644,
        b"/.\n/lib\n/lib/x86_64-linux-gnu/libc.so.6\n/usr/share/doc/libc6/copyright",
    );
    for path in [
        "lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/share/doc/libc6/copyright",
    ] {
        assert!(
            facts.owned_paths.binary_search(&path_hash(path)).is_ok(),
            "{path}"
        );
    }
    assert_eq!(facts.owners.len(), 1);
    assert_eq!(facts.owners[0].package, "libc6");
    assert_eq!(facts.owners[0].arch, "amd64");
    assert_eq!(facts.owners[0].paths.len(), 2, "the library, by both names");
}

#[test]
fn licences_of_both_forms() {
    for (text, want) in [
        (
            "Format: x\n\nFiles: *\nLicense: GPL-2+\n\nFiles: a\nLicense: Expat\n\nLicense: GPL-2+\n This is\n",
            vec!["GPL-2.0-or-later", "MIT"],
        ),
        (
            "This package was debianized.\nYou may use it under version 2 or any later version; see `/usr/share/common-licenses/GPL-2'.\n",
            vec!["GPL-2.0-or-later"],
        ),
        ("see /usr/share/common-licenses/GPL-2.\n", vec!["GPL-2"]),
        (
            "see /usr/share/common-licenses/Apache-2.0\n",
            vec!["Apache-2.0"],
        ),
        (
            "Permission is hereby granted, free of charge, to any person obtaining\n",
            vec!["MIT"],
        ),
        ("All rights reserved.\n", vec![]),
    ] {
        assert_eq!(dpkg::licenses(text.as_bytes()), want, "{text}");
    }
}

/// This machine's own database against dpkg itself: every package, version, architecture, source.
#[test]
fn this_machine_as_dpkg_query_tells_it() {
    let status = Path::new("/var/lib/dpkg/status");
    let Ok(bytes) = std::fs::read(status) else {
        println!("skipped: no dpkg here");
        return;
    };
    let format = "${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n";
    let Ok(told) = Command::new("dpkg-query")
        .args(["-W", "-f", format])
        .output()
    else {
        println!("skipped: no dpkg-query here");
        return;
    };
    let told = String::from_utf8(told.stdout).unwrap();
    let want: BTreeSet<&str> = told
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(state, _)| !matches!(*state, "not-installed" | "config-files"))
        .map(|(_, rest)| rest)
        .collect();
    let parsed = dpkg::parse(&bytes);
    let got: BTreeSet<String> = parsed
        .packages
        .iter()
        .map(|p| {
            let source = p.source.as_ref().unwrap();
            let (name, version) = (&source.name, &source.version);
            format!("{} {} {} {name} {version}", p.name, p.version, p.arch)
        })
        .collect();
    assert_eq!(parsed.broken, 0);
    assert_eq!(
        got.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        want
    );
    println!("{} packages as dpkg-query tells them", got.len());
}

/// All lists of this machine: the package that dpkg says owns a program is the one marked.
#[test]
fn programs_of_this_machine_belong_to_their_packages() {
    let Ok(folder) = std::fs::read_dir("/var/lib/dpkg/info") else {
        println!("skipped: no dpkg here");
        return;
    };
    let status = std::fs::read("/var/lib/dpkg/status").unwrap();
    let mut layer = LayerBuilder::default().file("var/lib/dpkg/status", status);
    for entry in folder.flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".list") {
            let bytes = std::fs::read(entry.path()).unwrap();
            layer = layer.file(&format!("var/lib/dpkg/info/{name}"), bytes);
        }
    }
    let artifact = merge(vec![layer.build()]);
    assert!(artifact.packages.iter().all(|p| p.kind == PackageKind::Deb));
    for (path, want) in [("/usr/bin/dpkg-query", "dpkg"), ("/usr/bin/bash", "bash")] {
        let owners: Vec<&str> = artifact
            .programs
            .owners(path)
            .map(|index| artifact.packages[index as usize].name.as_str())
            .collect();
        assert_eq!(owners, [want], "{path}");
    }
    println!("{} programs and libraries", artifact.programs.len());
}
