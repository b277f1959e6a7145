//! `rampart group`: groups, their profiles and modes.

use super::print::{self, Column};
use crate::{client::with_client, settings::ServerArgs};
use anyhow::{Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart group list\n  rampart group profile nv.web.shop\n  rampart group mode nv.web.shop protect\n  rampart group mode nv.web.shop nv.db.shop monitor --only network"
)]
pub(crate) struct GroupArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Every group, its members and modes
    List,
    /// One group, whole
    Show { name: String },
    /// Its process profile
    Profile { name: String },
    /// Its file rules
    Files { name: String },
    /// Switch learned groups to a mode: NAME… MODE
    Mode {
        /// Learned groups (`nv.…`), then the mode: discover, monitor or protect
        #[arg(required = true, num_args = 2.., value_name = "NAME… MODE")]
        words: Vec<String>,
        /// Switch one half only
        #[arg(long, value_enum)]
        only: Option<Half>,
    },
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Half {
    /// Processes and files
    Profile,
    /// Network
    Network,
}

const COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("KIND", "kind"),
    ("NETWORK", "policy_mode"),
    ("PROCESS", "profile_mode"),
    ("BASELINE", "baseline_profile"),
    ("MEMBERS", "member_count"),
    ("SOURCE", "cfg_type"),
];
const PROFILE_COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("PATH", "path"),
    ("USER", "user"),
    ("ACTION", "action"),
    ("SOURCE", "cfg_type"),
];
const FILE_COLUMNS: &[Column] = &[
    ("FILTER", "filter"),
    ("RECURSIVE", "recursive"),
    ("BEHAVIOR", "behavior"),
    ("APPLICATIONS", "applications"),
    ("SOURCE", "cfg_type"),
];

pub(crate) fn run(args: GroupArgs) -> Result<ExitCode> {
    let output = args.server.output;
    with_client(&args.server, async |client| {
        match &args.command {
            Command::List => {
                let answer = client.get("/v1/group").await?;
                let mut rows = answer["groups"].as_array().cloned().unwrap_or_default();
                for row in &mut rows {
                    row["member_count"] = json!(row["members"].as_array().map_or(0, Vec::len));
                }
                print::rows(output, &rows, COLUMNS);
            }
            Command::Show { name } => {
                let answer = client.get(&format!("/v1/group/{name}")).await?;
                print::object(output, &answer["group"]);
            }
            Command::Profile { name } => {
                let answer = client.get(&format!("/v1/process_profile/{name}")).await?;
                list(
                    output,
                    &answer["process_profile"]["process_list"],
                    PROFILE_COLUMNS,
                );
            }
            Command::Files { name } => {
                let answer = client.get(&format!("/v1/file_monitor/{name}")).await?;
                list(output, &answer["profile"]["filters"], FILE_COLUMNS);
            }
            Command::Mode { words, only } => {
                let (path, body) = mode_change(words, *only)?;
                client.patch(path, body).await?;
                println!("switched");
            }
        }
        Ok(())
    })
}

fn list(output: crate::settings::Output, value: &Value, columns: &[Column]) {
    print::rows(
        output,
        &value.as_array().cloned().unwrap_or_default(),
        columns,
    );
}

/// The request that switches those groups.
fn mode_change(words: &[String], only: Option<Half>) -> Result<(&'static str, Value)> {
    let Some((mode, names)) = words.split_last() else {
        bail!("name groups, then a mode")
    };
    let Some(mode) = rampart_model::Mode::parse(mode) else {
        bail!("{mode:?} is no mode: the last word must be discover, monitor or protect");
    };
    let services: Vec<&str> = names
        .iter()
        .map(|name| name.strip_prefix("nv.").unwrap_or(name))
        .collect();
    let mut config = json!({"services": services});
    let path = match only {
        None => "/v1/service/config",
        Some(Half::Profile) => "/v1/service/config/profile",
        Some(Half::Network) => "/v1/service/config/network",
    };
    if !matches!(only, Some(Half::Profile)) {
        config["policy_mode"] = json!(mode.name());
    }
    if !matches!(only, Some(Half::Network)) {
        config["profile_mode"] = json!(mode.name());
    }
    Ok((path, json!({"config": config})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_words() {
        let words = ["nv.web.shop", "db.shop", "PROTECT"].map(str::to_owned);
        let (path, body) = mode_change(&words, None).unwrap();
        assert_eq!(path, "/v1/service/config");
        assert_eq!(
            body,
            json!({"config": {"services": ["web.shop", "db.shop"], "policy_mode": "Protect", "profile_mode": "Protect"}})
        );
        assert!(mode_change(&["nv.web".to_owned(), "on".to_owned()], None).is_err());
    }
}
