//! What was decided about a report's findings, as OpenVEX and as CycloneDX VEX.
//!
//! A finding that is not affected is said to be so, with the reason. A risk that was accepted (an
//! ignore file, a profile) stays affected: accepting does not make it go away. All others are under
//! investigation: a scanner's match is no proof that the product can be attacked.

use crate::{db::time_of, purl};
use rampart_model::{
    ScanReport, Timestamp, Vulnerability,
    scan::{ScanTarget, TargetKind},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Who says so, and when.
#[derive(Clone, Debug)]
pub struct Writing<'a> {
    pub author: &'a str,
    pub now: Timestamp,
}

/// OpenVEX's justifications; CycloneDX has others, see [`cyclonedx_justification`].
const JUSTIFICATIONS: &[&str] = &[
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

enum Said<'a> {
    NotAffected(&'a str),
    Fixed,
    Accepted(&'a str),
    Open,
}

fn said(vulnerability: &Vulnerability) -> Said<'_> {
    match &vulnerability.suppressed {
        None => Said::Open,
        Some(why) if why.by == "vex" && why.reason == "fixed" => Said::Fixed,
        Some(why) if matches!(why.by.as_str(), "vex" | "not-affected") => {
            Said::NotAffected(&why.reason)
        }
        Some(why) => Said::Accepted(&why.reason),
    }
}

pub fn openvex(report: &ScanReport, writing: &Writing<'_>) -> String {
    let statements: Vec<Value> = report
        .vulnerabilities
        .iter()
        .filter_map(|vulnerability| statement(report, vulnerability))
        .collect();
    let time = time(writing.now);
    let content = Value::Array(statements);
    let id = format!(
        "urn:rampart:vex:{}",
        hex::encode(Sha256::digest(format!(
            "{}\n{time}\n{content}",
            writing.author
        )))
    );
    pretty(&json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": id,
        "author": writing.author,
        "timestamp": time,
        "version": 1,
        "tooling": "rampart",
        "statements": content,
    }))
}

fn statement(report: &ScanReport, vulnerability: &Vulnerability) -> Option<Value> {
    let package = report.package_of(vulnerability)?;
    let purl = purl::to_purl(package, report.distro.as_ref());
    let part = json!({"@id": purl, "identifiers": {"purl": purl}});
    let product = match image(&report.target) {
        Some(image) => {
            let mut product =
                json!({"@id": image, "identifiers": {"purl": image}, "subcomponents": [part]});
            if let Some(digest) = report.target.digest.strip_prefix("sha256:") {
                product["hashes"] = json!({"sha-256": digest});
            }
            product
        }
        None => part,
    };
    let mut statement = json!({
        "vulnerability": {"name": vulnerability.id, "aliases": vulnerability.aliases},
        "products": [product],
    });
    match said(vulnerability) {
        Said::NotAffected(reason) if JUSTIFICATIONS.contains(&reason) => {
            statement["status"] = json!("not_affected");
            statement["justification"] = json!(reason);
        }
        Said::NotAffected(reason) => {
            statement["status"] = json!("not_affected");
            statement["impact_statement"] = json!(reason);
        }
        Said::Fixed => statement["status"] = json!("fixed"),
        Said::Accepted(reason) => {
            statement["status"] = json!("affected");
            statement["action_statement"] = json!(accepted(reason));
        }
        Said::Open => {
            statement["status"] = json!("under_investigation");
            if let Some(version) = vulnerability.fixed_versions.first() {
                statement["status_notes"] = json!(format!("fixed in {} {version}", package.name));
            }
        }
    }
    Some(statement)
}

fn accepted(reason: &str) -> String {
    if reason.is_empty() {
        "the risk is accepted".to_owned()
    } else {
        format!("the risk is accepted: {reason}")
    }
}

