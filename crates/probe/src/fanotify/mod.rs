//! Permission events before an exec or an open, and notifications of changes.
//!
//! Three groups: execs (marked on whole file systems or mounts of a container; its inode marks
//! are cached answers), opens (inode marks on protected files and directories only, so that other
//! opens cost nothing), and notifications (inode marks on watched directories).

mod inotify;
mod listener;
mod marks;
mod notify;
pub(crate) mod sys;
mod syscall;
mod watch;
mod watchdog;

pub(crate) use listener::{Listener, Tally};
pub(crate) use marks::{Marks, entries};
pub(crate) use notify::Notifier;
pub(crate) use watch::{Watch, Watches, fits};
pub(crate) use watchdog::{Board, Watchdog};
pub use watchdog::{LastEnd, run as run_watchdog};

/// Whether notifications work on overlays too.
pub(crate) fn names_overlays() -> bool {
    sys::has_fid_handles()
}

/// How many changes a buffer of notifications holds; see [`crate::fuzz`].
pub(crate) fn parse_changes(bytes: &[u8]) -> usize {
    notify::count(bytes)
}

/// What a line of `/proc/PID/syscall` tells; see [`crate::fuzz`].
pub(crate) fn classify(line: &str) -> Option<bool> {
    syscall::classify(line)
}

/// Whether permission events are to be had here.
pub(crate) fn available() -> std::io::Result<()> {
    sys::group(libc::FAN_CLASS_CONTENT).map(|_| ())
}
