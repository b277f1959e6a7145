//! `rampart rules live`: the rules that enforcers have loaded, asked of a running controller.

use super::super::print::{self, Column};
use crate::{
    client::with_client,
    settings::{Output, ServerArgs},
};
use anyhow::Result;
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                  rampart rules live\n  \
                  rampart rules live --state silent\n  \
                  rampart rules live 'Shell in a container with a terminal' -o json")]
pub(super) struct LiveArgs {
    /// One rule, with its condition, the nodes and the newest incidents
    rule: Option<String>,
    /// Only rules that are live, silent or off
    #[arg(long, value_parser = ["live", "silent", "off"])]
    state: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: &[Column] = &[
    ("RULE", "name"),
    ("PRIORITY", "priority"),
    ("STATE", "state"),
    ("HITS", "hits"),
    ("INCIDENTS", "incidents"),
    ("LAST SEEN", "last_seen_at"),
    ("ATT&CK", "techniques"),
    ("NOTE", "reason"),
];
const NODES: &[Column] = &[
    ("NODE", "name"),
    ("STATE", "state"),
    ("HITS", "hits"),
    ("NOTE", "reason"),
];
const RECENT: &[Column] = &[
    ("TIME", "reported_at"),
    ("LEVEL", "level"),
    ("CONTAINER", "workload_name"),
    ("PROCESS", "proc_path"),
    ("MESSAGE", "message"),
];

pub(super) fn run(args: &LiveArgs) -> Result<ExitCode> {
    let output = args.server.output;
    with_client(&args.server, async |client| {
        match &args.rule {
            Some(name) => {
                let answer = client
                    .get(&format!("/v1/detection/rule/{}", segment(name)))
                    .await?;
                show(output, &answer["rule"]);
            }
            None => {
                let filter = args.state.as_ref().map(|state| format!("?f_state={state}"));
                let path = format!("/v1/detection/rule{}", filter.unwrap_or_default());
                let answer = client.get(&path).await?;
                print::rows(output, &list(&answer["rules"]), COLUMNS);
                if list(&answer["rules"]).is_empty() && args.state.is_none() {
                    eprintln!(
                        "no enforcer has loaded detection rules: start it with 'rampart up --rules builtin'"
                    );
                }
            }
        }
        Ok(())
    })
}

fn show(output: Output, rule: &Value) {
    if matches!(output, Output::Json) {
        return print::json(rule);
    }
    let mut facts = rule.clone();
    if let Value::Object(fields) = &mut facts {
        fields.retain(|key, value| {
            let empty = value.as_str().is_some_and(str::is_empty);
            !empty && !matches!(key.as_str(), "nodes" | "recent" | "last_seen_timestamp")
        });
    }
    print::object(output, &facts);
    println!();
    print::rows(output, &list(&rule["nodes"]), NODES);
    println!();
    print::rows(output, &list(&rule["recent"]), RECENT);
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// A name as one part of a path.
fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_one_part_of_a_path() {
        for (name, part) in [
            ("Shell in a container", "Shell%20in%20a%20container"),
            ("a/b?c#d%", "a%2Fb%3Fc%23d%25"),
            ("\u{e9}", "%C3%A9"),
        ] {
            assert_eq!(super::segment(name), part);
        }
    }
}
