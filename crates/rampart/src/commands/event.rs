//! `rampart event`: what was kept.

use super::print::{self, Column};
use crate::{client::with_client, settings::ServerArgs};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart event list\n  rampart event list --kind incident --level Critical --limit 20\n  rampart event list --kind violation -o json | jq ."
)]
pub(crate) struct EventArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Newest first
    List {
        #[arg(long, value_enum, default_value_t = Kind::Incident)]
        kind: Kind,
        /// This level only
        #[arg(long)]
        level: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Kind {
    Incident,
    Violation,
    Threat,
    Audit,
    Activity,
    Event,
}

const INCIDENT: &[Column] = &[
    ("TIME", "reported_at"),
    ("LEVEL", "level"),
    ("NAME", "name"),
    ("WORKLOAD", "workload_name"),
    ("PROCESS", "proc_path"),
    ("FILE", "file_path"),
    ("ACTION", "action"),
    ("BY", "mechanism"),
];
const VIOLATION: &[Column] = &[
    ("TIME", "reported_at"),
    ("CLIENT", "client_name"),
    ("SERVER", "server_name"),
    ("PORT", "server_port"),
    ("ACTION", "policy_action"),
    ("BY", "mechanism"),
];
const OTHER: &[Column] = &[
    ("TIME", "reported_at"),
    ("LEVEL", "level"),
    ("NAME", "name"),
    ("USER", "user"),
    ("WORKLOAD", "workload_name"),
    ("MESSAGE", "message"),
];

impl Kind {
    /// Path, envelope and columns.
    fn shape(self) -> (&'static str, &'static str, &'static [Column]) {
        match self {
            Self::Incident => ("incident", "incidents", INCIDENT),
            Self::Violation => ("violation", "violations", VIOLATION),
            Self::Threat => ("threat", "threats", OTHER),
            Self::Audit => ("audit", "audits", OTHER),
            Self::Activity => ("activity", "events", OTHER),
            Self::Event => ("event", "events", OTHER),
        }
    }
}

pub(crate) fn run(args: EventArgs) -> Result<ExitCode> {
    let Command::List { kind, level, limit } = &args.command;
    let (path, envelope, columns) = kind.shape();
    with_client(&args.server, async |client| {
        let mut query = format!("/v1/log/{path}?start=0&limit={limit}");
        if let Some(level) = level {
            query.push_str(&format!("&f_level={level}"));
        }
        let answer = client.get(&query).await?;
        print::rows(
            args.server.output,
            &answer[envelope].as_array().cloned().unwrap_or_default(),
            columns,
        );
        Ok(())
    })
}
