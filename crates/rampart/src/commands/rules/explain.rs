//! `rampart rules explain`: one rule with all it is made of.

use super::{print, source::Loaded};
use crate::settings::Output;
use anyhow::{Result, bail};
use rampart_detect::Rule;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

pub(super) fn run(loaded: &Loaded, name: &str, output: Output) -> Result<ExitCode> {
    let all = loaded.rules.rules();
    let named = |rule: &&Rule| rule.name.eq_ignore_ascii_case(name);
    let Some(rule) = all.iter().find(named) else {
        loaded.tell();
        let lower = name.to_lowercase();
        let near: Vec<_> = all
            .iter()
            .filter(|rule| rule.name.to_lowercase().contains(&lower))
            .map(|rule| format!("'{}'", rule.name))
            .take(5)
            .collect();
        match near.is_empty() {
            true => bail!("no rule '{name}': 'rampart rules list' has them all"),
            false => bail!("no rule '{name}': did you mean {}?", near.join(" or ")),
        }
    };
    let parts = loaded.rules.parts(rule);
    let types: Vec<_> = rule.types.iter().map(|kind| kind.name()).collect();
    let macros: Map<String, Value> = parts
        .macros
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Value::from(one_line(text))))
        .collect();
    let lists: Map<String, Value> = parts
        .lists
        .iter()
        .map(|(name, items)| ((*name).to_owned(), json!(items)))
        .collect();
    if output == Output::Json {
        print::json(&json!({
            "rule": rule.name,
            "desc": rule.desc,
            "priority": rule.priority.name(),
            "enabled": rule.enabled,
            "source": rule.source,
            "tags": rule.tags,
            "events": types,
            "condition": one_line(&rule.condition),
            "macros": macros,
            "lists": lists,
            "exceptions": rule.exceptions,
            "output": one_line(&rule.output),
            "output_fields": rule.output_fields().collect::<Vec<_>>(),
            "file": rule.file,
            "line": rule.line,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    table(rule, &types, &macros, &lists);
    Ok(ExitCode::SUCCESS)
}

fn table(rule: &Rule, types: &[&str], macros: &Map<String, Value>, lists: &Map<String, Value>) {
    let state = if rule.enabled { "on" } else { "off" };
    let print = |name: &str, value: &str| {
        println!("{name:<11} {}", print::printable(value));
    };
    print("rule", &rule.name);
    print("priority", &format!("{}, {state}", rule.priority));
    print("tags", &rule.tags.join(", "));
    print("from", &format!("{}:{}", rule.file, rule.line));
    print("events", &types.join(" "));
    println!("\n{}\n", print::printable(&one_line(&rule.desc)));
    print("condition", &one_line(&rule.condition));
    if !rule.exceptions.is_empty() {
        print("exceptions", &rule.exceptions.join(", "));
    }
    for (name, text) in macros {
        println!();
        print("macro", name);
        print("", text.as_str().unwrap_or_default());
    }
    for (name, items) in lists {
        let items: Vec<_> = items
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        println!();
        print("list", name);
        print("", &items.join(", "));
    }
    println!();
    print("output", &one_line(&rule.output));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
