//! Bills of materials: what is written is read again, and says the same; what is wrong is said.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use rampart_model::{
    Timestamp,
    package::{Distro, Package, PackageKind, SourcePackage},
    scan::{
        Cvss, FixStatus, Layer, ScanReport, ScanTarget, Severity, Suppression, TargetKind,
        Vulnerability,
    },
};
use rampart_vuln::sbom::{
    MAX_DEPTH, Options, Sbom, SbomError, cyclonedx, read,
    spdx::{write_json, write_tag_value},
};
use serde_json::{Value, json};
use std::{collections::HashSet, fmt::Write as _, path::PathBuf};

fn options() -> Options {
    Options {
        tool_version: "0.1.0".into(),
        created: Timestamp::from_ms(1_700_000_000_000),
        author: String::new(),
    }
}

fn distro() -> Distro {
    Distro {
        id: "debian".into(),
        version: "12".into(),
        full_version: "12.5".into(),
        name: "Debian GNU/Linux 12 (bookworm)".into(),
        codename: "bookworm".into(),
        like: vec!["a".into(), "b".into()],
        end_of_life: true,
        end_of_life_date: "2028-06-30".into(),
    }
}

fn report() -> ScanReport {
    let mut ssl = Package::new(PackageKind::Deb, "libssl3", "1:3.0.11-1~deb12u2");
    ssl.arch = "amd64".into();
    ssl.supplier = "Debian OpenSSL Team".into();
    ssl.licenses = vec!["Apache-2.0".into(), "GPL-2+ with exceptions".into()];
    ssl.source = Some(SourcePackage {
        name: "openssl".into(),
        version: "3.0.11-1~deb12u2".into(),
    });
    ssl.path = "var/lib/dpkg/status".into();
    ssl.layer = Some(0);
    let mut core = Package::new(PackageKind::Npm, "@babel/core", "7.0.0");
    core.depends_on = vec!["left-pad@1.3.0".into()];
    core.licenses = vec!["MIT OR Apache-2.0".into()];
    core.path = "app/package-lock.json".into();
    core.direct = true;
    core.layer = Some(1);
    let mut pad = Package::new(PackageKind::Npm, "left-pad", "1.3.0");
    pad.path = core.path.clone();
    pad.dev = true;
    pad.hashes = vec![format!("sha1:{}", "ab".repeat(20)), "odd:1".into()];
    let mut again = pad.clone();
    again.path = "other/package-lock.json".into();
    again.depends_on = vec!["gone@1".into()];
    let mut jar = Package::new(PackageKind::Maven, "org.apache:log4j-core", "2.14.1");
    jar.path = "app.war".into();
    jar.inner_path = "WEB-INF/lib/log4j-core.jar".into();
    jar.licenses = vec!["Apache License, Version 2.0".into()];
    let nginx = Package::new(PackageKind::Binary, "nginx", "1.25.3");
    let found = Vulnerability {
        id: "CVE-2021-44228".into(),
        aliases: vec!["GHSA-jfh8-c2jp-5v3q".into()],
        package: 4,
        fixed_versions: vec!["2.15.0".into()],
        status: FixStatus::Fixed,
        severity: Severity::Critical,
        severity_source: "ghsa".into(),
        cvss: vec![Cvss {
            source: "nvd".into(),
            version: "3.1".into(),
            vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H".into(),
            score_tenths: 100,
        }],
        description: "Lookups.".into(),
        references: vec!["https://example.test/a".into(), "no link".into()],
        cwes: vec!["CWE-502".into()],
        published: "2021-12-10".into(),
        feed: "ghsa".into(),
        ..Vulnerability::default()
    };
    let mut suppressed = found.clone();
    suppressed.id = "CVE-2021-45046".into();
    suppressed.suppressed = Some(Suppression {
        by: "vex".into(),
        reason: "vulnerable_code_not_in_execute_path".into(),
        source: "vex.json".into(),
    });
    let mut accepted = found.clone();
    accepted.id = "CVE-2021-45105".into();
    accepted.severity = Severity::Negligible;
    accepted.suppressed = Some(Suppression {
        by: "ignore-file".into(),
        reason: "accepted".into(),
        source: ".rampartignore".into(),
    });
    ScanReport {
        target: ScanTarget {
            kind: TargetKind::Image,
            name: "registry.test/shop/web:1.0".into(),
            registry: "registry.test".into(),
            repository: "shop/web".into(),
            tag: "1.0".into(),
            digest: format!("sha256:{}", "0a".repeat(32)),
            layers: vec![
                Layer {
                    digest: "sha256:aa".into(),
                    diff_id: "sha256:bb".into(),
                    created_by: "COPY".into(),
                    ..Layer::default()
                },
                Layer::default(),
            ],
            ..ScanTarget::default()
        },
        distro: Some(distro()),
        packages: vec![ssl, core, pad, again, jar, nginx],
        vulnerabilities: vec![found, suppressed, accepted],
        ..ScanReport::default()
    }
}

