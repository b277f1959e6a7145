//! `rampart db export`, `import` and `keygen`.

use crate::database::DatabaseArgs;
use anyhow::{Context, Result, bail};
use clap::Args;
use rampart_updater::{
    key, publish,
    publish::{InstallOptions, Installed},
    service::clock,
};
use std::{path::PathBuf, process::ExitCode};

#[derive(Args, Debug)]
#[command(
    after_help = "The file is the database itself, signature and all: copy it, and `rampart db import` it elsewhere.\nExample:\n  rampart db export /media/stick/vuln.db"
)]
pub(crate) struct ExportArgs {
    /// File to write
    file: PathBuf,

    /// Public key to write beside it, so that the other side can trust it: FILE.pub
    #[arg(long)]
    with_key: bool,
}

pub(crate) fn export(args: &ExportArgs, database: &DatabaseArgs) -> Result<ExitCode> {
    let from = database.installed();
    let bytes = publish::read(&from)?;
    let opened = publish::verify(&from, bytes.clone(), &database.trusted()?)?;
    publish::write(&bytes, &args.file)?;
    println!("{}: version {}", args.file.display(), opened.info().version);
    if args.with_key {
        let own = database.folder().join("keys").join("own.pub");
        let to = key::public_path(&args.file);
        std::fs::copy(&own, &to)
            .with_context(|| format!("cannot copy {} to {}", own.display(), to.display()))?;
        println!("{}: the key that signs here", to.display());
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart db import /media/stick/vuln.db\n  rampart db import vuln.db --db-key vuln.db.pub --trust"
)]
pub(crate) struct ImportArgs {
    /// Database file
    file: PathBuf,

    /// Take an older version than the installed one
    #[arg(long)]
    allow_rollback: bool,

    /// Take one that is past its date
    #[arg(long)]
    allow_expired: bool,

    /// Trust the keys of --db-key from now on: copies them into the data folder
    #[arg(long)]
    trust: bool,
}

pub(crate) fn import(args: &ImportArgs, database: &DatabaseArgs) -> Result<ExitCode> {
    let keys = database.trusted()?;
    let folder = database.folder();
    if keys.is_empty() {
        bail!(
            "nobody is trusted to sign a database: give the publisher's public key with --db-key, or put it in {}",
            folder.join("keys").display()
        );
    }
    std::fs::create_dir_all(folder.join("keys"))
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let options = InstallOptions {
        allow_rollback: args.allow_rollback,
        allow_expired: args.allow_expired,
    };
    let bytes = publish::read(&args.file)?;
    let installed = publish::install(
        &args.file,
        bytes,
        &database.installed(),
        &keys,
        options,
        clock(),
    )?;
    if args.trust {
        for key in database.named_keys()? {
            let name = format!("{}.pub", key::fingerprint(&key));
            key::write_public(&folder.join("keys").join(name), &key)?;
        }
    }
    let version = installed.info().version;
    match installed {
        Installed::New {
            before: Some(before),
            ..
        } => println!("version {version} is in place of {before}"),
        Installed::New { before: None, .. } => println!("version {version} is in place"),
        Installed::Same { .. } => println!("version {version} was in place already"),
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Args, Debug)]
#[command(
    after_help = "Writes the secret key (mode 0600) and, beside it, the public one: FILE.pub. Readers trust it by --db-key FILE.pub, or when it lies in their <data>/vuln/keys.\nExample:\n  rampart db keygen signing.key"
)]
pub(crate) struct KeygenArgs {
    /// File for the secret key; must not be there yet
    file: PathBuf,
}

pub(crate) fn keygen(args: &KeygenArgs) -> Result<ExitCode> {
    let public = key::generate(&args.file)?;
    println!("{}: secret key, keep it to yourself", args.file.display());
    println!(
        "{}: public key {} ({})",
        key::public_path(&args.file).display(),
        public
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
        key::fingerprint(&public)
    );
    Ok(ExitCode::SUCCESS)
}
