//! Facts about a process from procfs: namespaces, start time, network.

pub(crate) mod net;

use crate::read;
use rampart_model::Timestamp;
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Clock ticks a second in `/proc/PID/stat`: a constant of the kernel's user interface.
const TICKS: i64 = 100;

/// A mounted procfs: `/proc`, or the host's as seen from a container.
#[derive(Clone, Debug)]
pub(crate) struct Procfs {
    root: PathBuf,
}

impl Procfs {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    pub(crate) fn of(&self, pid: u32) -> PathBuf {
        self.root.join(pid.to_string())
    }

    /// Every process id.
    pub(crate) fn pids(&self) -> io::Result<Vec<u32>> {
        let entries = fs::read_dir(&self.root)?;
        Ok(entries
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse().ok())
            .collect())
    }

    /// Runs, and is no zombie.
    pub(crate) fn is_alive(&self, pid: u32) -> bool {
        self.stat(pid)
            .is_some_and(|s| s.state != 'Z' && s.state != 'X')
    }

    pub(crate) fn stat(&self, pid: u32) -> Option<Stat> {
        Stat::parse(&read::proc_text(&self.of(pid).join("stat")).ok()?)
    }

    /// When a process started, by the wall clock.
    pub(crate) fn started_at(&self, pid: u32) -> Timestamp {
        let Some(stat) = self.stat(pid) else {
            return Timestamp::UNKNOWN;
        };
        match self.boot_time() {
            Some(boot) => Timestamp::from_ms(boot * 1000 + stat.start_ticks * 1000 / TICKS),
            None => Timestamp::UNKNOWN,
        }
    }

    pub(crate) fn boot_time(&self) -> Option<i64> {
        let text = read::proc_text(&self.root.join("stat")).ok()?;
        text.lines()
            .find_map(|l| l.strip_prefix("btime "))?
            .trim()
            .parse()
            .ok()
    }

    /// Inode of a namespace, such as `mnt` or `pid`: its identity on this kernel.
    pub(crate) fn namespace(&self, pid: u32, kind: &str) -> Option<u64> {
        fs::metadata(self.of(pid).join("ns").join(kind))
            .ok()
            .map(|m| m.ino())
    }

    /// Whether a process shares a namespace with the host's init; false if that cannot be told.
    pub(crate) fn shares_with_host(&self, pid: u32, kind: &str) -> bool {
        let own = self.namespace(pid, kind);
        own.is_some() && own == self.namespace(1, kind)
    }

    /// Device and inode of a process's root folder.
    pub(crate) fn root_of(&self, pid: u32) -> Option<(u64, u64)> {
        let meta = fs::metadata(self.of(pid).join("root/")).ok()?;
        Some((meta.dev(), meta.ino()))
    }

    /// Effective uid in the host's eyes.
    pub(crate) fn uid(&self, pid: u32) -> Option<u32> {
        let text = read::proc_text(&self.of(pid).join("status")).ok()?;
        let line = text.lines().find_map(|l| l.strip_prefix("Uid:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

/// The fields used of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: char,
    pub(crate) ppid: u32,
    pub(crate) start_ticks: i64,
}

impl Stat {
    /// The name field may hold spaces and brackets: what counts is behind the last `)`.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let ppid = fields.next()?.parse().ok()?;
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Self {
            state,
            ppid,
            start_ticks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_a_hostile_name() {
        let line = "7 (a) Z 1 (b) S 3 7 7 0 -1 4 1 0 0 0 1 2 0 0 20 0 1 0 4242 10 20";
        let expected = Stat {
            state: 'S',
            ppid: 3,
            start_ticks: 4242,
        };
        assert_eq!(Stat::parse(line), Some(expected));
        assert_eq!(Stat::parse("7 (a"), None);
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }

    #[test]
    fn own_process() {
        let procfs = Procfs::new("/proc");
        let pid = std::process::id();
        assert!(procfs.is_alive(pid));
        assert!(procfs.pids().expect("procfs").contains(&pid));
        let age = crate::time::now().since(procfs.started_at(pid));
        assert!((0..3_600_000).contains(&age), "started {age} ms ago");
        assert!(!procfs.is_alive(u32::MAX));
    }
}
