//! Readers of /proc and of the cgroup tree, for what is already running.

mod address;
mod mapped;
mod mount;
mod process;

pub use address::{InterfaceAddress, addresses};
pub use mapped::mapped_programs;
pub use mount::{Mount, mounts};
pub use process::{
    Process, Status, cgroup_id, cgroup_path, cgroup_pids, children, exe, process, processes,
};

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Longest /proc file that is read.
const MAX_FILE: usize = 16 << 20;

/// A process in the host's own namespaces: the first one, or this one where the first may not be
/// looked at (some kernels refuse it even to root).
pub fn host_pid() -> u32 {
    let readable = |pid: u32| root(pid).join("ns/mnt").metadata().is_ok();
    if readable(1) { 1 } else { std::process::id() }
}

fn root(pid: u32) -> PathBuf {
    PathBuf::from("/proc").join(pid.to_string())
}

/// Reads bytes as each kind of file; see [`crate::fuzz`].
pub(crate) fn parse_all(bytes: &[u8]) {
    for mount in bytes.split(|b| *b == b'\n').filter_map(mount::parse) {
        let _ = (mount.read_only(), mount.upper_dir());
    }
    let _ = mapped::parse(bytes);
    let _ = process::parse_stat(bytes);
    let _ = Status::parse(&String::from_utf8_lossy(bytes));
}

/// Where cgroup v2 is mounted.
pub fn cgroup2_mount() -> Option<PathBuf> {
    let mounts = mounts(std::process::id()).ok()?;
    mounts
        .into_iter()
        .find(|m| m.kind == "cgroup2" && m.root == Path::new("/"))
        .map(|m| m.destination)
}

fn io_limited(path: &Path) -> io::Result<Vec<u8>> {
    io_bounded(path, MAX_FILE).map(|(bytes, _)| bytes)
}

/// At most `limit` bytes, and whether there was more.
fn io_bounded(path: &Path, limit: usize) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?;
    file.by_ref().take(limit as u64).read_to_end(&mut bytes)?;
    let more = bytes.len() == limit && file.read(&mut [0u8; 1]).unwrap_or(0) > 0;
    Ok((bytes, more))
}
