//! VEX documents of each format, in and out.

use rampart_model::{
    Distro, Package, PackageKind, ScanReport, Timestamp, Vulnerability,
    package::SourcePackage,
    scan::{ScanTarget, Suppression, TargetKind},
};
use rampart_vuln::vex::{
    Format, Source, Status, VexError, Writing, apply, parse, write_cyclonedx, write_openvex,
};
use serde_json::{Value, json};

fn report() -> ScanReport {
    let openssl = Package {
        arch: "amd64".into(),
        source: Some(SourcePackage {
            name: "openssl".into(),
            version: "3.0.11-1".into(),
        }),
        ..Package::new(PackageKind::Deb, "libssl3", "3.0.11-1")
    };
    let lodash = Package::new(PackageKind::Npm, "@scope/lodash", "4.17.20");
    let finding = |id: &str, package| Vulnerability {
        id: id.into(),
        package,
        ..Vulnerability::default()
    };
    ScanReport {
        target: ScanTarget {
            kind: TargetKind::Image,
            name: "registry.example/team/app:1.0".into(),
            registry: "registry.example".into(),
            repository: "team/app".into(),
            tag: "1.0".into(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            ..ScanTarget::default()
        },
        distro: Some(Distro {
            id: "debian".into(),
            version: "12".into(),
            full_version: "12.5".into(),
            ..Distro::default()
        }),
        packages: vec![openssl, lodash],
        vulnerabilities: vec![
            finding("CVE-2024-0001", 0),
            finding("CVE-2024-0002", 0),
            Vulnerability {
                aliases: vec!["GHSA-aaaa-bbbb-cccc".into()],
                ..finding("CVE-2024-0003", 1)
            },
        ],
        ..ScanReport::default()
    }
}

/// Ids of the findings that still count, after the documents have spoken.
fn counted(documents: &[Value]) -> Vec<String> {
    let mut report = report();
    let parsed: Vec<_> = documents
        .iter()
        .map(|document| parse(document.to_string().as_bytes()).unwrap())
        .collect();
    let sources: Vec<_> = parsed
        .iter()
        .map(|document| Source {
            name: "doc.json",
            document,
        })
        .collect();
    apply(
        &sources,
        &mut report.vulnerabilities,
        &report.packages,
        report.distro.as_ref(),
        &report.target,
    );
    report
        .vulnerabilities
        .iter()
        .filter(|v| v.suppressed.is_none())
        .map(|v| v.id[9..].to_owned())
        .collect()
}

fn openvex(statements: Value) -> Value {
    json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/1", "author": "A", "timestamp": "2024-01-01T00:00:00Z", "version": 1, "statements": statements})
}

fn not_affected(vulnerability: &str, products: Value) -> Value {
    json!({"vulnerability": {"name": vulnerability}, "products": products, "status": "not_affected", "justification": "vulnerable_code_not_present"})
}

#[test]
fn products_of_openvex() {
    let digest = "ab".repeat(32);
    let image = format!("pkg:oci/app@sha256:{digest}?repository_url=registry.example/team/app");
    let part = json!([{"@id": "pkg:deb/debian/libssl3"}]);
    for (products, expect) in [
        (
            json!([{"@id": "pkg:deb/debian/libssl3@3.0.11-1"}]),
            "0002 0003",
        ),
        (json!([{"@id": "pkg:deb/debian/libssl3"}]), "0002 0003"),
        (json!(["pkg:deb/debian/libssl3"]), "0002 0003"),
        (
            json!([{"@id": "pkg:deb/debian/libssl3@3.0.12-1"}]),
            "0001 0002 0003",
        ),
        (json!([{"@id": "pkg:deb/ubuntu/libssl3"}]), "0001 0002 0003"),
        (
            json!([{"@id": "pkg:deb/debian/libssl3?arch=arm64"}]),
            "0001 0002 0003",
        ),
        (
            json!([{"@id": "pkg:deb/debian/libssl3?arch=amd64&distro=debian-12"}]),
            "0002 0003",
        ),
        (
            json!([{"@id": "pkg:deb/debian/libssl3?distro=debian-11"}]),
            "0001 0002 0003",
        ),
        (
            json!([{"@id": "pkg:deb/debian/openssl?arch=source"}]),
            "0002 0003",
        ),
        (json!([{"@id": "pkg:deb/debian/openssl"}]), "0001 0002 0003"),
        (json!([{"@id": image}]), "0002 0003"),
        (json!([{"@id": image, "subcomponents": part}]), "0002 0003"),
        (
            json!([{"@id": image, "subcomponents": [{"@id": "pkg:npm/%40scope/lodash"}]}]),
            "0001 0002 0003",
        ),
        (
            json!([{"@id": "pkg:oci/other@sha256:1234", "subcomponents": part}]),
            "0001 0002 0003",
        ),
        (
            json!([{"@id": format!("pkg:oci/app@sha256:{}", "cd".repeat(32))}]),
            "0001 0002 0003",
        ),
        (
            json!([{"@id": "app", "hashes": {"sha-256": digest}}]),
            "0002 0003",
        ),
        (
            json!([{"@id": "registry.example/team/app:1.0", "subcomponents": part}]),
            "0002 0003",
        ),
        (json!([]), "0001 0002 0003"),
    ] {
        let document = openvex(json!([not_affected("CVE-2024-0001", products.clone())]));
        assert_eq!(counted(&[document]).join(" "), expect, "{products}");
    }
    let document = openvex(json!([not_affected(
        "GHSA-AAAA-bbbb-cccc",
        json!([{"@id": "pkg:npm/%40scope/lodash@4.17.20"}])
    )]));
    assert_eq!(counted(&[document]).join(" "), "0001 0002");
}

#[test]
fn later_statements_win() {
    let product = json!([{"@id": "pkg:deb/debian/libssl3"}]);
    let mut affected = not_affected("CVE-2024-0001", product.clone());
    affected["status"] = json!("affected");
    affected["timestamp"] = json!("2024-02-01T00:00:00Z");
    let before = not_affected("CVE-2024-0001", product);
    assert_eq!(
        counted(&[openvex(json!([affected.clone(), before.clone()]))]).len(),
        3
    );
    affected["timestamp"] = json!("2023-02-01T00:00:00Z");
    assert_eq!(
        counted(&[openvex(json!([before, affected.clone()]))]).len(),
        2
    );
    affected["status"] = json!("fixed");
    assert_eq!(counted(&[openvex(json!([affected.clone()]))]).len(), 2);
    affected["status"] = json!("dubious");
    let document = parse(openvex(json!([affected])).to_string().as_bytes()).unwrap();
    assert!(document.statements.is_empty() && document.diagnostics[0].contains("dubious"));
}

#[test]
fn cyclonedx_references() {
    let document = |reference: &str, state: &str| {
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": "urn:uuid:1",
            "metadata": {"timestamp": "2024-01-01T00:00:00Z", "component": {"bom-ref": "app", "name": "registry.example/team/app:1.0"}},
            "components": [{"bom-ref": "c1", "name": "libssl3", "purl": "pkg:deb/debian/libssl3@3.0.11-1", "components": [{"bom-ref": "c2", "name": "x", "purl": "pkg:npm/x@1"}]}],
            "vulnerabilities": [{"id": "CVE-2024-0001", "analysis": {"state": state, "justification": "code_not_reachable"}, "affects": [{"ref": reference}]}],
        })
    };
    for (reference, state, expect) in [
        ("c1", "not_affected", 2),
        ("c1", "false_positive", 2),
        ("c1", "resolved", 2),
        ("c1", "exploitable", 3),
        ("c1", "in_triage", 3),
        ("c2", "not_affected", 3),
        ("app", "not_affected", 2),
        ("pkg:deb/debian/libssl3", "not_affected", 2),
        (
            "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb/debian/libssl3@3.0.11-1",
            "not_affected",
            2,
        ),
        (
            "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#c1",
            "not_affected",
            2,
        ),
        ("nowhere", "not_affected", 3),
    ] {
        assert_eq!(
            counted(&[document(reference, state)]).len(),
            expect,
            "{reference} {state}"
        );
    }
}

