//! `rampart rule`: network rules, in the order they are matched.

use super::print::{self, Column};
use crate::{client::with_client, settings::ServerArgs};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart rule list\n  rampart rule add --from nv.web.shop --to nv.db.shop --ports tcp/6379 --action allow\n  rampart rule delete 10003"
)]
pub(crate) struct RuleArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Every rule
    List,
    /// Add one, first by default
    Add {
        #[arg(long)]
        from: String,
        #[arg(long)]
        to: String,
        /// `any`, `tcp/80`, `udp/53-60`, `icmp`, comma-separated
        #[arg(long, default_value = "any")]
        ports: String,
        #[arg(long, value_parser = ["allow", "deny"])]
        action: String,
        /// After this rule's number
        #[arg(long, default_value_t = 0)]
        after: u32,
    },
    /// Delete rules by number
    Delete { ids: Vec<u32> },
}

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("FROM", "from"),
    ("TO", "to"),
    ("PORTS", "ports"),
    ("APPLICATIONS", "applications"),
    ("ACTION", "action"),
    ("SOURCE", "cfg_type"),
    ("DISABLED", "disable"),
];

pub(crate) fn run(args: RuleArgs) -> Result<ExitCode> {
    let output = args.server.output;
    with_client(&args.server, async |client| {
        match &args.command {
            Command::List => {
                let answer = client.get("/v1/policy/rule").await?;
                print::rows(
                    output,
                    &answer["rules"].as_array().cloned().unwrap_or_default(),
                    COLUMNS,
                );
            }
            Command::Add {
                from,
                to,
                ports,
                action,
                after,
            } => {
                let rule = json!({"id": 0, "from": from, "to": to, "ports": ports, "action": action, "applications": ["any"]});
                client
                    .patch(
                        "/v1/policy/rule",
                        json!({"insert": {"after": after, "rules": [rule]}}),
                    )
                    .await?;
                println!("added");
            }
            Command::Delete { ids } => {
                client
                    .patch("/v1/policy/rule", json!({"delete": ids}))
                    .await?;
                println!("deleted");
            }
        }
        Ok(())
    })
}
