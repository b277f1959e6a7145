//! Where outside data is, and rules in one line.

use rampart_detect::{Diagnostic, Event, Options, RuleFile, Rules, condition::parser};
use serde_json::Value;
use std::path::PathBuf;

/// `data/runtime` of the reference, if it is there.
pub(crate) fn reference() -> Option<PathBuf> {
    let named = std::env::vars_os()
        .find(|(name, _)| name == "RAMPART_REFERENCE")
        .map(|(_, path)| PathBuf::from(path));
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let folder = named.unwrap_or_else(beside).join("data/runtime");
    if folder.is_dir() {
        return Some(folder);
    }
    println!(
        "skipped: no reference data (RAMPART_REFERENCE, or shared/reference beside the repository)"
    );
    None
}

pub(crate) fn json(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn load(text: &str) -> (Rules, Vec<Diagnostic>) {
    let file = RuleFile {
        name: "rules.yaml",
        text,
    };
    Rules::load(&[file], &Options::default())
}

/// A rule of that condition, all by itself.
pub(crate) fn rule_of(condition: &str) -> String {
    format!(
        "- rule: it\n  desc: d\n  output: o\n  priority: INFO\n  condition: {}\n",
        Value::from(condition)
    )
}

/// Whether the condition holds for the event.
pub(crate) fn holds(condition: &str, event: &Event<'_>) -> Result<bool, String> {
    parser::parse(condition).map_err(|wrong| wrong.to_string())?;
    let (rules, diagnostics) = load(&rule_of(condition));
    if let Some(wrong) = diagnostics.iter().find(|d| d.is_error()) {
        return Err(wrong.to_string());
    }
    Ok(rules.first_match(event, &mut rules.state()).is_some())
}
