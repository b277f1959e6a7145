//! `rampart db`: builds, fetches, checks and searches the vulnerability database.

mod build;
mod feeds;
mod progress;
mod show;
mod transfer;

pub(crate) use build::{duration, runtime};
pub(crate) use feeds::{NetworkArgs, inputs};

use crate::database::DatabaseArgs;
use anyhow::Result;
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Done, but some feeds are not current.
pub(crate) const NOT_CURRENT: u8 = 5;

#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 5 done but some feeds are not current or whole.\n\
    Examples:\n  \
    rampart db update                                    fetch what can be reached, and build\n  \
    rampart db update --source https://mirror/vuln.db    take a published database\n  \
    rampart db build --feed debian=tracker.json --feed kev=kev.json -o vuln.db --key signing.key\n  \
    rampart db info                                      how old it is and what is in it\n  \
    rampart db search CVE-2024-3094\n  \
    rampart db export vuln.db && rampart db import vuln.db    over the air gap"
)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Build a database from feeds: folders, files, archives or addresses
    Build(Box<build::BuildArgs>),
    /// Fetch a published database, or the feeds, and put the result in place
    Update(Box<build::UpdateArgs>),
    /// Version, age, rows by bucket, feeds with their state
    Info(show::InfoArgs),
    /// Check signature and every page
    Verify(show::VerifyArgs),
    /// Look up a CVE, an advisory or a package
    Search(show::SearchArgs),
    /// Rows that one database has and another has not
    Diff(show::DiffArgs),
    /// Write the installed database to a file, for machines without a network
    Export(transfer::ExportArgs),
    /// Put a database from a file in place
    Import(transfer::ImportArgs),
    /// Make a key pair for signing databases
    Keygen(transfer::KeygenArgs),
    /// The feeds there are
    Feeds(feeds::FeedsArgs),
}

pub(crate) fn run(args: DbArgs) -> Result<ExitCode> {
    let database = args.database;
    match args.command {
        Command::Build(args) => build::build(*args),
        Command::Update(args) => build::update(*args, &database),
        Command::Info(args) => show::info(&args, &database),
        Command::Verify(args) => show::verify(&args, &database),
        Command::Search(args) => show::search(&args, &database),
        Command::Diff(args) => show::diff(&args, &database),
        Command::Export(args) => transfer::export(&args, &database),
        Command::Import(args) => transfer::import(&args, &database),
        Command::Keygen(args) => transfer::keygen(&args),
        Command::Feeds(args) => feeds::list(&args),
    }
}