#[test]
fn csaf_trees() {
    let document = |status: &str, helper: Value, whole: Value| {
        json!({
            "document": {"category": "csaf_vex", "csaf_version": "2.0", "publisher": {"name": "V"}, "tracking": {"id": "V-1", "current_release_date": "2024-01-01T00:00:00Z"}},
            "product_tree": {
                "branches": [{"category": "vendor", "name": "V", "branches": [
                    {"category": "product_name", "name": "OS", "product": {"product_id": "OS", "name": "OS", "product_identification_helper": whole}},
                    {"category": "product_version", "name": "p", "product": {"product_id": "P", "name": "p", "product_identification_helper": helper}},
                ]}],
                "relationships": [{"category": "default_component_of", "product_reference": "P", "relates_to_product_reference": "OS", "full_product_name": {"product_id": "OS:P", "name": "p of OS"}}],
                "product_groups": [{"group_id": "G", "product_ids": ["OS:P"]}],
            },
            "vulnerabilities": [{
                "cve": "CVE-2024-0001",
                "product_status": {status: ["OS:P", "gone"]},
                "flags": [{"label": "vulnerable_code_not_in_execute_path", "group_ids": ["G"]}],
                "threats": [{"category": "impact", "details": "Never called.", "product_ids": ["OS:P"]}],
            }],
        })
    };
    let purl = || json!({"purl": "pkg:deb/debian/libssl3@3.0.11-1"});
    let cpe = || json!({"cpe": "cpe:/o:v:os:1"});
    assert_eq!(
        counted(&[document("known_not_affected", purl(), cpe())]).len(),
        2
    );
    assert_eq!(counted(&[document("fixed", purl(), cpe())]).len(), 2);
    assert_eq!(
        counted(&[document("known_affected", purl(), cpe())]).len(),
        3
    );
    assert_eq!(
        counted(&[document("known_not_affected", cpe(), cpe())]).len(),
        3
    );
    let other = json!({"purl": "pkg:oci/other@sha256:12"});
    assert_eq!(
        counted(&[document("known_not_affected", purl(), other)]).len(),
        3,
        "as part of another product"
    );
    let parsed = parse(
        document("known_not_affected", purl(), cpe())
            .to_string()
            .as_bytes(),
    )
    .unwrap();
    let statement = &parsed.statements[0];
    assert_eq!(
        (parsed.format, statement.status),
        (Format::Csaf, Status::NotAffected)
    );
    assert_eq!(
        (statement.justification.as_str(), statement.detail.as_str()),
        ("vulnerable_code_not_in_execute_path", "Never called.")
    );
    assert_eq!(
        parsed.diagnostics,
        ["CVE-2024-0001: 1 products are named and not defined"]
    );
}

