//! `rampart key`: the keys that secrets in the store are sealed with.

use super::print;
use crate::{
    settings::{Output, default_data},
    up::data::{explain_store, key_file},
};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use rampart_store::sealed::keyring::Keyring;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

#[derive(Args, Debug)]
#[command(
    after_help = "The keys lie in the data folder, secret.key. Back that file up with the store: without it the\n\
    credentials of registries must be set anew.\n\
    Examples:\n  \
    sudo rampart key list\n  \
    sudo rampart key rotate && sudo systemctl restart rampart"
)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: Command,

    /// Data folder of the controller
    /// [default: /var/lib/rampart for root, ~/.local/share/rampart for others]
    #[arg(long, env = "RAMPART_DATA", value_name = "DIR", global = true)]
    data: Option<PathBuf>,

    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table, global = true)]
    output: Output,
}

#[derive(Subcommand, Clone, Copy, Debug)]
enum Command {
    /// Names of the keys, never the keys
    List,
    /// Make a new key; the controller seals everything with it when it starts the next time
    Rotate,
}

pub(crate) fn run(args: KeyArgs) -> Result<ExitCode> {
    let path = key_file(&args.data.unwrap_or_else(default_data));
    let Some(ring) = Keyring::load(&path).map_err(explain_store)? else {
        bail!(
            "there is no {}: `rampart up` makes one at its first start; name another data folder with --data",
            path.display()
        );
    };
    match args.command {
        Command::List => {
            let names = ring.names();
            let newest = names.last().cloned().unwrap_or_default();
            let rows: Vec<_> = names
                .iter()
                .map(|name| json!({"key": name, "seals": *name == newest}))
                .collect();
            print::rows(args.output, &rows, &[("KEY", "key"), ("SEALS", "seals")]);
        }
        Command::Rotate => {
            let name = Keyring::rotate(&path).map_err(explain_store)?;
            match args.output {
                Output::Json => println!("{}", json!({"key": name})),
                Output::Table => println!(
                    "{name} is the newest key. Restart the controller: it seals everything with it as it starts."
                ),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
