//! Which processes are in a container, and whether its own first one runs yet.
//!
//! Limits: 65,536 processes and 4,096 folders, 16 deep.

use rampart_probe::procfs;
use std::{collections::HashSet, fs, path::Path};

const MAX_PROCESSES: usize = 65_536;
const MAX_FOLDERS: usize = 4096;
const MAX_DEPTH: usize = 16;

/// Those of the cgroup folder and below, and the descendants of the first process.
pub(super) fn processes(folder: Option<&Path>, first: u32) -> Vec<procfs::Process> {
    let mut pids = Vec::new();
    if let Some(folder) = folder {
        let mut folders = MAX_FOLDERS;
        walk(folder, 0, &mut folders, &mut pids);
    }
    if pids.is_empty() && first != 0 {
        descendants(first, &mut pids);
    }
    let mut seen = HashSet::new();
    pids.retain(|pid| seen.insert(*pid));
    pids.iter()
        .filter_map(|pid| procfs::process(*pid, None).ok())
        .collect()
}

fn walk(folder: &Path, depth: usize, folders: &mut usize, pids: &mut Vec<u32>) {
    if depth > MAX_DEPTH || *folders == 0 || pids.len() >= MAX_PROCESSES {
        return;
    }
    *folders -= 1;
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    pids.extend(
        text.lines()
            .filter_map(|l| l.parse::<u32>().ok())
            .filter(|pid| *pid != 0),
    );
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
    {
        walk(&entry.path(), depth + 1, folders, pids);
    }
}

fn descendants(first: u32, pids: &mut Vec<u32>) {
    let mut next = vec![first];
    let mut seen = HashSet::new();
    while let Some(pid) = next.pop() {
        if seen.len() >= MAX_PROCESSES {
            return;
        }
        if seen.insert(pid) {
            pids.push(pid);
            next.extend(procfs::children(pid));
        }
    }
}

/// The first process is still the runtime's own, on its way into the container.
pub(super) fn is_starting(pid: u32) -> bool {
    if pid == 0 {
        return false;
    }
    let same_mounts = match (namespace(pid), namespace(std::process::id())) {
        (Some(its), Some(ours)) => its == ours,
        _ => false,
    };
    let Ok(process) = procfs::process(pid, None) else {
        return false;
    };
    let is_init = process.argv.get(1).is_some_and(|arg| arg == "init")
        && process
            .argv
            .first()
            .is_some_and(|arg| arg.ends_with("runc") || arg.ends_with("crun"));
    is_init || (same_mounts && process.exe.starts_with("/memfd:"))
}

fn namespace(pid: u32) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
}
