//! Permission events before an exec or an open, and notifications of changes.
//!
//! Three groups: execs (marked on whole file systems or mounts of a container; its inode marks
//! are cached answers), opens (inode marks on protected files and directories only, so that other
//! opens cost nothing), and notifications (inode marks on watched directories).

mod listener;
mod marks;
mod notify;
mod syscall;
mod sys;
mod watch;

pub(crate) use listener::{Listener, Tally};
pub(crate) use marks::Marks;
pub(crate) use notify::Notifier;
pub(crate) use watch::{Watch, Watches};

/// Whether permission events are to be had here.
pub(crate) fn available() -> std::io::Result<()> {
    sys::group(libc::FAN_CLASS_CONTENT).map(|_| ())
}
