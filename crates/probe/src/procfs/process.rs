//! Processes as /proc shows them. Command lines are kept to 8 KiB; a process that goes away while
//! it is read is left out.

use super::{io_bounded, root};
use std::{fs, io, os::unix::ffi::OsStrExt, path::Path, path::PathBuf};

/// Bytes of a command line that are kept.
const MAX_CMDLINE: usize = 8192;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub ppid: u32,
    pub comm: String,
    /// Real path of the executable, from the process's own root; empty for kernel threads.
    pub exe: String,
    pub argv: Vec<String>,
    pub argv_truncated: bool,
    pub cwd: String,
    pub uid: u32,
    pub euid: u32,
    pub gid: u32,
    pub egid: u32,
    pub caps: u64,
    /// Below the cgroup v2 mount, such as `/docker/3f…`.
    pub cgroup_path: String,
    /// Inode of that folder; 0 when it is gone or there is no cgroup v2.
    pub cgroup_id: u64,
    /// Nanoseconds after boot, in steps of a clock tick.
    pub start_ns: u64,
    /// Controlling terminal as a device number; 0 is none.
    pub tty: u32,
    /// `R`, `S`, `D`, `Z`, `T`, `t`, `I`.
    pub state: char,
    /// Pid in its innermost pid namespace.
    pub ns_pid: u32,
}

/// Ids and namespaces from `/proc/PID/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub tgid: u32,
    pub uid: u32,
    pub euid: u32,
    pub gid: u32,
    pub egid: u32,
    pub caps: u64,
    pub ns_pid: u32,
}

impl Status {
    /// Reads it for a process or a thread.
    pub fn read(pid: u32) -> io::Result<Self> {
        let text = io_bounded(&root(pid).join("status"), 64 << 10)?.0;
        Ok(Self::parse(&String::from_utf8_lossy(&text)))
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut status = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let number = |n: usize| {
                value
                    .split_ascii_whitespace()
                    .nth(n)
                    .and_then(|v| v.parse().ok())
                    .unwrap_or(0)
            };
            match name {
                "Tgid" => status.tgid = number(0),
                "Uid" => (status.uid, status.euid) = (number(0), number(1)),
                "Gid" => (status.gid, status.egid) = (number(0), number(1)),
                "CapEff" => status.caps = u64::from_str_radix(value.trim(), 16).unwrap_or(0),
                "NSpid" => {
                    let last = value.split_ascii_whitespace().last();
                    status.ns_pid = last.and_then(|v| v.parse().ok()).unwrap_or(0);
                }
                _ => {}
            }
        }
        status
    }
}

/// Every process there is, without threads. `cgroup2` is the mount of cgroup v2, if any.
pub fn processes(cgroup2: Option<&Path>) -> io::Result<Vec<Process>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(entry) = entry else { continue };
        let pid = entry.file_name().to_str().and_then(|n| n.parse().ok());
        if let Some(pid) = pid
            && let Ok(process) = process(pid, cgroup2)
        {
            all.push(process);
        }
    }
    Ok(all)
}

/// One process.
pub fn process(pid: u32, cgroup2: Option<&Path>) -> io::Result<Process> {
    let dir = root(pid);
    let stat = io_bounded(&dir.join("stat"), 4096)?.0;
    let mut found = parse_stat(&stat).ok_or(io::ErrorKind::InvalidData)?;
    let status = Status::read(pid)?;
    (found.uid, found.euid) = (status.uid, status.euid);
    (found.gid, found.egid) = (status.gid, status.egid);
    (found.caps, found.ns_pid) = (status.caps, status.ns_pid);
    found.pid = pid;
    found.exe = link(&dir.join("exe"));
    found.cwd = link(&dir.join("cwd"));
    let (cmdline, cut) = io_bounded(&dir.join("cmdline"), MAX_CMDLINE).unwrap_or_default();
    found.argv = split_args(&cmdline);
    found.argv_truncated = cut;
    found.cgroup_path = cgroup_path(pid).unwrap_or_default();
    if let Some(mount) = cgroup2
        && !found.cgroup_path.is_empty()
    {
        found.cgroup_id = cgroup_id(mount, &found.cgroup_path).unwrap_or(0);
    }
    Ok(found)
}

