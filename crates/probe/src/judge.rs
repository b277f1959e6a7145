//! The question a permission event asks, and who answers it.

use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AskKind {
    Exec,
    /// `write` is `None` when the open flags cannot be known for certain (openat2 keeps them in
    /// user memory, io_uring in its ring): treat as a write on protected paths.
    Open {
        write: Option<bool>,
    },
}

/// A task waits in the kernel for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub label: u32,
    /// Process, in the host's pid namespace.
    pub pid: u32,
    pub tid: u32,
    pub kind: AskKind,
    /// From the container's root.
    pub path: PathBuf,
    /// `st_dev` and inode of the file.
    pub dev: u64,
    pub ino: u64,
    /// In the writable layer of the overlay; `None` where there is no overlay or it cannot be
    /// told.
    pub upper: Option<bool>,
    /// Not on the file system of the container's root.
    pub foreign: bool,
    /// Has no name any more.
    pub unlinked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    Allow,
    /// Allow, and do not ask again about an exec of this file in this mount until it is modified
    /// or any policy changes. Only sound when the answer depends on the file alone.
    AllowCached,
    /// The caller gets EPERM.
    Deny,
}

/// Answers permission events. Called on the listener's threads while a task waits, so it must be
/// quick, must not wait for other tasks, and must not open files of the workload by path.
pub trait Judge: Send + Sync {
    fn judge(&self, ask: &Ask) -> Decision;
}

/// Allows everything: for nodes that only watch.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Judge for AllowAll {
    fn judge(&self, _: &Ask) -> Decision {
        Decision::Allow
    }
}
