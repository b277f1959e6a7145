//! `rampart node`: nodes, what they can enforce, and what they lost.

use super::print::{self, Column};
use crate::{client::with_client, settings::ServerArgs};
use anyhow::Result;
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rampart node list\n  rampart node show NODE-ID")]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Every node, its tier and its drops
    List,
    /// One node: what each rule kind is enforced with
    Show { id: String },
}

const COLUMNS: &[Column] = &[
    ("ID", "id"),
    ("NAME", "host_name"),
    ("STATE", "connection_state"),
    ("TIER", "tier"),
    ("EVENTS", "counters.events_received"),
    ("DROPPED", "counters.events_dropped"),
    ("EXECS DENIED", "counters.execs_denied"),
    ("KILLED", "counters.killed_at_exec"),
    ("CONNECTS DENIED", "counters.connects_denied"),
    ("FAILED OPEN", "counters.failed_open"),
];
const CAPABILITY: &[Column] = &[
    ("RULE KIND", "name"),
    ("STRENGTH", "strength"),
    ("MECHANISM", "mechanism"),
    ("NOTE", "note"),
];

pub(crate) fn run(args: NodeArgs) -> Result<ExitCode> {
    let output = args.server.output;
    with_client(&args.server, async |client| {
        match &args.command {
            Command::List => {
                let answer = client.get("/v1/enforcer").await?;
                print::rows(
                    output,
                    &answer["enforcers"].as_array().cloned().unwrap_or_default(),
                    COLUMNS,
                );
            }
            Command::Show { id } => {
                let answer = client.get(&format!("/v1/enforcer/{id}")).await?;
                let rows = answer["enforcer"]["capabilities"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                print::rows(output, &rows, CAPABILITY);
            }
        }
        Ok(())
    })
}
