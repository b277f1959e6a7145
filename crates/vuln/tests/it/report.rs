//! Reports in outside formats: what must be in them, and that hostile names stay text.

use rampart_model::{
    package::{Distro, Package, PackageKind},
    scan::{
        ConfigIssue, Cvss, FixStatus, Layer, ScanProblem, ScanReport, ScanTarget, Secret, Severity,
        Suppression, TargetKind, Vulnerability,
    },
};
use rampart_vuln::report::{Shown, html, junit, sarif, trivy};
use serde_json::Value;

/// An image with one of everything, and names that try to leave their place.
pub(crate) fn sample() -> ScanReport {
    let mut openssl = Package::new(PackageKind::Deb, "openssl", "3.0.11-1~deb12u1");
    openssl.path = "var/lib/dpkg/status".into();
    openssl.arch = "amd64".into();
    openssl.layer = Some(0);
    let mut lodash = Package::new(PackageKind::Npm, "lodash", "4.17.20");
    lodash.path = "app/node modules/<b>lodash/package.json".into();
    lodash.layer = Some(1);
    let high = Vulnerability {
        id: "CVE-2024-0001".into(),
        package: 0,
        fixed_versions: vec!["3.0.13-1~deb12u1".into()],
        status: FixStatus::Fixed,
        severity: Severity::High,
        severity_source: "debian".into(),
        cvss: vec![Cvss {
            source: "nvd".into(),
            version: "3.1".into(),
            vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H".into(),
            score_tenths: 75,
        }],
        title: "a\u{7} title with <script>alert(1)</script> & \"quotes\"".into(),
        references: vec![
            "javascript:alert(1)".into(),
            "https://example.org/CVE-2024-0001".into(),
        ],
        feed: "debian".into(),
        ..Vulnerability::default()
    };
    let unfixed = Vulnerability {
        id: "CVE-2024-0002".into(),
        package: 1,
        severity: Severity::Low,
        feed: "ghsa".into(),
        ..Vulnerability::default()
    };
    let accepted = Vulnerability {
        id: "CVE-2024-0003".into(),
        package: 1,
        severity: Severity::Critical,
        suppressed: Some(Suppression {
            by: "vex".into(),
            reason: "vulnerable_code_not_present".into(),
            source: "vendor.json".into(),
        }),
        ..Vulnerability::default()
    };
    ScanReport {
        target: ScanTarget {
            kind: TargetKind::Image,
            name: "shop/web:1.0".into(),
            repository: "shop/web".into(),
            tag: "1.0".into(),
            digest: "sha256:aa".into(),
            layers: ["sha256:l0", "sha256:l1"]
                .map(|digest| Layer {
                    digest: digest.into(),
                    diff_id: digest.replace('l', "d"),
                    created_by: "RUN make".into(),
                    ..Layer::default()
                })
                .into(),
            ..ScanTarget::default()
        },
        distro: Some(Distro {
            id: "debian".into(),
            version: "12".into(),
            full_version: "12.5".into(),
            ..Distro::default()
        }),
        packages: vec![openssl, lodash],
        vulnerabilities: vec![high, unfixed, accepted],
        secrets: vec![Secret {
            rule: "private-key".into(),
            title: "Private key".into(),
            severity: Severity::High,
            path: "root/.ssh/id_rsa".into(),
            line: 3,
            excerpt: "-----BEGIN ****".into(),
            ..Secret::default()
        }],
        config_issues: vec![ConfigIssue {
            id: "RMP-IMG-001".into(),
            title: "Runs as root".into(),
            severity: Severity::Medium,
            detail: "USER is not set".into(),
            remediation: "Set USER".into(),
        }],
        problems: vec![ScanProblem {
            path: "app/broken.jar".into(),
            reason: "cut short".into(),
            layer: Some(1),
        }],
        ..ScanReport::default()
    }
}

#[test]
fn sarif_has_a_rule_and_a_place_for_each_finding() {
    let text = sarif::write(
        &sample(),
        &Shown {
            suppressed: true,
            ..Shown::default()
        },
        "1.2.3",
    );
    let log: Value = serde_json::from_str(&text).unwrap();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!((results.len(), rules.len()), (5, 5));
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    assert_eq!(results[0]["level"], "error");
    assert_eq!(rules[0]["properties"]["security-severity"], "7.5");
    let place = &results[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "app/node%20modules/%3Cb%3Elodash/package.json");
    assert_eq!(results[2]["suppressions"][0]["kind"], "external");
    assert_eq!(
        results[3]["locations"][0]["physicalLocation"]["region"]["startLine"],
        3
    );
    let said = run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str();
    assert_eq!(said, Some("app/broken.jar: cut short"));
}

