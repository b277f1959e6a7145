//! One process owns a store. The lock is `flock` on a file beside it, so the kernel frees it when
//! the owner dies in whatever way; the file tells who owns it and how the last owner ended.

use crate::StoreError;
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Much more than the file ever holds.
const MAX_LOCK_FILE: u64 = 4096;
const CLEAN: &str = "closed cleanly";
const OPEN: &str = "open";

/// How the last owner ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastEnd {
    /// It closed the store, or there was none.
    Clean,
    /// It was killed; the machine ran on, so the kernel wrote everything.
    Killed,
    /// The machine may have gone down with it.
    Crashed,
}

/// Held as long as the store is open.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    file: File,
}

impl OwnerLock {
    /// Takes the lock of the store at `path`, or tells who has it.
    pub(crate) fn acquire(path: &Path) -> Result<(Self, LastEnd), StoreError> {
        let lock_path = beside(path, ".lock");
        let failed = |e| StoreError::io("open its lock file", e);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(&lock_path).map_err(failed)?;
        let locked = file.try_lock();
        let mut before = String::new();
        let read = (&mut file).take(MAX_LOCK_FILE).read_to_string(&mut before);
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    path: path.to_owned(),
                    holder: holder(&before),
                });
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        let last_end = if read.is_ok() {
            last_end(&before, path)
        } else {
            LastEnd::Crashed
        };
        let mut lock = Self { file };
        // A full disk must not keep the store from being opened: the lock itself is held.
        if let Err(error) = lock.note(OPEN) {
            tracing::warn!(%error, "the store's lock file could not be written");
        }
        Ok((lock, last_end))
    }

    /// Notes that the store was closed in order.
    pub(crate) fn mark_clean(&mut self) {
        if let Err(error) = self.note(CLEAN) {
            tracing::warn!(%error, "the store's lock file could not be written");
        }
    }

    fn note(&mut self, state: &str) -> std::io::Result<()> {
        let name = fs::read_to_string("/proc/self/comm").unwrap_or_default();
        let text = format!(
            "{}\n{}\n{}\n{state}\n",
            std::process::id(),
            name.trim(),
            boot_id()
        );
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(text.len() as u64)?;
        // After power loss it must not tell of an earlier clean end.
        self.file.sync_data()
    }
}

/// `path` with `suffix` added to the file name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

fn holder(lock_file: &str) -> String {
    let mut lines = lock_file.lines();
    match (lines.next(), lines.next()) {
        (Some(pid), Some(name)) if !pid.is_empty() => format!("pid {pid} ({name})"),
        _ => "another process".to_owned(),
    }
}

fn last_end(lock_file: &str, path: &Path) -> LastEnd {
    let lines: Vec<&str> = lock_file.lines().collect();
    match lines.as_slice() {
        [_, _, _, state] if *state == CLEAN => LastEnd::Clean,
        [_, _, boot, _] if !boot.is_empty() && *boot == boot_id() => LastEnd::Killed,
        // Never locked: a new store, or one copied here, which is clean without a write-ahead log.
        [] if fs::metadata(beside(path, "-wal")).map_or(0, |m| m.len()) == 0 => LastEnd::Clean,
        _ => LastEnd::Crashed,
    }
}