pub fn cyclonedx(report: &ScanReport, writing: &Writing<'_>) -> String {
    let mut components = serde_json::Map::new();
    let mut vulnerabilities = Vec::new();
    for vulnerability in &report.vulnerabilities {
        let Some(package) = report.package_of(vulnerability) else {
            continue;
        };
        let purl = purl::to_purl(package, report.distro.as_ref());
        vulnerabilities.push(json!({
            "id": vulnerability.id,
            "references": vulnerability.aliases.iter().map(|alias| json!({"id": alias, "source": {"name": alias.split('-').next()}})).collect::<Vec<_>>(),
            "analysis": analysis(vulnerability),
            "affects": [{"ref": purl}],
        }));
        components.entry(purl.clone()).or_insert_with(|| json!({"type": "library", "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl}));
    }
    let target = &report.target;
    let mut product = json!({"type": if target.kind == TargetKind::Image { "container" } else { "application" }, "bom-ref": "target", "name": target.name});
    if let Some(image) = image(target) {
        product["purl"] = json!(image);
    }
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time(writing.now),
            "authors": [{"name": writing.author}],
            "component": product,
        },
        "components": components.into_iter().map(|(_, component)| component).collect::<Vec<_>>(),
        "vulnerabilities": vulnerabilities,
    });
    document["serialNumber"] = json!(format!("urn:uuid:{}", uuid(&document.to_string())));
    pretty(&document)
}

fn analysis(vulnerability: &Vulnerability) -> Value {
    match said(vulnerability) {
        Said::NotAffected(reason) => match cyclonedx_justification(reason) {
            Some(justification) => json!({"state": "not_affected", "justification": justification}),
            None => json!({"state": "not_affected", "detail": reason}),
        },
        Said::Fixed => json!({"state": "resolved"}),
        Said::Accepted(reason) => {
            json!({"state": "exploitable", "response": ["will_not_fix"], "detail": accepted(reason)})
        }
        Said::Open => json!({"state": "in_triage"}),
    }
}

fn cyclonedx_justification(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "component_not_present" | "vulnerable_code_not_present" | "code_not_present" => {
            "code_not_present"
        }
        "vulnerable_code_not_in_execute_path" | "code_not_reachable" => "code_not_reachable",
        "vulnerable_code_cannot_be_controlled_by_adversary" | "requires_environment" => {
            "requires_environment"
        }
        "inline_mitigations_already_exist" | "protected_by_mitigating_control" => {
            "protected_by_mitigating_control"
        }
        "requires_configuration" => "requires_configuration",
        "requires_dependency" => "requires_dependency",
        "protected_by_compiler" => "protected_by_compiler",
        "protected_at_runtime" => "protected_at_runtime",
        "protected_at_perimeter" => "protected_at_perimeter",
        _ => return None,
    })
}

/// The package URL of an image that has a digest.
fn image(target: &ScanTarget) -> Option<String> {
    let name = target
        .repository
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())?;
    if target.kind != TargetKind::Image || target.digest.is_empty() {
        return None;
    }
    let mut purl = purl::Purl {
        kind: "oci".to_owned(),
        name: name.to_ascii_lowercase(),
        version: target.digest.clone(),
        ..purl::Purl::default()
    };
    let registry = if target.registry.is_empty() {
        target.repository.clone()
    } else {
        format!("{}/{}", target.registry, target.repository)
    };
    purl.qualifiers
        .insert("repository_url".to_owned(), registry);
    Some(purl.to_string())
}

fn time(now: Timestamp) -> String {
    time_of(u64::try_from(now.secs()).unwrap_or_default())
}

/// Of the content, so that the same report gives the same document; version 8: our own making.
fn uuid(content: &str) -> String {
    let mut bytes: Vec<u8> = Sha256::digest(content).iter().copied().take(16).collect();
    if let [_, _, _, _, _, _, version, _, variant, ..] = bytes.as_mut_slice() {
        *version = (*version & 0x0f) | 0x80;
        *variant = (*variant & 0x3f) | 0x80;
    }
    let text = hex::encode(bytes);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
