//! `exceptions:` of a rule, in all the shapes they are written in.

use super::{
    item::{At, Entry, EntryKind, Exception},
    reader::{Keys, Report},
    tree::{Node, NodeKind},
};
use crate::{condition::parser::operator_named, diagnostic::Code};

const KEYS: &[&str] = &["name", "fields", "comps", "values"];

/// Reads them all. `known` are those the rule has already: values may be added to them by name.
pub(crate) fn read(
    keys: &Keys<'_>,
    node: &Node,
    known: &[Exception],
    report: &mut Report,
) -> Vec<Exception> {
    let NodeKind::Sequence(items) = &node.kind else {
        if !node.is_null() {
            let message = format!("'exceptions' is {}", node.what());
            report.error(
                Code::YamlValidate,
                keys.at(node),
                &keys.item,
                message,
                "a list",
            );
        }
        return Vec::new();
    };
    let mut all: Vec<Exception> = Vec::new();
    for item in items {
        let NodeKind::Mapping(pairs) = &item.kind else {
            let message = format!("exception is {}", item.what());
            report.error(
                Code::YamlValidate,
                keys.at(item),
                &keys.item,
                message,
                "a mapping",
            );
            continue;
        };
        let mut inner = Keys::new(keys.at.file, item.spot, pairs);
        inner.item.clone_from(&keys.item);
        inner.check(KEYS, report);
        if let Some(exception) = one(&inner, known, report) {
            all.push(exception);
        }
    }
    all
}

fn one(keys: &Keys<'_>, known: &[Exception], report: &mut Report) -> Option<Exception> {
    let name = keys.required("name", report)?.as_str().to_owned();
    let values = match keys.node("values") {
        Some(node) => entries(keys, node),
        None => Vec::new(),
    };
    if !keys.has("fields") {
        // More values for an exception that is there.
        if let Some(before) = known.iter().find(|known| known.name == name) {
            let exception = Exception {
                at: keys.at,
                values,
                ..before.clone()
            };
            return checked(exception, report, &keys.item).then_some(exception_of(before, keys));
        }
        let message = format!("exception '{name}' has no 'fields'");
        report.error(
            Code::Validate,
            keys.at,
            &keys.item,
            message,
            "'fields: [proc.name, …]'",
        );
        return None;
    }
    let single = keys
        .node("fields")
        .is_some_and(|node| node.text().is_some());
    let fields = keys.texts("fields", report);
    let mut comps = keys.texts("comps", report);
    if comps.is_empty() {
        let usual = if single { "in" } else { "=" };
        comps = vec![usual.to_owned(); fields.len()];
    }
    if comps.len() != fields.len() || fields.is_empty() {
        let message = format!(
            "exception '{name}' has {} fields and {} comps",
            fields.len(),
            comps.len()
        );
        report.error(
            Code::Validate,
            keys.at,
            &keys.item,
            message,
            "one for each field",
        );
        return None;
    }
    for comp in &comps {
        if operator_named(comp).is_none() {
            let message = format!("exception '{name}' compares with '{comp}'");
            report.error(Code::Validate, keys.at, &keys.item, message, "an operator");
            return None;
        }
    }
    let exception = Exception {
        at: keys.at,
        name,
        single,
        fields,
        comps,
        values,
    };
    checked(exception.clone(), report, &keys.item).then_some(exception)
}

fn exception_of(before: &Exception, keys: &Keys<'_>) -> Exception {
    Exception {
        at: keys.at,
        values: keys
            .node("values")
            .map(|node| entries(keys, node))
            .unwrap_or_default(),
        ..before.clone()
    }
}

/// Each row must have a value for each field.
fn checked(exception: Exception, report: &mut Report, item: &str) -> bool {
    if exception.single {
        return true;
    }
    let mut good = true;
    for entry in &exception.values {
        let found = match &entry.kind {
            EntryKind::List(row) => row.len(),
            EntryKind::Text(_) => 1,
        };
        if found != exception.fields.len() {
            let message = format!("exception '{}' has a row of {found} values", exception.name);
            let expected = format!("{}, one for each field", exception.fields.len());
            report.error(Code::Validate, entry.at, item, message, &expected);
            good = false;
        }
    }
    good
}

fn entries(keys: &Keys<'_>, node: &Node) -> Vec<Entry> {
    match &node.kind {
        NodeKind::Sequence(items) => items.iter().map(|item| entry(keys.at, item)).collect(),
        NodeKind::Scalar(_) if node.is_null() => Vec::new(),
        _ => vec![entry(keys.at, node)],
    }
}

fn entry(at: At, node: &Node) -> Entry {
    let kind = match &node.kind {
        NodeKind::Scalar(text) => EntryKind::Text(text.clone()),
        NodeKind::Sequence(items) => {
            EntryKind::List(items.iter().map(|item| entry(at, item)).collect())
        }
        NodeKind::Mapping(_) => EntryKind::List(Vec::new()),
    };
    Entry {
        at: At {
            file: at.file,
            spot: node.spot,
        },
        kind,
    }
}
