//! Puts a database in its place: verified whole, never older than the one that is there, switched
//! by one rename. A reader that has the old file mapped keeps it; the next one maps the new.

use crate::state::{sync_folder, write_synced};
use rampart_model::Timestamp;
use rampart_vuln::db::{self, Database, DbError, Info, SigningKey, VerifyingKey};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Longest database file that is read.
const MAX_BYTES: u64 = 8 << 30;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstallOptions {
    /// Take an older version, or another file of the same version.
    pub allow_rollback: bool,
    /// Take one that is past its date.
    pub allow_expired: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("cannot read or write {path}{advice}")]
    Io {
        path: PathBuf,
        advice: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{path} is refused")]
    Refused {
        path: PathBuf,
        #[source]
        source: DbError,
    },
    #[error("{path} is longer than {MAX_BYTES} bytes")]
    TooLong { path: PathBuf },
    #[error(
        "version {offered} is older than the installed {installed}: an old database played again, or a publisher that went back; --allow-rollback takes it"
    )]
    Rollback { offered: u64, installed: u64 },
    #[error(
        "version {version} is installed with other contents: two databases of one version; --allow-rollback takes this one"
    )]
    SameVersion { version: u64 },
    #[error("the database is past its date: fetch a newer one")]
    Expired,
}

fn io_error(path: &Path, source: io::Error) -> PublishError {
    PublishError::Io {
        path: path.to_owned(),
        advice: if source.kind() == io::ErrorKind::StorageFull {
            ": no space left there"
        } else {
            ""
        },
        source,
    }
}

/// Signs a built file.
pub fn sign(bytes: &mut [u8], key: &SigningKey) -> Result<(), DbError> {
    db::sign(bytes, key)
}

/// A whole file into memory.
pub fn read(path: &Path) -> Result<Vec<u8>, PublishError> {
    let io = |source| io_error(path, source);
    let file = fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() > MAX_BYTES {
        return Err(PublishError::TooLong {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Opens and checks every page.
pub fn verify(
    path: &Path,
    bytes: Vec<u8>,
    keys: &[VerifyingKey],
) -> Result<Database, PublishError> {
    let refused = |source| PublishError::Refused {
        path: path.to_owned(),
        source,
    };
    let database = Database::open(Arc::new(bytes), keys).map_err(refused)?;
    database.verify_all().map_err(refused)?;
    Ok(database)
}

/// What is installed; `None` if nothing is, or nothing that can be opened.
pub fn installed(path: &Path, keys: &[VerifyingKey]) -> Option<Info> {
    let database = Database::open(Arc::new(read(path).ok()?), keys).ok()?;
    Some(database.info().clone())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// In place; the version that was there before, if any.
    New { info: Info, before: Option<u64> },
    /// The very same was there already.
    Same { info: Info },
}

impl Installed {
    pub fn info(&self) -> &Info {
        match self {
            Self::New { info, .. } | Self::Same { info } => info,
        }
    }
}

/// Verifies `bytes` and puts them at `target`. Whatever fails, the old file stays.
pub fn install(
    from: &Path,
    bytes: Vec<u8>,
    target: &Path,
    keys: &[VerifyingKey],
    options: InstallOptions,
    now: Timestamp,
) -> Result<Installed, PublishError> {
    let database = verify(from, bytes.clone(), keys)?;
    let info = database.info().clone();
    if info.is_expired(now) && !options.allow_expired {
        return Err(PublishError::Expired);
    }
    let before = installed(target, keys);
    if let Some(before) = &before {
        if before.version == info.version && before.digest == info.digest {
            return Ok(Installed::Same { info });
        }
        if before.version > info.version && !options.allow_rollback {
            return Err(PublishError::Rollback {
                offered: info.version,
                installed: before.version,
            });
        }
        if before.version == info.version && !options.allow_rollback {
            return Err(PublishError::SameVersion {
                version: info.version,
            });
        }
    }
    switch(&bytes, target, keys)?;
    Ok(Installed::New {
        info,
        before: before.map(|before| before.version),
    })
}

/// Writes beside the target, reads back, renames.
fn switch(bytes: &[u8], target: &Path, keys: &[VerifyingKey]) -> Result<(), PublishError> {
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let written = write_synced(&temporary, bytes)
        .map_err(|source| io_error(&temporary, source))
        .and_then(|()| verify(&temporary, read(&temporary)?, keys))
        .and_then(|_| fs::rename(&temporary, target).map_err(|source| io_error(target, source)));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    } else if let Some(folder) = target.parent() {
        sync_folder(folder);
    }
    written
}

/// Writes a file that nobody verifies here: the result of `db build -o`. Atomic all the same.
pub fn write(bytes: &[u8], target: &Path) -> Result<(), PublishError> {
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let written = write_synced(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, target))
        .map_err(|source| io_error(target, source));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