fn written(report: &ScanReport) -> Vec<(&'static str, String)> {
    use cyclonedx::Version::{V1_5, V1_6};
    vec![
        (
            "CycloneDX 1.5",
            cyclonedx::write(report, &options(), V1_5, true),
        ),
        (
            "CycloneDX 1.6",
            cyclonedx::write(report, &options(), V1_6, false),
        ),
        ("SPDX 2.3", write_json(report, &options())),
        ("SPDX 2.3", write_tag_value(report, &options())),
    ]
}

fn check_round_trip(report: &ScanReport) {
    for (format, text) in written(report) {
        let sbom = read(text.as_bytes()).unwrap_or_else(|e| panic!("{format}: {e}\n{text}"));
        assert_eq!(sbom.format, format);
        assert_eq!(sbom.problems, Vec::<String>::new(), "{format}\n{text}");
        assert_eq!(sbom.packages, report.packages, "{format}\n{text}");
        assert_eq!(sbom.distro, report.distro, "{format}\n{text}");
    }
}

#[test]
fn what_is_written_reads_the_same() {
    let report = report();
    check_round_trip(&report);
    check_round_trip(&ScanReport::default());
    assert_eq!(written(&report), written(&report), "twice the same");
    let text = &written(&report)[1].1;
    assert_eq!(read(text.as_bytes()).unwrap().target.layers.len(), 2);
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z][a-z0-9+.-]{0,8}",
        1 => "[A-Za-z_@/:.][A-Za-z0-9_@/:. -]{0,8}",
        1 => "\\PC{1,6}",
    ]
    .prop_filter("a name is not blank", |text| {
        !text.trim().is_empty() && text.trim() == text
    })
}

