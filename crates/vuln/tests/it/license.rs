//! Licences against a policy, and in every report.

use rampart_model::{
    package::{Package, PackageKind},
    scan::{LicenseCategory as Category, ScanReport, Severity},
};
use rampart_vuln::{
    license::{Policy, findings},
    report::{Shown, html, junit, sarif, table, trivy},
};

fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

#[test]
fn classes_of_expressions_and_names() {
    let usual = Policy::default();
    for (license, category) in [
        ("MIT", Category::Notice),
        ("GPL-3.0-or-later", Category::Restricted),
        // The mildest of alternatives, the strictest of what applies together.
        ("MIT OR GPL-3.0-only", Category::Notice),
        ("MIT AND GPL-3.0-only", Category::Restricted),
        ("(AGPL-3.0-only OR MPL-2.0) AND MIT", Category::Reciprocal),
        ("Acme AND MIT", Category::Unknown),
        ("LicenseRef-Acme", Category::Unknown),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            Category::Reciprocal,
        ),
        ("see the file COPYING", Category::Unknown),
        ("", Category::Unknown),
        ("AND OR (", Category::Unknown),
    ] {
        assert_eq!(usual.judge(license), Some(category), "{license}");
    }
    let deep = format!("{}MIT{}", "(".repeat(3_000), ")".repeat(3_000));
    assert!(usual.judge(&deep).is_some());
    assert!(usual.judge(&"MIT OR ".repeat(100_000)).is_some());
}

#[test]
fn a_policy_names_classes_of_its_own() {
    let policy = Policy::default()
        .with(Category::Forbidden, &names("GPL-3.0*,Acme Public License"))
        .with(
            Category::Notice,
            &names("LGPL-2.1-only WITH Qt-LGPL-exception-1.1"),
        )
        .ignore(&names("MIT,Zlib"));
    for (license, category) in [
        ("gpl-3.0-or-later", Some(Category::Forbidden)),
        ("Acme Public License", Some(Category::Forbidden)),
        ("GPL-2.0-only", Some(Category::Restricted)),
        (
            "LGPL-2.1-only WITH Qt-LGPL-exception-1.1",
            Some(Category::Notice),
        ),
        ("LGPL-2.1-only", Some(Category::Restricted)),
        ("MIT", None),
        ("MIT OR GPL-3.0-only", None),
        ("MIT AND GPL-3.0-only", Some(Category::Forbidden)),
        ("MIT AND Zlib", None),
    ] {
        assert_eq!(policy.judge(license), category, "{license}");
    }
}

#[test]
fn what_is_not_allowed_is_forbidden() {
    let policy = Policy::default().allow(&names("MIT,Apache-2.0,BSD-*"));
    for (license, category) in [
        ("MIT", Category::Permissive),
        ("BSD-3-Clause", Category::Permissive),
        ("ISC", Category::Forbidden),
        ("ISC OR MIT", Category::Permissive),
        ("ISC AND MIT", Category::Forbidden),
        ("Acme", Category::Forbidden),
    ] {
        assert_eq!(policy.judge(license), Some(category), "{license}");
    }
}

fn report() -> ScanReport {
    let package = |name: &str, licenses: &[&str]| {
        let mut package = Package::new(PackageKind::Npm, name, "1.0.0");
        package.licenses = licenses.iter().map(|&l| l.to_owned()).collect();
        package.path = format!("node_modules/{name}/package.json");
        package
    };
    let mut report = ScanReport {
        packages: vec![
            package("a", &["MIT"]),
            package("b<script>", &["AGPL-3.0-only", "MIT"]),
            package("c", &[]),
            package("d", &["GPL-2.0-only"]),
        ],
        ..ScanReport::default()
    };
    report.licenses = findings(&report, &Policy::default());
    report
}

#[test]
fn the_strictest_stand_first() {
    let report = report();
    let found: Vec<_> = report
        .licenses
        .iter()
        .map(|f| (f.license.as_str(), f.severity, f.package))
        .collect();
    assert_eq!(
        found,
        [
            ("AGPL-3.0-only", Severity::Critical, 1),
            ("GPL-2.0-only", Severity::High, 3),
            ("MIT", Severity::Low, 0),
            ("MIT", Severity::Low, 1),
        ]
    );
}

#[test]
fn every_report_shows_them() {
    let all = Shown::default();
    let report = report();
    let mut text = Vec::new();
    table::write(&report, &all, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("CRITICAL  AGPL-3.0-only  forbidden   1  b<script>"),
        "{text}"
    );
    assert!(
        text.contains("LOW       MIT            notice      2  a, b<script>"),
        "{text}"
    );
    assert!(
        text.contains("licences: 2 of 4 restricted or forbidden"),
        "{text}"
    );
    let html = html::write(&report, &all, "1");
    assert!(html.contains("Licences (4)") && !html.contains("b<script>"));
    let junit = junit::write(&report, &all);
    assert!(
        junit.contains("(licences)\" tests=\"4\" failures=\"4\""),
        "{junit}"
    );
    let sarif: serde_json::Value = serde_json::from_str(&sarif::write(&report, &all, "1")).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 4);
    assert_eq!(
        sarif["runs"][0]["results"][0]["ruleId"],
        "license:AGPL-3.0-only"
    );
    let trivy: serde_json::Value =
        serde_json::from_str(&trivy::write(&report, &all, "2026-01-01T00:00:00Z")).unwrap();
    let result = &trivy["Results"][0];
    assert_eq!(
        (&result["Class"], &result["Target"]),
        (&"license".into(), &"Node.js".into())
    );
    assert_eq!(result["Licenses"][0]["Category"], "forbidden");
    assert_eq!(result["Licenses"].as_array().unwrap().len(), 4);

    let strict = Shown {
        severities: vec![Severity::Critical],
        ..Shown::default()
    };
    assert_eq!(strict.apply(report).licenses.len(), 1);
}
