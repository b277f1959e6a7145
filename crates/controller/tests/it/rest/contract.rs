//! The checked-in OpenAPI document is what the code says, and the code serves it.

use super::Api;
use rampart_controller::rest::{ENDPOINTS, Verb, document};
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

/// `RAMPART_BLESS=1` writes the document instead of comparing it.
#[test]
fn the_checked_in_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/controller.json");
    let made = document();
    if std::env::vars_os().any(|(name, _)| name == "RAMPART_BLESS") {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "openapi/controller.json is stale: run RAMPART_BLESS=1 cargo test -p rampart-controller contract"
    );
}

#[test]
fn every_endpoint_is_in_the_document_and_nothing_else() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            described.insert((method.clone(), path.clone()));
        }
    }
    let verb = |verb| match verb {
        Verb::Get => "get",
        Verb::Post => "post",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
    };
    let table: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|e| (verb(e.verb).to_owned(), e.path.to_owned()))
        .collect();
    assert_eq!(table.len(), ENDPOINTS.len(), "an endpoint is listed twice");
    assert_eq!(described, table);
    let handlers: BTreeSet<_> = ENDPOINTS.iter().map(|e| e.handler).collect();
    assert_eq!(
        handlers.len(),
        ENDPOINTS.len(),
        "two endpoints have one operation id"
    );
}

#[test]
fn every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(&document()).unwrap();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                references.insert(reference.clone());
            }
            fields.values().for_each(|v| collect(v, references));
        }
        Value::Array(items) => items.iter().for_each(|v| collect(v, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_served_to_all() {
    let api = Api::new().await;
    for path in ["/openapi.json", "/v1/openapi.json"] {
        let reply = api.client().get(path).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body, document().as_bytes());
    }
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        assert_eq!(api.client().get(path).await.body, body);
    }
}
