//! Opens the vulnerability database: mapped, and only if somebody we trust signed it.
//!
//! Where it lies: `--db FILE`, or `<data>/vuln/vuln.db` as the updater keeps it. Who is trusted:
//! `--db-key FILE`, and every `*.pub` in `<data>/vuln/keys`.

use crate::settings;
use anyhow::{Context, Result, bail};
use clap::Args;
use rampart_probe::mapped::MappedFile;
use rampart_updater::{key, service};
use rampart_vuln::db::{Database, VerifyingKey};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Which database, and who may have signed it.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatabaseArgs {
    /// Data folder whose database and trusted keys are used
    /// [default: /var/lib/rampart for root, ~/.local/share/rampart for others]
    #[arg(long, env = "RAMPART_DATA", value_name = "DIR", global = true)]
    data: Option<PathBuf>,

    /// Public key to trust, besides those of the data folder: a file, or the key's 64 hex digits
    #[arg(long, env = "RAMPART_DB_KEY", value_name = "FILE|HEX", global = true)]
    db_key: Vec<String>,

    /// Take a database that nobody signed
    #[arg(long, env = "RAMPART_DB_UNSIGNED", global = true)]
    allow_unsigned: bool,
}

/// Keys as they are named on a command line: files, or hexadecimal digits.
fn named_keys(texts: &[String]) -> Result<Vec<VerifyingKey>> {
    let mut keys = Vec::new();
    for text in texts {
        match key::from_hex(text) {
            Some(key) => keys.push(key),
            None => keys.extend(key::public(Path::new(text))?),
        }
    }
    Ok(keys)
}

/// The database of a data folder, and who may have signed it: the keys of that folder and others.
pub(crate) fn of_data(data: &Path, named: &[String]) -> Result<(PathBuf, Vec<VerifyingKey>)> {
    let folder = data.join("vuln");
    let mut keys = named_keys(named)?;
    keys.extend(key::trusted(&folder.join("keys"))?);
    Ok((folder.join(service::FILE), keys))
}

impl DatabaseArgs {
    /// The updater's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.data
            .clone()
            .unwrap_or_else(settings::default_data)
            .join("vuln")
    }

    pub(crate) fn installed(&self) -> PathBuf {
        self.folder().join(service::FILE)
    }

    /// Keys named on the command line.
    pub(crate) fn named_keys(&self) -> Result<Vec<VerifyingKey>> {
        named_keys(&self.db_key)
    }

    pub(crate) fn trusted(&self) -> Result<Vec<VerifyingKey>> {
        let mut keys = self.named_keys()?;
        keys.extend(key::trusted(&self.folder().join("keys"))?);
        Ok(keys)
    }

    /// Opens `file`, or the installed database.
    pub(crate) fn open(&self, file: Option<&Path>) -> Result<Database> {
        let path = file.map_or_else(|| self.installed(), Path::to_owned);
        if file.is_none() && !path.exists() {
            bail!(
                "no vulnerability database at {}: `rampart db update` fetches one, `rampart db import FILE` takes one over",
                path.display()
            );
        }
        let mapped = MappedFile::open(&path)
            .with_context(|| format!("cannot open the database {}", path.display()))?;
        let bytes: rampart_vuln::db::Bytes = Arc::new(mapped);
        let opened = if self.allow_unsigned {
            Database::open_unsigned(bytes)
        } else {
            Database::open(bytes, &self.trusted()?)
        };
        opened.with_context(|| format!("{} is refused", path.display()))
    }
}
