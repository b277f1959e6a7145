//! Rampart: container security for Kubernetes and plain hosts, in one program.
//!
//! This crate is the rim: it reads settings, opens sockets and files, and wires components
//! together. What they do is in their own crates.

mod cli;
mod client;
mod commands;
mod database;
mod settings;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    end_quietly_when_nobody_reads();
    let cli = cli::Cli::read();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rampart: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `rampart … | head` ends when the reader has enough, as other programs do: the standard library
/// panics instead, because it ignores SIGPIPE.
fn end_quietly_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            std::process::exit(141);
        }
        usual(info);
    }));
}
