//! Doors to the private parsers, for the fuzz targets only; no part of the crate's interface.

use crate::{Event, decode, fanotify, procfs};
use std::sync::LazyLock;

static CLOCK: LazyLock<decode::Clock> = LazyLock::new(decode::Clock::now);

/// A record of a kernel ring.
pub fn record(bytes: &[u8]) -> Option<Event> {
    decode::decode(bytes, *CLOCK)
}

/// A buffer of file change notifications: how many it held.
pub fn changes(bytes: &[u8]) -> usize {
    fanotify::parse_changes(bytes)
}

/// Files of `/proc/PID`: lines of `mountinfo`, `stat`, `status`, `syscall`.
pub fn proc_files(bytes: &[u8]) {
    procfs::parse_all(bytes);
    let _ = fanotify::classify(&String::from_utf8_lossy(bytes));
}