#[test]
fn junit_counts_what_it_lists_and_is_xml() {
    let shown = Shown {
        severities: vec![Severity::High],
        ..Shown::default()
    };
    let xml = junit::write(&sample(), &shown);
    assert_eq!(xml.matches("<testcase ").count(), 5, "{xml}");
    assert!(
        xml.contains("(vulnerabilities)\" tests=\"1\" failures=\"1\""),
        "{xml}"
    );
    assert!(
        xml.contains("(configuration)\" tests=\"1\" failures=\"0\""),
        "{xml}"
    );
    assert!(!xml.contains("<script>") && !xml.contains('\u{7}'), "{xml}");
    let mut reader = quick_xml::Reader::from_str(&xml);
    let mut depth = 0i32;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(_) => depth += 1,
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
}

#[test]
fn html_shows_names_as_text_and_links_to_the_web_only() {
    let page = html::write(
        &sample(),
        &Shown {
            suppressed: true,
            ..Shown::default()
        },
        "1.2.3",
    );
    for there in [
        "CVE-2024-0001",
        "href=\"https://example.org/CVE-2024-0001\"",
        "&lt;script&gt;",
        "not counted, vex: vulnerable_code_not_present",
        "app/broken.jar",
        "RMP-IMG-001",
        "<b class=\"high\">1</b>",
        "<b class=\"critical\">0</b>",
    ] {
        assert!(page.contains(there), "{there} is missing");
    }
    for absent in ["<script", "javascript:", "<b>lodash"] {
        assert!(!page.contains(absent), "{absent} got through");
    }
}

#[test]
fn trivys_json_groups_and_names_as_trivy_does() {
    let shown = Shown {
        all_packages: true,
        ..Shown::default()
    };
    let text = trivy::write(&sample(), &shown, "2026-01-01T00:00:00Z");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["SchemaVersion"], 2);
    assert_eq!(document["ArtifactType"], "container_image");
    assert_eq!(document["Metadata"]["OS"]["Family"], "debian");
    assert_eq!(document["Metadata"]["RepoDigests"][0], "shop/web@sha256:aa");
    let results = document["Results"].as_array().unwrap();
    let heads: Vec<String> = results
        .iter()
        .map(|r| format!("{} {} {}", r["Class"], r["Type"], r["Target"]).replace('"', ""))
        .collect();
    assert_eq!(
        heads,
        [
            "os-pkgs debian shop/web:1.0 (debian 12.5)",
            "lang-pkgs node-pkg Node.js",
            "secret null root/.ssh/id_rsa",
        ]
    );
    let found = &results[0]["Vulnerabilities"][0];
    for (field, expected) in [
        ("VulnerabilityID", "CVE-2024-0001"),
        ("PkgID", "openssl@3.0.11-1~deb12u1"),
        ("InstalledVersion", "3.0.11-1~deb12u1"),
        ("FixedVersion", "3.0.13-1~deb12u1"),
        ("Status", "fixed"),
        ("Severity", "HIGH"),
        ("SeveritySource", "debian"),
    ] {
        assert_eq!(found[field], expected, "{field}");
    }
    assert_eq!(found["Layer"]["DiffID"], "sha256:d0");
    assert_eq!(found["CVSS"]["nvd"]["V3Score"], 7.5);
    assert_eq!(
        results[1]["Packages"][0]["FilePath"],
        "app/node modules/<b>lodash/package.json"
    );
    assert_eq!(results[1]["Vulnerabilities"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_not_shown_is_in_no_format() {
    let shown = Shown {
        ignore_unfixed: true,
        ..Shown::default()
    };
    let report = sample();
    for text in [
        sarif::write(&report, &shown, "1"),
        junit::write(&report, &shown),
        html::write(&report, &shown, "1"),
        trivy::write(&report, &shown, ""),
    ] {
        assert!(text.contains("CVE-2024-0001"));
        assert!(!text.contains("CVE-2024-0002"), "an unfixed one");
        assert!(!text.contains("CVE-2024-0003"), "a suppressed one");
    }
}