fn package() -> impl Strategy<Value = Package> {
    let texts = (
        word(),
        word(),
        prop::option::of((word(), word())),
        "[a-z0-9_]{0,6}",
    );
    let lists = (
        prop::collection::vec(word(), 0..3),
        prop::collection::vec(word(), 0..3),
        prop_oneof![
            Just(vec![]),
            Just(vec![format!("sha256:{}", "0f".repeat(32))])
        ],
        prop_oneof![Just(String::new()), word()],
    );
    let flags = (
        any::<[bool; 4]>(),
        prop::option::of(0..3_u32),
        "[a-z/]{0,8}",
    );
    (prop::sample::select(PackageKind::ALL), texts, lists, flags).prop_map(
        |(kind, (name, version, source, arch), (licenses, needs, hashes, supplier), flags)| {
            let ([dev, direct, owned_by_os, in_use], layer, path) = flags;
            let mut package = Package::new(kind, name, version);
            package.source = source.map(|(name, version)| SourcePackage { name, version });
            package.arch = arch;
            package.licenses = licenses;
            package.depends_on = needs;
            package.hashes = hashes;
            package.supplier = supplier;
            package.dev = dev;
            package.direct = direct;
            package.owned_by_os = owned_by_os;
            package.in_use = in_use;
            package.layer = layer;
            package.path = path;
            package
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_report_reads_the_same(
        packages in prop::collection::vec(package(), 0..6),
        with_distro in any::<bool>(),
        link in any::<bool>(),
    ) {
        let mut report = ScanReport { packages, ..ScanReport::default() };
        report.distro = with_distro.then(distro);
        if link && report.packages.len() > 1 {
            let need = format!("{}@{}", report.packages[1].name, report.packages[1].version);
            report.packages[0].depends_on.insert(0, need);
        }
        check_round_trip(&report);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[<{\"a-zA-Z:/ ]{0,40}") {
        let _ = read(&bytes);
        let _ = read(text.as_bytes());
    }
}

fn of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn cyclonedx_holds_the_minimum_elements() {
    let report = report();
    for (_, text) in written(&report).into_iter().take(2) {
        let bom = of(&text);
        assert!(
            bom["serialNumber"]
                .as_str()
                .unwrap()
                .starts_with("urn:uuid:")
        );
        assert_eq!(bom["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
        assert!(bom["metadata"]["authors"][0]["name"].is_string());
        let components = bom["components"].as_array().unwrap();
        let mut references = HashSet::new();
        for component in components {
            assert!(!component["supplier"]["name"].as_str().unwrap().is_empty());
            assert!(!component["version"].as_str().unwrap().is_empty());
            assert!(references.insert(component["bom-ref"].as_str().unwrap()));
        }
        let root = &bom["metadata"]["component"];
        assert!(
            root["purl"]
                .as_str()
                .unwrap()
                .starts_with("pkg:oci/web@sha256:0a0a")
        );
        references.insert(root["bom-ref"].as_str().unwrap());
        let dependencies = bom["dependencies"].as_array().unwrap();
        assert_eq!(dependencies.len(), components.len() + 1);
        for dependency in dependencies {
            assert!(references.contains(dependency["ref"].as_str().unwrap()));
        }
    }
}

#[test]
fn what_does_not_count_is_analysed() {
    let bom = of(&written(&report())[0].1);
    let found = bom["vulnerabilities"].as_array().unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found[0]["ratings"][0]["severity"], "critical");
    assert_eq!(found[0]["ratings"][1]["score"], 10.0);
    assert_eq!(found[0]["cwes"], json!([502]));
    assert_eq!(found[0]["advisories"].as_array().unwrap().len(), 1);
    assert_eq!(found[0]["published"], "2021-12-10T00:00:00Z");
    assert!(found[0].get("analysis").is_none());
    assert_eq!(found[1]["analysis"]["state"], "not_affected");
    assert_eq!(found[1]["analysis"]["justification"], "code_not_reachable");
    assert_eq!(found[2]["analysis"]["state"], "in_triage");
    assert_eq!(found[2]["ratings"][0]["severity"], "info");
    assert!(
        of(&written(&report())[1].1)
            .get("vulnerabilities")
            .is_none()
    );
}

fn problems(text: &str) -> Vec<String> {
    read(text.as_bytes()).unwrap().problems
}

#[test]
fn other_programs_documents_are_read() {
    let text = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.4",
        "components": [
            {"type": "operating-system", "name": "Alpine", "version": "3.19.1"},
            {"type": "library", "name": "musl", "version": "1.2.4-r2",
             "purl": "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64&distro=3.19.1",
             "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "own"}}],
             "properties": [{"name": "aquasecurity:trivy:SrcName", "value": "musl-src"}]},
            {"type": "library", "name": "x", "group": "@s", "purl": "pkg:npm/%40s/x@1",
             "components": [{"type": "library", "name": "y", "purl": "pkg:pypi/y@2"}]},
            {"type": "library", "name": "unknown", "version": "1"},
            {"type": "application", "name": "lock"},
            {"type": "library", "name": "z", "purl": "pkg:cocoapods/z@1"},
            {"type": "library", "name": "w", "purl": "pkg:npm"}
        ]
    });
    let sbom = read(text.to_string().as_bytes()).unwrap();
    let names: Vec<&str> = sbom.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["musl", "@s/x", "y"]);
    assert_eq!(sbom.packages[0].source.as_ref().unwrap().name, "musl-src");
    assert_eq!(sbom.packages[0].licenses, ["MIT", "own"]);
    let distro = sbom.distro.unwrap();
    assert_eq!(
        (distro.id.as_str(), distro.version.as_str()),
        ("alpine", "3.19.1")
    );
    assert_eq!(sbom.problems.len(), 3, "{:?}", sbom.problems);
}

#[test]
fn xml_and_attestations_are_read() {
    let xml = r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.5">
        <components><component type="library" bom-ref="a"><name>a &amp; b</name>
        <version>1</version><licenses><license><id>MIT</id></license></licenses>
        <purl>pkg:gem/a@1</purl></component><component type="library" bom-ref="b">
        <name>b</name><purl>pkg:gem/b@2</purl></component></components>
        <dependencies><dependency ref="a"><dependency ref="b"/></dependency></dependencies>
        </bom>"#;
    let sbom = read(xml.as_bytes()).unwrap();
    assert_eq!(sbom.packages.len(), 2);
    assert_eq!(sbom.packages[0].licenses, ["MIT"]);
    assert_eq!(sbom.packages[0].depends_on, ["b@2"]);

    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [{"type": "library", "name": "a", "purl": "pkg:gem/a@1"}]});
    let statement = json!({"_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://cyclonedx.org/bom", "predicate": bom});
    let encoded = base64(statement.to_string().as_bytes());
    let envelope = json!({"payloadType": "application/vnd.in-toto+json", "payload": encoded,
        "signatures": []});
    for text in [
        statement.to_string(),
        envelope.to_string(),
        json!({"predicate": {"Data": bom.to_string()}}).to_string(),
        json!({"dsseEnvelope": envelope}).to_string(),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap().packages.len(), 1, "{text}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, b| bits << 8 | u32::from(*b))
            << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let sign = SIGNS[usize::try_from(bits >> (18 - 6 * at) & 63).unwrap()];
            out.push(if at > chunk.len() {
                '='
            } else {
                char::from(sign)
            });
        }
    }
    out
}

