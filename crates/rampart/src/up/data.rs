//! The data folder: made private, identified, and explained when it cannot be used.

use anyhow::{Context, Result, anyhow};
use rampart_store::StoreError;
use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path};

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
        StoreError::Full => "free some space on that file system and start again",
        _ => "check the data folder's owner and file system",
    };
    anyhow::Error::new(error).context(format!("cannot open the store: {advice}"))
}