#[test]
fn what_is_no_vex_is_an_error() {
    assert!(matches!(parse(b"{"), Err(VexError::Json(_))));
    assert!(matches!(parse(b"[]"), Err(VexError::Unknown)));
    assert!(matches!(
        parse(br#"{"bomFormat": "SPDX"}"#),
        Err(VexError::Unknown)
    ));
    assert!(parse(&b"[".repeat(100_000)).is_err());
}

/// What is written is read back to the same decisions, in both formats.
#[test]
fn written_and_read_again() {
    let suppressed = |by: &str, reason: &str| {
        Some(Suppression {
            by: by.into(),
            reason: reason.into(),
            source: "s".into(),
        })
    };
    for (first, second, expect) in [
        (
            suppressed("vex", "vulnerable_code_not_present"),
            None,
            "0002 0003",
        ),
        (
            suppressed("not-affected", "holds no code"),
            suppressed("vex", "fixed"),
            "0003",
        ),
        (
            suppressed("ignore-file", "too hard"),
            suppressed("profile", ""),
            "0001 0002 0003",
        ),
    ] {
        let mut decided = report();
        decided.vulnerabilities[0].suppressed = first;
        decided.vulnerabilities[1].suppressed = second;
        let writing = Writing {
            author: "Team",
            now: Timestamp(1_709_251_199_000),
        };
        for text in [
            write_openvex(&decided, &writing),
            write_cyclonedx(&decided, &writing),
        ] {
            let document: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(counted(&[document]).join(" "), expect, "{text}");
            assert!(text.contains("2024-02-29T23:59:59Z"));
        }
        assert_eq!(
            write_openvex(&decided, &writing),
            write_openvex(&decided, &writing)
        );
    }
}
