//! CycloneDX's `vulnerabilities` with an `analysis` (1.4 and later), alone or inside an SBOM.

use super::{Document, Draft, Format, Product, Statement, Status, list, text};
use serde_json::Value;
use std::collections::HashMap;

/// Deeper than any component nests in practice; `serde_json` bounds it anyway.
const MAX_DEPTH: usize = 64;

pub(super) fn read(value: &Value) -> Document {
    let metadata = &value["metadata"];
    let author = list(&metadata["authors"])
        .first()
        .map_or(&Value::Null, |author| &author["name"]);
    let mut draft = Draft::new(Format::CycloneDx, &value["serialNumber"], author);
    let mut refs = HashMap::new();
    component(&metadata["component"], &mut refs, 0);
    for item in list(&value["components"]) {
        component(item, &mut refs, 0);
    }
    let whole = text(&metadata["timestamp"]);
    for item in list(&value["vulnerabilities"]) {
        vulnerability(&mut draft, item, &refs, &whole);
    }
    draft.document
}

fn component<'a>(value: &'a Value, refs: &mut HashMap<&'a str, Product>, depth: usize) {
    if let Some(reference) = value["bom-ref"].as_str() {
        let purl = value["purl"]
            .as_str()
            .and_then(|text| crate::purl::parse(text).ok());
        let name = match (value["name"].as_str(), value["version"].as_str()) {
            (Some(name), Some(version)) if purl.is_none() && !version.starts_with("sha256:") => {
                format!("{name}:{version}")
            }
            (name, _) => name.unwrap_or(reference).to_owned(),
        };
        let hashes = list(&value["hashes"]).iter().filter_map(|hash| {
            let algorithm = hash["alg"].as_str()?.to_ascii_lowercase().replace('-', "");
            Some(format!(
                "{algorithm}:{}",
                hash["content"].as_str()?.to_ascii_lowercase()
            ))
        });
        let version = value["version"]
            .as_str()
            .filter(|version| version.starts_with("sha256:"))
            .map(str::to_owned);
        let product = Product {
            id: name,
            purl,
            digests: hashes.chain(version).collect(),
            parts: Vec::new(),
        };
        refs.insert(reference, product);
    }
    if depth < MAX_DEPTH {
        for item in list(&value["components"]) {
            component(item, refs, depth + 1);
        }
    }
}

fn vulnerability(draft: &mut Draft, value: &Value, refs: &HashMap<&str, Product>, whole: &str) {
    let id = text(&value["id"]);
    let analysis = &value["analysis"];
    let Some(state) = analysis["state"].as_str() else {
        return;
    };
    let Some(status) = status(state) else {
        draft.note(format!("{id}: the state '{state}' is not known"));
        return;
    };
    let mut products = Vec::new();
    for affected in list(&value["affects"]) {
        let reference = affected["ref"].as_str().unwrap_or_default();
        products.push(draft.product(resolve(reference, refs)));
    }
    if products.is_empty() {
        draft.note(format!("{id}: it affects nothing: not applied"));
        return;
    }
    let aliases = list(&value["references"])
        .iter()
        .filter_map(|reference| reference["id"].as_str())
        .map(str::to_owned);
    let dates = [
        &analysis["lastUpdated"],
        &value["updated"],
        &analysis["firstIssued"],
    ];
    let timestamp = dates.into_iter().map(text).find(|date| !date.is_empty());
    let statement = Statement {
        aliases: aliases.collect(),
        products,
        status,
        justification: text(&analysis["justification"]),
        detail: text(&analysis["detail"]),
        timestamp: timestamp.unwrap_or_else(|| whole.to_owned()),
        vulnerability: id,
    };
    draft.document.statements.push(statement);
}

/// A component of this document; a link into another (`urn:cdx:serial/1#ref`) whose reference is a
/// package URL, as most generators make them; or a package URL itself.
fn resolve(reference: &str, refs: &HashMap<&str, Product>) -> Product {
    if let Some(product) = refs.get(reference) {
        return product.clone();
    }
    let local = reference
        .strip_prefix("urn:cdx:")
        .and_then(|link| link.split_once('#'))
        .map(|(_, local)| local);
    match local {
        Some(local) => refs
            .get(local)
            .cloned()
            .unwrap_or_else(|| Product::named(local)),
        None => Product::named(reference),
    }
}

fn status(state: &str) -> Option<Status> {
    match state {
        "not_affected" | "false_positive" => Some(Status::NotAffected),
        "exploitable" => Some(Status::Affected),
        "resolved" | "resolved_with_pedigree" => Some(Status::Fixed),
        "in_triage" => Some(Status::UnderInvestigation),
        _ => None,
    }
}
