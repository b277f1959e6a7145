//! `rampart workload`: containers.

use super::print::{self, Column};
use crate::{client::with_client, settings::ServerArgs};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart workload list\n  rampart workload processes 3f9a…\n  rampart workload quarantine 3f9a…"
)]
pub(crate) struct WorkloadArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Every container, with its group and modes
    List,
    /// One container, whole
    Show { id: String },
    /// Its live processes
    Processes { id: String },
    /// Cut it off from the network
    Quarantine { id: String },
    /// Let it back on the network
    Release { id: String },
}

const COLUMNS: &[Column] = &[
    ("ID", "short_id"),
    ("NAME", "display_name"),
    ("IMAGE", "image"),
    ("GROUP", "service_group"),
    ("NETWORK", "policy_mode"),
    ("PROCESS", "profile_mode"),
    ("STATE", "state"),
    ("NODE", "host_name"),
];

const PROCESS_COLUMNS: &[Column] = &[
    ("PID", "pid"),
    ("PARENT", "parent"),
    ("USER", "user"),
    ("ACTION", "action"),
    ("STATUS", "status"),
    ("COMMAND", "cmdline"),
];

pub(crate) fn run(args: WorkloadArgs) -> Result<ExitCode> {
    let output = args.server.output;
    with_client(&args.server, async |client| {
        match &args.command {
            Command::List => {
                let mut answer = client.get("/v1/workload").await?;
                let mut rows: Vec<Value> = answer["workloads"]
                    .as_array_mut()
                    .map(std::mem::take)
                    .unwrap_or_default();
                for row in &mut rows {
                    let short: String = row["id"]
                        .as_str()
                        .unwrap_or_default()
                        .chars()
                        .take(12)
                        .collect();
                    row["short_id"] = json!(short);
                }
                print::rows(output, &rows, COLUMNS);
            }
            Command::Show { id } => {
                let answer = client.get(&format!("/v1/workload/{id}")).await?;
                print::object(output, &answer["workload"]);
            }
            Command::Processes { id } => {
                let answer = client.get(&format!("/v1/workload/{id}/process")).await?;
                let rows = answer["processes"].as_array().cloned().unwrap_or_default();
                print::rows(output, &rows, PROCESS_COLUMNS);
            }
            Command::Quarantine { id } => quarantine(client, id, true).await?,
            Command::Release { id } => quarantine(client, id, false).await?,
        }
        Ok(())
    })
}

async fn quarantine(client: &crate::client::Client, id: &str, on: bool) -> Result<()> {
    client
        .patch(
            &format!("/v1/workload/{id}"),
            json!({"config": {"quarantine": on}}),
        )
        .await?;
    println!("{id} is {}", if on { "quarantined" } else { "released" });
    Ok(())
}