#[test]
fn hostile_documents_are_errors() {
    let deep = format!("{{\"bomFormat\":{}", "[".repeat(MAX_DEPTH + 10));
    assert!(matches!(read(deep.as_bytes()), Err(SbomError::TooDeep)));
    let deep = format!("<bom xmlns=\"x/schema/bom/1.4\">{}", "<a>".repeat(100));
    assert!(matches!(read(deep.as_bytes()), Err(SbomError::TooDeep)));
    let bomb = "<!DOCTYPE bom [<!ENTITY a \"aaaa\">]><bom xmlns=\"x/schema/bom/1.4\">&a;</bom>";
    assert!(matches!(read(bomb.as_bytes()), Err(SbomError::Xml(_))));
    let mut wrapped = json!({"bomFormat": "CycloneDX", "specVersion": "1.6"}).to_string();
    for _ in 0..6 {
        wrapped = json!({"predicate": of(&wrapped)}).to_string();
    }
    assert!(matches!(read(wrapped.as_bytes()), Err(SbomError::TooDeep)));
    for (text, what) in [
        ("{}", "nothing"),
        ("hello", "text"),
        ("", "empty"),
        ("<html/>", "no bom"),
        (
            "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"9.0\"}",
            "version",
        ),
        (
            "{\"bomFormat\":\"Other\",\"specVersion\":\"1.6\"}",
            "format",
        ),
        (
            "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":{}}",
            "shape",
        ),
        (
            "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[1]}",
            "item",
        ),
        ("{\"spdxVersion\":\"SPDX-1.0\"}", "spdx version"),
        (
            "{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[[]]}",
            "spdx package",
        ),
        ("SPDXVersion: SPDX-2.3\nnonsense", "tag"),
        ("SPDXVersion: SPDX-2.3\nPackageComment: <text>open", "text"),
        ("{\"payloadType\":\"x\",\"payload\":\"\"}", "payload"),
        (
            "{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\"%\"}",
            "base64",
        ),
    ] {
        assert!(read(text.as_bytes()).is_err(), "{what}");
    }
    let mut many =
        String::from("{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":[");
    for at in 0..300 {
        let comma = if at > 0 { "," } else { "" };
        write!(many, "{comma}{{\"name\":\"\"}}").unwrap();
    }
    many.push_str("]}");
    let found = problems(&many);
    assert_eq!(found.len(), 101, "problems are bounded");
}

/// Problems that say a document breaks its format, not that a component cannot be matched.
fn faults(sbom: &Sbom) -> Vec<&String> {
    let coverage = |text: &&String| text.contains("package URL") || text.contains("not matched");
    sbom.problems
        .iter()
        .filter(|text| !coverage(text))
        .collect()
}

/// Invalid vectors that are read without fault, and why.
const UNJUDGED: [(&str, &str); 2] = [
    (
        "invalid-citations-",
        "who said what about the document: nothing is read of it",
    ),
    (
        "invalid-metadata-distribution-",
        "an unknown field: others put such in, and are read",
    ),
];

/// The official vectors of the CycloneDX schemas, where `RAMPART_CYCLONEDX_VECTORS` names their
/// directory (`scripts/sbom-conformance.sh` fetches them): valid ones are read without fault, of
/// the invalid ones those that are not told must be in the list below.
#[test]
fn official_vectors_are_judged() {
    let named = std::env::vars().find(|(name, _)| name == "RAMPART_CYCLONEDX_VECTORS");
    let Some(root) = named.map(|(_, path)| PathBuf::from(path)) else {
        println!("skipped: RAMPART_CYCLONEDX_VECTORS is not set");
        return;
    };
    let (mut valid, mut told, mut wrong, mut passed) = (0, 0, Vec::new(), Vec::new());
    for version in ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"] {
        for entry in std::fs::read_dir(root.join(version)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !(name.ends_with(".json") || name.ends_with(".xml")) {
                continue;
            }
            let result = read(&std::fs::read(&path).unwrap());
            let fault = match &result {
                Ok(sbom) => faults(sbom).first().map(ToString::to_string),
                Err(error) => Some(error.to_string()),
            };
            match (name.starts_with("valid"), fault) {
                (true, None) => valid += 1,
                (true, Some(fault)) => wrong.push(format!("{name}: {fault}")),
                (false, Some(_)) => told += 1,
                (false, None) => passed.push(name),
            }
        }
    }
    passed.sort();
    println!(
        "{valid} valid read; {told} invalid told; {} passed over:",
        passed.len()
    );
    println!("{}", passed.join(" "));
    assert!(wrong.is_empty(), "valid with faults: {}", wrong.join("\n"));
    for name in passed {
        let known = UNJUDGED.iter().any(|(start, _)| name.starts_with(start));
        assert!(known, "{name} is not told");
    }
}

/// Writes our documents where `RAMPART_SBOM_OUT` says, for validators to read.
#[test]
fn documents_for_validators() {
    let named = std::env::vars().find(|(name, _)| name == "RAMPART_SBOM_OUT");
    let Some(root) = named.map(|(_, path)| PathBuf::from(path)) else {
        println!("skipped: RAMPART_SBOM_OUT is not set");
        return;
    };
    let mut runner = TestRunner::deterministic();
    let mut reports = vec![report(), ScanReport::default()];
    for _ in 0..60 {
        let packages = prop::collection::vec(package(), 1..8);
        let mut random = report();
        random.packages = packages.new_tree(&mut runner).unwrap().current();
        for found in &mut random.vulnerabilities {
            found.package = 0;
        }
        reports.push(random);
    }
    for (at, report) in reports.iter().enumerate() {
        let names = ["1.5.cdx.json", "1.6.cdx.json", "spdx.json", "spdx"];
        for (name, (_, text)) in names.iter().zip(written(report)) {
            std::fs::write(root.join(format!("{at}.{name}")), text).unwrap();
        }
    }
}
