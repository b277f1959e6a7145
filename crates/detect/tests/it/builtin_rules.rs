//! The rules that come with Rampart: each has events for and against it, and raises what it says.

use rampart_detect::{Options, Priority, RuleFile, Rules, builtin, field::named::NamedEvent};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, path::PathBuf};

fn load() -> Rules {
    let files: Vec<_> = builtin::ALL
        .iter()
        .map(|(name, text)| RuleFile { name, text })
        .collect();
    let (rules, diagnostics) = Rules::load(&files, &Options::default());
    let shown: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
    rules
}

fn names(value: &Value) -> BTreeSet<String> {
    let all = value.as_array().into_iter().flatten();
    all.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// `expect` names every rule of a line, `about` the one a line is against.
#[test]
fn each_rule_raises_what_its_events_say() {
    let rules = load();
    let mut state = rules.state();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../rules/runtime/test");
    let (mut for_it, mut against) = (BTreeSet::new(), BTreeSet::new());
    let mut wrong = Vec::new();
    for (file, _) in builtin::ALL.iter().skip(1) {
        let path = folder.join(file.replace(".yaml", ".jsonl"));
        let text = std::fs::read_to_string(&path).unwrap();
        for (index, line) in text.lines().enumerate() {
            let mut fields: Map<String, Value> = serde_json::from_str(line).unwrap();
            let expected = names(&fields.shift_remove("expect").unwrap());
            if let Some(rule) = fields.shift_remove("about") {
                against.insert(rule.as_str().unwrap().to_owned());
            }
            for_it.extend(expected.iter().cloned());
            let event = NamedEvent::from_fields(&fields).unwrap();
            let mut found = BTreeSet::new();
            event.visit(1, 1_700_000_000_000_000_000, |event| {
                rules.matches(event, &mut state, |rule| {
                    found.insert(rule.name.clone());
                });
            });
            if found != expected {
                wrong.push(format!("{file}:{}: {expected:?} but {found:?}", index + 1));
            }
        }
    }
    for rule in rules.rules() {
        for (kind, seen) in [("for", &for_it), ("against", &against)] {
            if !seen.contains(&rule.name) {
                wrong.push(format!("no event {kind} '{}'", rule.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_rule_names_techniques_and_says_what_it_is() {
    for rule in load().rules() {
        let technique = |tag: &String| {
            let digits = tag.strip_prefix('T').unwrap_or_default();
            digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        };
        assert!(
            rule.tags.iter().any(technique),
            "{}: no technique",
            rule.name
        );
        assert!(
            rule.tags
                .iter()
                .any(|tag| tag == "container" || tag == "host")
        );
        assert!(rule.desc.len() > 20, "{}", rule.name);
        assert!(rule.priority <= Priority::Informational, "{}", rule.name);
        assert!(
            rule.types.len() <= 12,
            "{}: {:?}",
            rule.name,
            rule.types.len()
        );
    }
}
