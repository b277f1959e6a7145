//! What SQLite's errors mean to the store's callers.

use crate::StoreError;
use rusqlite::{Error, ErrorCode};
use std::path::{Path, PathBuf};

/// A file system with less free space than this is called full when a write to it failed.
const FULL_BELOW_BYTES: u64 = 1 << 20;

/// Turns engine errors into the store's, knowing which file they are about.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    path: PathBuf,
}

impl Faults {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The meaning of an error that came up while `doing` something.
    pub(crate) fn explain(&self, doing: &'static str, error: Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                self.corrupt(error.to_string())
            }
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if self.disk_is_full() => {
                StoreError::Full
            }
            Some(ErrorCode::OperationInterrupted) => StoreError::Unavailable {
                what: "the query took too long: narrow it",
            },
            Some(ErrorCode::TooBig) => StoreError::invalid("a value is too large"),
            _ => StoreError::io(doing, error),
        }
    }

    pub(crate) fn corrupt(&self, detail: impl Into<String>) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            detail: detail.into(),
        }
    }

    /// Not every way of running out of space has its own code: the shared memory file and fsync
    /// fail as plain I/O errors.
    fn disk_is_full(&self) -> bool {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        nix::sys::statvfs::statvfs(folder).is_ok_and(|fs| {
            fs.blocks_available().saturating_mul(fs.fragment_size()) < FULL_BELOW_BYTES
        })
    }
}