/// Path of the cgroup v2 of a process, below the mount.
pub fn cgroup_path(pid: u32) -> io::Result<String> {
    let text = io_bounded(&root(pid).join("cgroup"), 64 << 10)?.0;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find_map(|l| l.strip_prefix("0::"));
    Ok(line.unwrap_or_default().to_owned())
}

/// Inode of a cgroup's folder: the id the kernel programs see.
pub fn cgroup_id(mount: &Path, path: &str) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(mount.join(path.trim_start_matches('/')))?.ino())
}

/// Pids in a cgroup v2 folder, not below it.
pub fn cgroup_pids(folder: &Path) -> io::Result<Vec<u32>> {
    let text = super::io_limited(&folder.join("cgroup.procs"))?;
    let text = String::from_utf8_lossy(&text);
    Ok(text
        .lines()
        .filter_map(|l| l.parse().ok())
        .filter(|p| *p != 0)
        .collect())
}

/// Live children of a process, all threads' children together.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(root(pid).join("task")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        if let Ok(text) = super::io_limited(&thread.path().join("children")) {
            let text = String::from_utf8_lossy(&text);
            found.extend(
                text.split_ascii_whitespace()
                    .filter_map(|p| p.parse::<u32>().ok()),
            );
        }
    }
    found
}

/// Real path of the executable, from the process's own root.
pub fn exe(pid: u32) -> io::Result<PathBuf> {
    fs::read_link(root(pid).join("exe"))
}

fn link(path: &Path) -> String {
    let target = fs::read_link(path).unwrap_or_default();
    String::from_utf8_lossy(target.as_os_str().as_bytes()).into_owned()
}

pub(super) fn parse_stat(stat: &[u8]) -> Option<Process> {
    // The name may hold anything, closing brackets and spaces included: it ends at the last one.
    let open = stat.iter().position(|b| *b == b'(')?;
    let close = stat.iter().rposition(|b| *b == b')')?;
    let comm = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let rest = String::from_utf8_lossy(stat.get(close + 1..)?).into_owned();
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks: u64 = fields.get(19)?.parse().ok()?;
    // SAFETY: sysconf has no preconditions.
    let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    let hz = u64::try_from(hz).ok().filter(|h| *h > 0).unwrap_or(100);
    Some(Process {
        comm,
        state: fields.first()?.chars().next()?,
        ppid: fields.get(1)?.parse().ok()?,
        tty: u32::try_from(fields.get(4)?.parse::<i64>().ok()?).unwrap_or(0),
        start_ns: ticks.saturating_mul(1_000_000_000 / hz),
        ..Process::default()
    })
}

fn split_args(block: &[u8]) -> Vec<String> {
    let block = block.strip_suffix(b"\0").unwrap_or(block);
    if block.is_empty() {
        return Vec::new();
    }
    block
        .split(|b| *b == 0)
        .map(|a| String::from_utf8_lossy(a).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines() {
        let mut line = b"7 (a) b (c) S 1 7 7 34816".to_vec();
        line.extend_from_slice(" 0".repeat(14).as_bytes());
        line.extend_from_slice(b" 250 0 0");
        let found = parse_stat(&line).unwrap();
        assert_eq!(
            (found.comm.as_str(), found.state, found.ppid),
            ("a) b (c", 'S', 1)
        );
        assert_eq!(found.tty, 34816);
        assert_eq!(found.start_ns, 2_500_000_000);
        for bad in [&b""[..], b"7", b"7 (x", b"7 )x(", b"7 (x) S 1"] {
            assert_eq!(parse_stat(bad), None);
        }
    }

    #[test]
    fn finds_itself() {
        let own = std::process::id();
        let all = processes(None).unwrap();
        let me = all.iter().find(|p| p.pid == own).unwrap();
        assert_eq!(Path::new(&me.exe), std::env::current_exe().unwrap());
        assert!(!me.argv.is_empty());
        assert_ne!(me.ns_pid, 0);
    }
}
