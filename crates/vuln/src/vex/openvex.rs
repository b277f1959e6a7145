//! OpenVEX (openvex.dev, v0.2.0; v0.0.1's shorter forms too).

use super::{Document, Draft, Format, Product, Statement, Status, list, text};
use serde_json::Value;

pub(super) fn read(value: &Value) -> Document {
    let mut draft = Draft::new(Format::OpenVex, &value["@id"], &value["author"]);
    let whole = text(&value["timestamp"]);
    for statement in list(&value["statements"]) {
        read_statement(&mut draft, statement, &whole);
    }
    draft.document
}

fn read_statement(draft: &mut Draft, value: &Value, whole: &str) {
    let vulnerability = match &value["vulnerability"] {
        Value::String(id) => id.clone(),
        object if object["name"].is_string() => text(&object["name"]),
        object => text(&object["@id"]),
    };
    let Some(status) = status(value["status"].as_str().unwrap_or_default()) else {
        draft.note(format!(
            "{vulnerability}: the status {} is not known",
            value["status"]
        ));
        return;
    };
    let aliases = list(&value["vulnerability"]["aliases"])
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned);
    let products: Vec<u32> = list(&value["products"])
        .iter()
        .map(|product| draft.product(product_of(product)))
        .collect();
    if products.is_empty() {
        draft.note(format!(
            "{vulnerability}: a statement without a product is not applied"
        ));
        return;
    }
    let own = text(&value["timestamp"]);
    let detail = ["impact_statement", "action_statement", "status_notes"]
        .iter()
        .map(|key| text(&value[*key]))
        .find(|text| !text.is_empty());
    let statement = Statement {
        aliases: aliases.collect(),
        products,
        status,
        justification: text(&value["justification"]),
        detail: detail.unwrap_or_default(),
        timestamp: if own.is_empty() {
            whole.to_owned()
        } else {
            own
        },
        vulnerability,
    };
    draft.document.statements.push(statement);
}

fn status(text: &str) -> Option<Status> {
    match text {
        "not_affected" => Some(Status::NotAffected),
        "affected" => Some(Status::Affected),
        "fixed" => Some(Status::Fixed),
        "under_investigation" => Some(Status::UnderInvestigation),
        _ => None,
    }
}

fn product_of(value: &Value) -> Product {
    let id = value.as_str().or(value["@id"].as_str()).unwrap_or_default();
    let mut product = Product::named(id);
    let identifiers = &value["identifiers"];
    if let Some(purl) = identifiers["purl"]
        .as_str()
        .and_then(|text| crate::purl::parse(text).ok())
    {
        product.purl = Some(purl);
    }
    let hashes = value["hashes"].as_object().into_iter().flatten();
    for (algorithm, digest) in hashes {
        let digest = digest.as_str().unwrap_or_default().to_ascii_lowercase();
        product.digests.push(format!(
            "{}:{digest}",
            algorithm.to_ascii_lowercase().replace('-', "")
        ));
    }
    // Subcomponents have none of their own.
    product.parts = list(&value["subcomponents"])
        .iter()
        .map(|part| Product {
            parts: Vec::new(),
            ..product_of_part(part)
        })
        .collect();
    product
}

fn product_of_part(value: &Value) -> Product {
    let id = value.as_str().or(value["@id"].as_str()).unwrap_or_default();
    let mut product = Product::named(id);
    if let Some(purl) = value["identifiers"]["purl"]
        .as_str()
        .and_then(|text| crate::purl::parse(text).ok())
    {
        product.purl = Some(purl);
    }
    product
}
