//! Lists of ids, and the YAML of Trivy.

use super::{Diagnostic, MAX_RULES, Rule, Subject, date};
use serde::Deserialize;

/// One id a line, then `exp:YYYY-MM-DD`; comment lines above an id are its reason.
pub(super) fn plain(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for (at, line) in text.lines().enumerate().take(MAX_RULES * 4) {
        let line = line.trim();
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
            continue;
        }
        let (body, trailing) = line
            .split_once(" #")
            .map_or((line, ""), |(body, text)| (body, text.trim()));
        let mut words = body.split_whitespace();
        let Some(id) = words.next() else {
            comment.clear();
            continue;
        };
        let mut rule = Rule::new(Subject::Any, id);
        rule.line = at + 1;
        rule.reason = if trailing.is_empty() {
            comment.join(" ")
        } else {
            trailing.to_owned()
        };
        match words.try_for_each(|word| word_of(&mut rule, word)) {
            Ok(()) => rules.push(rule),
            Err(reason) => diagnostics.push(Diagnostic::new(at + 1, reason)),
        }
    }
    rules
}

fn word_of(rule: &mut Rule, word: &str) -> Result<(), String> {
    let Some(day) = word.strip_prefix("exp:") else {
        return Err(format!("'{word}' is not known: the rule is not applied"));
    };
    rule.expires = Some(
        date(day)
            .ok_or_else(|| format!("'{day}' is no date (YYYY-MM-DD): the rule is not applied"))?,
    );
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    vulnerabilities: Option<Vec<Entry>>,
    #[serde(default)]
    misconfigurations: Option<Vec<Entry>>,
    #[serde(default)]
    secrets: Option<Vec<Entry>>,
    #[serde(default)]
    licenses: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    paths: Option<Vec<String>>,
    #[serde(default)]
    purls: Option<Vec<String>>,
    #[serde(default)]
    expired_at: Option<String>,
    #[serde(default)]
    statement: Option<String>,
}

pub(super) fn yaml(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Rule> {
    let file: File = match super::grype::yaml_of(text) {
        Ok(Some(file)) => file,
        Ok(None) => return Vec::new(),
        Err(reason) => {
            diagnostics.push(Diagnostic::new(0, reason));
            return Vec::new();
        }
    };
    let lists = [
        (file.vulnerabilities, Subject::Vulnerability),
        (file.misconfigurations, Subject::Config),
        (file.secrets, Subject::Secret),
        (file.licenses, Subject::License),
    ];
    let mut rules = Vec::new();
    for (list, subject) in lists {
        for entry in list.into_iter().flatten() {
            match rule_of(entry, subject) {
                Ok(rule) => rules.push(rule),
                Err(reason) => diagnostics.push(Diagnostic::new(0, reason)),
            }
        }
    }
    rules
}

fn rule_of(entry: Entry, subject: Subject) -> Result<Rule, String> {
    let mut rule = Rule::new(subject, entry.id);
    rule.paths = entry.paths.unwrap_or_default();
    for text in entry.purls.unwrap_or_default() {
        let purl = crate::purl::parse(&text)
            .map_err(|error| format!("{}: {error}: the rule is not applied", rule.id))?;
        rule.purls.push(purl);
    }
    if let Some(day) = entry.expired_at {
        let end = date(&day).ok_or_else(|| {
            format!(
                "{}: '{day}' is no date (YYYY-MM-DD): the rule is not applied",
                rule.id
            )
        })?;
        rule.expires = Some(end);
    }
    rule.reason = entry.statement.unwrap_or_default();
    Ok(rule)
}
