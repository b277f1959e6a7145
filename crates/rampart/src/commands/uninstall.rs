//! `rampart uninstall`: ends what goes on enforcing when no agent runs.

use anyhow::{Context, Result};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Args, Debug)]
#[command(
    after_help = "Where the kernel has BPF-LSM, policies stay in force when the agent is stopped, killed or\n\
                  upgraded. This command ends that: it removes every kernel program and map of Rampart.\n\
                  Stop the agent first, or it goes on with what it holds. Data folders are left.\n\
                  Exit codes: 0 nothing is left, 1 it could not be removed.\n\
                  Example:\n  sudo rampart uninstall"
)]
pub(crate) struct UninstallArgs {
    /// Folder of the BPF file system that holds them
    #[arg(long, value_name = "DIR", default_value = rampart_probe::PIN_DIR)]
    pin_dir: PathBuf,
}

pub(crate) fn run(args: &UninstallArgs) -> Result<ExitCode> {
    let removed = rampart_probe::uninstall(&args.pin_dir).with_context(|| {
        format!(
            "cannot remove what is pinned in {}: run it as root",
            args.pin_dir.display()
        )
    })?;
    match removed {
        0 => println!("nothing is pinned in {}", args.pin_dir.display()),
        _ => println!("removed {removed} kernel programs and maps: nothing is enforced any more"),
    }
    Ok(ExitCode::SUCCESS)
}
