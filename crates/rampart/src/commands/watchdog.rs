//! `rampart watchdog`: the process `rampart up` starts beside itself. Not for people: it works on
//! descriptors it inherits.

use clap::Args;
use std::{ffi::OsString, process::ExitCode};

#[derive(Args, Debug)]
pub(crate) struct WatchdogArgs {
    /// As `rampart up` gives them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(args: &WatchdogArgs) -> anyhow::Result<ExitCode> {
    rampart_probe::run_watchdog(&args.arguments)?;
    Ok(ExitCode::SUCCESS)
}
