//! The data folder: made private, identified, and explained when it cannot be used.

use anyhow::{Context, Result, anyhow};
use rampart_store::{
    StoreError,
    sealed::{Resealed, Sealed, keyring::Keyring},
    sqlite::Sqlite,
};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Makes the folder, readable by its owner only.
pub(crate) fn prepare(data: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(|error| {
            let advice = if error.kind() == io::ErrorKind::PermissionDenied {
                ": run as root, or choose a folder of yours with --data"
            } else {
                ""
            };
            anyhow!(
                "cannot make the data folder {} ({error}){advice}",
                data.display()
            )
        })
}

/// An id that stays over restarts.
pub(crate) fn install_id(data: &Path) -> Result<String> {
    let path = data.join("install-id");
    if let Ok(id) = fs::read_to_string(&path)
        && !id.trim().is_empty()
    {
        return Ok(id.trim().to_owned());
    }
    let id = uuid::Uuid::new_v4().simple().to_string();
    fs::write(&path, &id).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(id)
}

/// What a scanner elsewhere must show: made once, readable by the owner only.
pub(crate) fn scanner_token(data: &Path) -> Result<String> {
    let path = data.join("scanner-token");
    if let Ok(token) = fs::read_to_string(&path)
        && token.trim().len() >= 32
    {
        return Ok(token.trim().to_owned());
    }
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(token.as_bytes())?;
    Ok(token)
}

/// Where the keys of the store's secrets lie.
pub(crate) fn key_file(data: &Path) -> PathBuf {
    data.join("secret.key")
}

/// The store with its secrets sealed; those an older Rampart or an older key wrote are sealed anew.
pub(crate) async fn sealed(data: &Path, store: Arc<Sqlite>) -> Result<Sealed> {
    let ring = Keyring::load_or_make(&key_file(data)).map_err(explain_store)?;
    let (sealed, done) = Sealed::open(store, ring, rampart_controller::app::SECRET_KEYS)
        .await
        .map_err(explain_store)?;
    if done != Resealed::default() {
        tracing::info!(
            plain = done.plain,
            old_key = done.old_key,
            "secrets in the store are sealed with the newest key"
        );
    }
    Ok(sealed)
}

pub(crate) fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

/// Says what to do, beside what the store says went wrong.
pub(crate) fn explain_store(error: StoreError) -> anyhow::Error {
    let advice = match &error {
        StoreError::Locked { .. } => "stop the other one, or choose another folder with --data",
        StoreError::Newer { .. } => {
            "it was written by a newer Rampart: start that version, or restore a backup"
        }
        StoreError::Corrupt { .. } => {
            "move it aside and restore a backup; the rest of the data folder stays as it is"
        }
        StoreError::Unsealable { .. } => "its secrets and its key file do not belong together",
        StoreError::KeyFile { .. } => {
            "restore it from a backup of the data folder; a new one would make the credentials of registries unreadable"
        }
        StoreError::Full => "free some space on that file system and start again",
        _ => "check the data folder's owner and file system",
    };
    anyhow::Error::new(error).context(format!("cannot open the store: {advice}"))
}
