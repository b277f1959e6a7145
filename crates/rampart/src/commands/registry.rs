//! `rampart registry`: registries whose images are scanned.

use super::print::{self, Column};
use crate::{client::with_client, settings::ServerArgs};
use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart registry list\n  RAMPART_REGISTRY_PASSWORD=… rampart registry add shop https://registry.example --filter 'shop/*:*' --username ci\n  rampart registry scan shop\n  rampart registry show shop"
)]
pub(crate) struct RegistryArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Every registry, and how far its scan is
    List,
    /// Its images and what was found in them
    Show { name: String },
    /// Add one
    Add(Box<AddArgs>),
    /// List its images and scan what is new; --stop ends it
    Scan {
        name: String,
        #[arg(long)]
        stop: bool,
    },
    /// Forget it, and reports nothing else uses
    Delete { name: String },
}

#[derive(Args, Debug)]
struct AddArgs {
    name: String,
    /// https://HOST[:PORT]/
    url: String,
    /// Kind, as `GET /v1/list/registry_type` lists them
    #[arg(long, default_value = "Docker Registry")]
    kind: String,
    /// Which images: repository:tag, with *
    #[arg(long = "filter", value_name = "REPOSITORY:TAG", default_value = "*:*")]
    filters: Vec<String>,
    #[arg(
        long = "registry-username",
        alias = "username",
        value_name = "NAME",
        default_value = ""
    )]
    registry_username: String,
    /// Password or token of that user
    #[arg(
        long,
        env = "RAMPART_REGISTRY_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD",
        default_value = ""
    )]
    registry_password: String,
    /// manual, auto (new images soon) or periodical
    #[arg(long, default_value = "manual")]
    schedule: String,
    /// Seconds between two listings, with --schedule periodical
    #[arg(long, default_value_t = 3600)]
    interval: u32,
    /// Newest tags of each repository; 0 is all
    #[arg(long, default_value_t = 0)]
    tag_limit: u32,
    /// Do not match again after a database update
    #[arg(long)]
    no_rescan: bool,
}

const COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("KIND", "registry_type"),
    ("ADDRESS", "registry"),
    ("IMAGES", "images"),
    ("SCANNED", "scanned"),
    ("WAITING", "scheduled"),
    ("FAILED", "failed"),
    ("SCHEDULE", "schedule.schedule"),
    ("STATE", "status"),
    ("PROBLEM", "error_message"),
];
const IMAGES: &[Column] = &[
    ("IMAGE", "image"),
    ("CRITICAL", "critical"),
    ("HIGH", "high"),
    ("MEDIUM", "medium"),
    ("LOW", "low"),
    ("FIXABLE", "fixable"),
    ("SYSTEM", "base_os"),
    ("STATE", "status"),
    ("SCANNED", "scanned_at"),
];

fn add(args: &AddArgs) -> Value {
    json!({"config": {
        "name": args.name,
        "registry_type": args.kind,
        "registry": args.url,
        "filters": args.filters,
        "username": args.registry_username,
        "password": args.registry_password,
        "schedule": {"schedule": args.schedule, "interval": args.interval},
        "tag_limit": args.tag_limit,
        "rescan_after_db_update": !args.no_rescan,
        "scan_layers": true,
    }})
}

fn rows(answer: &Value, key: &str) -> Vec<Value> {
    answer[key].as_array().cloned().unwrap_or_default()
}

pub(crate) fn run(args: RegistryArgs) -> Result<ExitCode> {
    let output = args.server.output;
    with_client(&args.server, async |client| {
        match &args.command {
            Command::List => {
                let answer = client.get("/v1/scan/registry").await?;
                print::rows(output, &rows(&answer, "summarys"), COLUMNS);
            }
            Command::Show { name } => {
                let answer = client
                    .get(&format!("/v1/scan/registry/{name}/images"))
                    .await?;
                print::rows(output, &rows(&answer, "images"), IMAGES);
            }
            Command::Add(args) => {
                let body = Some(add(args));
                client.send(Method::POST, "/v1/scan/registry", body).await?;
                println!("added");
            }
            Command::Scan { name, stop } => {
                let method = if *stop { Method::DELETE } else { Method::POST };
                client
                    .send(method, &format!("/v1/scan/registry/{name}/scan"), None)
                    .await?;
                println!("{}", if *stop { "stopped" } else { "started" });
            }
            Command::Delete { name } => {
                client
                    .send(Method::DELETE, &format!("/v1/scan/registry/{name}"), None)
                    .await?;
                println!("deleted");
            }
        }
        Ok(())
    })
}
