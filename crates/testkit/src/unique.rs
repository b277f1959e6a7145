//! Names that no other test, test process or earlier run uses.

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// `prefix-` and a suffix made of the pid, a counter and the clock.
pub fn unique_name(prefix: &str) -> String {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.subsec_nanos());
    format!("{prefix}-{:x}-{n:x}-{:x}", process::id(), nanos & 0xffff)
}

/// A number below `limit`, different for each call in this process and likely so between processes.
pub(crate) fn unique_number(limit: u32) -> u32 {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    process::id()
        .wrapping_mul(2_654_435_761)
        .wrapping_add(n.wrapping_mul(40_503))
        % limit.max(1)
}
