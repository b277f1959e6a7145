//! `rampart conversation`: who talks to whom.

use super::print::{self, Column};
use crate::{client::with_client, settings::ServerArgs};
use anyhow::Result;
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  rampart conversation list -o json")]
pub(crate) struct ConversationArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Every pair of ends that talked
    List,
}

const COLUMNS: &[Column] = &[
    ("FROM", "from"),
    ("TO", "to"),
    ("PORTS", "ports"),
    ("APPLICATIONS", "applications"),
    ("SESSIONS", "sessions"),
    ("BYTES", "bytes"),
    ("VERDICT", "policy_action"),
];

pub(crate) fn run(args: ConversationArgs) -> Result<ExitCode> {
    let Command::List = args.command;
    with_client(&args.server, async |client| {
        let answer = client.get("/v1/conversation?verbose=true").await?;
        let rows = answer["conversations"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        print::rows(args.server.output, &rows, COLUMNS);
        Ok(())
    })
}
