//! `rampart doctor`: what this machine can see and block, and what is missing.

use super::print;
use crate::settings::Output;
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 blocking works here, 1 it does not.\nExample:\n  sudo rampart doctor"
)]
pub(crate) struct DoctorArgs {
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(crate) fn run(args: &DoctorArgs) -> Result<ExitCode> {
    let found = rampart_probe::detect();
    let rows: Vec<_> = found
        .capabilities
        .iter()
        .map(|c| {
            json!({
                "name": c.name,
                "strength": c.strength,
                "mechanism": c.mechanism.map(rampart_model::Mechanism::name),
                "note": c.note,
            })
        })
        .collect();
    match args.output {
        Output::Json => print::json(&json!({
            "kernel": found.kernel,
            "tier": found.tier.name(),
            "capabilities": rows,
            "missing": found.reasons,
        })),
        Output::Table => {
            println!("Kernel  {}\nTier    {}", found.kernel, found.tier);
            print::rows(
                args.output,
                &rows,
                &[
                    ("RULE KIND", "name"),
                    ("STRENGTH", "strength"),
                    ("MECHANISM", "mechanism"),
                    ("NOTE", "note"),
                ],
            );
            for reason in &found.reasons {
                println!("missing: {reason}");
            }
        }
    }
    let blocks = found.tier >= rampart_model::Tier::Fanotify;
    Ok(if blocks {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
