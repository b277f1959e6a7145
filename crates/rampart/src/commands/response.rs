//! `rampart response`: response rules, what is done by itself about an event.

use super::print::{self, Column};
use crate::{client::with_client, settings::ServerArgs};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart response list\n  rampart response create --event security-event --group nv.web.shop --condition name:Container.Suspicious.Process --action quarantine\n  rampart response disable 3\n  rampart response release 3"
)]
pub(crate) struct ResponseArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Every rule, in order
    List,
    /// One rule, whole
    Show { id: u32 },
    /// What rules can be made of: events, conditions, names and levels
    Options,
    /// Add a rule, last by default
    Create {
        /// security-event, event or cve-report
        #[arg(long)]
        event: String,
        /// Only containers of this group
        #[arg(long, default_value = "")]
        group: String,
        /// `type:value`, such as `level:Critical` or `cve-high:5`; all must hold
        #[arg(long = "condition", value_parser = condition)]
        conditions: Vec<Value>,
        /// quarantine or suppress-log
        #[arg(long = "action", required = true)]
        actions: Vec<String>,
        #[arg(long, default_value = "")]
        comment: String,
        /// After this rule's number; 0 is first
        #[arg(long)]
        after: Option<u32>,
        /// Make it, but do not act on it yet
        #[arg(long)]
        disabled: bool,
    },
    /// Put a rule elsewhere
    Move {
        id: u32,
        /// After this rule's number; 0 is first
        #[arg(long)]
        after: u32,
    },
    /// Turn rules on
    Enable { ids: Vec<u32> },
    /// Turn rules off, and keep them
    Disable { ids: Vec<u32> },
    /// Delete rules; containers they cut off stay so
    Delete { ids: Vec<u32> },
    /// Let the containers a rule cut off back on the network
    Release { id: u32 },
}

const RULES: &str = "/v1/response/rule";

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("EVENT", "event"),
    ("GROUP", "group"),
    ("CONDITIONS", "when"),
    ("ACTIONS", "actions"),
    ("DISABLED", "disable"),
    ("MATCHES", "match_counter"),
    ("COMMENT", "comment"),
];

const OPTION_COLUMNS: &[Column] = &[
    ("EVENT", "event"),
    ("CONDITIONS", "types"),
    ("NAMES", "name"),
    ("LEVELS", "level"),
];

/// `level:Critical` as the API has it.
fn condition(text: &str) -> Result<Value, String> {
    let (kind, value) = text
        .split_once(':')
        .ok_or("a condition is `type:value`, such as level:Critical")?;
    Ok(json!({"type": kind, "value": value}))
}

pub(crate) fn run(args: ResponseArgs) -> Result<ExitCode> {
    let output = args.server.output;
    with_client(&args.server, async |client| {
        match &args.command {
            Command::List => {
                let answer = client.get(RULES).await?;
                print::rows(output, &described(&answer["rules"]), COLUMNS);
            }
            Command::Show { id } => {
                let answer = client.get(&format!("{RULES}/{id}")).await?;
                print::object(output, &answer["rule"]);
            }
            Command::Options => {
                let answer = client.get("/v1/response/options").await?;
                print::rows(output, &options(&answer), OPTION_COLUMNS);
            }
            Command::Create { after, .. } => {
                let rule = made(&args.command);
                let body = json!({"insert": {"after": after, "rules": [rule]}});
                client.patch(RULES, body).await?;
                println!("created");
            }
            Command::Move { id, after } => {
                let body = json!({"move": {"id": id, "after": after}});
                client.patch(RULES, body).await?;
                println!("moved");
            }
            Command::Enable { ids } => switch(client, ids, false).await?,
            Command::Disable { ids } => switch(client, ids, true).await?,
            Command::Delete { ids } => {
                client.patch(RULES, json!({"delete": ids})).await?;
                println!("deleted");
            }
            Command::Release { id } => {
                let body = json!({"request": {"unquarantine": {"response_rule": id}}});
                client
                    .send(reqwest::Method::POST, "/v1/system/request", Some(body))
                    .await
                    .context("the containers are not released")?;
                println!("released");
            }
        }
        Ok(())
    })
}

fn made(command: &Command) -> Value {
    let Command::Create {
        event,
        group,
        conditions,
        actions,
        comment,
        disabled,
        ..
    } = command
    else {
        return Value::Null;
    };
    json!({"id": 0, "event": event, "group": group, "conditions": conditions, "actions": actions,
        "comment": comment, "disable": disabled})
}

/// Rules with their conditions in one text.
fn described(rules: &Value) -> Vec<Value> {
    let mut rows = rules.as_array().cloned().unwrap_or_default();
    for row in &mut rows {
        let conditions = row["conditions"].as_array().into_iter().flatten();
        let text = |c: &Value| {
            let part = |field: &str| c[field].as_str().unwrap_or_default().to_owned();
            format!("{}:{}", part("type"), part("value"))
        };
        let when: Vec<String> = conditions.map(text).collect();
        row["when"] = json!(when.join(", "));
    }
    rows
}

fn options(answer: &Value) -> Vec<Value> {
    let options = answer["response_rule_options"].as_object();
    let row = |(event, options): (&String, &Value)| {
        let mut row = options.clone();
        row["event"] = json!(event);
        row
    };
    options.into_iter().flatten().map(row).collect()
}

async fn switch(client: &crate::client::Client, ids: &[u32], off: bool) -> Result<()> {
    for id in ids {
        let body = json!({"config": {"id": id, "disable": off}});
        client.patch(&format!("{RULES}/{id}"), body).await?;
        println!("{id} is {}", if off { "off" } else { "on" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_written_and_shown_alike() {
        let parsed = condition("name:D.5.4:x").unwrap();
        assert_eq!(parsed, json!({"type": "name", "value": "D.5.4:x"}));
        assert!(condition("level").is_err());
        let rules = json!([{"id": 1, "conditions": [parsed, {"type": "level", "value": "Error"}]}, {"id": 2}]);
        let rows = described(&rules);
        assert_eq!(rows[0]["when"], "name:D.5.4:x, level:Error");
        assert_eq!(rows[1]["when"], "");
    }
}
