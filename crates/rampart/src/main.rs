//! Rampart: container security for Kubernetes and plain hosts, in one program.
//!
//! This crate is the rim: it reads settings, opens sockets and files, and wires components
//! together. What they do is in their own crates.

mod cli;
mod client;
mod commands;
mod settings;
mod up;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rampart: {error:#}");
            ExitCode::FAILURE
        }
    }
}
