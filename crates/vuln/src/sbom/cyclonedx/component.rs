//! One package as a component, and its licences.

use super::{Entry, written};
use crate::sbom::{
    component::{hash, odd_hashes, split_name},
    licence,
};
use rampart_model::package::PackageKind;
use serde_json::{Map, Value, json};

pub(super) fn write(entry: &Entry<'_>) -> Value {
    let package = entry.package;
    let (group, name) = split_name(package);
    let mut out = Map::new();
    let kind = if package.kind == PackageKind::Binary {
        "application"
    } else {
        "library"
    };
    out.insert("type".into(), json!(kind));
    out.insert("bom-ref".into(), json!(entry.reference));
    out.insert("supplier".into(), json!({"name": entry.supplier}));
    if !group.is_empty() {
        out.insert("group".into(), json!(group));
    }
    out.insert("name".into(), json!(name));
    out.insert("version".into(), json!(package.version));
    out.insert(
        "scope".into(),
        json!(if package.dev { "excluded" } else { "required" }),
    );
    let hashes: Vec<Value> = package
        .hashes
        .iter()
        .filter_map(|text| hash(text))
        .map(|(algorithm, _, digits)| json!({"alg": algorithm, "content": digits}))
        .collect();
    if !hashes.is_empty() {
        out.insert("hashes".into(), Value::Array(hashes));
    }
    if !package.licenses.is_empty() {
        out.insert("licenses".into(), licences(&package.licenses));
    }
    out.insert("purl".into(), json!(entry.purl));
    if !package.path.is_empty() {
        let location = json!({"location": package.path});
        out.insert("evidence".into(), json!({"occurrences": [location]}));
    }
    let mut properties = entry.properties.clone();
    properties.extend(odd_hashes(package));
    if !properties.is_empty() {
        out.insert("properties".into(), written(&properties));
    }
    Value::Object(out)
}

/// Either one expression, or ids and names.
fn licences(licences: &[String]) -> Value {
    if let [one] = licences
        && !licence::is_id(one)
        && licence::is_expression(one)
    {
        return json!([{"expression": one}]);
    }
    licences
        .iter()
        .map(|text| {
            if licence::is_id(text) {
                json!({"license": {"id": text}})
            } else {
                json!({"license": {"name": text}})
            }
        })
        .collect()
}
