//! The `ignore:` rules of Grype's configuration; the rest of that file is left alone.

use super::{Diagnostic, Fix, Rule, Subject};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    ignore: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    #[serde(default)]
    vulnerability: String,
    /// Aliases are always included here.
    #[serde(default, rename = "include-aliases")]
    _include_aliases: bool,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    fix_state: String,
    #[serde(default)]
    package: Named,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    upstream_name: String,
}

pub(super) fn read(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Rule> {
    let entries = match yaml_of::<File>(text) {
        Ok(file) => file.and_then(|file| file.ignore).unwrap_or_default(),
        Err(reason) => {
            diagnostics.push(Diagnostic::new(0, reason));
            return Vec::new();
        }
    };
    let mut rules = Vec::new();
    for (at, entry) in entries.into_iter().enumerate() {
        match rule_of(entry) {
            Ok(rule) => rules.push(rule),
            Err(reason) => diagnostics.push(Diagnostic::new(
                0,
                format!("rule {}: {reason}: it is not applied", at + 1),
            )),
        }
    }
    rules
}

fn rule_of(entry: Entry) -> Result<Rule, String> {
    let mut rule = Rule::new(Subject::Vulnerability, entry.vulnerability);
    rule.reason = entry.reason;
    rule.fix = match entry.fix_state.as_str() {
        "" => None,
        "fixed" => Some(Fix::Fixed),
        "not-fixed" => Some(Fix::NotFixed),
        "wont-fix" => Some(Fix::WontFix),
        "unknown" => Some(Fix::Unknown),
        other => return Err(format!("the fix state '{other}' is not known")),
    };
    rule.package = pattern(&entry.package.name)?;
    rule.source = pattern(&entry.package.upstream_name)?;
    rule.version = entry.package.version;
    rule.kind = entry.package.kind;
    rule.paths = Some(entry.package.location)
        .filter(|path| !path.is_empty())
        .into_iter()
        .collect();
    Ok(rule)
}

/// Names are regular expressions that must match from end to end.
fn pattern(text: &str) -> Result<Option<Regex>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let whole = RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(1 << 18)
        .build();
    whole
        .map(Some)
        .map_err(|_| format!("'{text}' is no pattern of names"))
}

/// `None` for a file that holds nothing but comments.
pub(super) fn yaml_of<T: serde::de::DeserializeOwned>(text: &str) -> Result<Option<T>, String> {
    if text
        .lines()
        .all(|line| matches!(line.trim(), "" | "---") || line.trim().starts_with('#'))
    {
        return Ok(None);
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_documents: 1 },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map(Some)
        .map_err(|error| {
            let text = error.to_string();
            text.lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect()
        })
}
