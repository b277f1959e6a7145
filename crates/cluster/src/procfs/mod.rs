//! Facts about a process from procfs: namespaces, start time, network.

pub(crate) mod net;

use crate::read;
use nix::errno::Errno;
use rampart_model::{Timestamp, workload::Mount};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Clock ticks a second in `/proc/PID/stat`: a constant of the kernel's user interface.
const TICKS: i64 = 100;

/// The kernel's flag of its own threads.
const PF_KTHREAD: u32 = 0x0020_0000;
const MAX_MOUNTS: usize = 1024;
/// init, and the parent of the kernel's threads.
const HOST_PIDS: [u32; 2] = [1, 2];

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

    /// Runs, and is no zombie. A process that cannot be looked at for want of files or memory is
    /// not taken for ended.
    pub(crate) fn is_alive(&self, pid: u32) -> bool {
        match read::proc_text(&self.of(pid).join("stat")) {
            Ok(text) => Stat::parse(&text).is_some_and(|s| s.state != 'Z' && s.state != 'X'),
            Err(error) => matches!(
                error.raw_os_error().map(Errno::from_raw),
                Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)
            ),
        }
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
            Some(boot) => {
                let after = stat.start_ticks.saturating_mul(1000) / TICKS;
                Timestamp::from_ms(boot.saturating_mul(1000).saturating_add(after))
            }
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

    /// A namespace of the host: init's; where init may not be looked at, that of the kernel's
    /// threads, which never leave it; else our own.
    pub(crate) fn host_namespace(&self, kind: &str) -> Option<u64> {
        HOST_PIDS
            .iter()
            .find_map(|pid| self.namespace(*pid, kind))
            .or_else(|| {
                fs::metadata(self.root.join("self/ns").join(kind))
                    .ok()
                    .map(|m| m.ino())
            })
    }

    /// Whether a process shares a namespace with the host; false if that cannot be told.
    pub(crate) fn shares_with_host(&self, pid: u32, kind: &str) -> bool {
        let own = self.namespace(pid, kind);
        own.is_some() && own == self.host_namespace(kind)
    }

    /// Device and inode of a process's root folder.
    pub(crate) fn root_of(&self, pid: u32) -> Option<(u64, u64)> {
        root_at(&self.of(pid))
    }

    pub(crate) fn host_root(&self) -> Option<(u64, u64)> {
        self.root_of(1).or_else(|| root_at(&self.root.join("self")))
    }

    /// Folders and files mounted into a process's root from file systems on disk: their path on
    /// their own file system, which on most hosts is their path on the host.
    pub(crate) fn mounts(&self, pid: u32) -> Vec<Mount> {
        let text = read::proc_text(&self.of(pid).join("mountinfo")).unwrap_or_default();
        text.lines()
            .filter_map(parse_mount)
            .take(MAX_MOUNTS)
            .collect()
    }

    /// Effective uid in the host's eyes.
    pub(crate) fn uid(&self, pid: u32) -> Option<u32> {
        let text = read::proc_text(&self.of(pid).join("status")).ok()?;
        let line = text.lines().find_map(|l| l.strip_prefix("Uid:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

/// `id parent major:minor root mount-point options … - type source super-options`.
fn parse_mount(line: &str) -> Option<Mount> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let fields: Vec<&str> = mount.split(' ').collect();
    let (source, destination, options) = (fields.get(3)?, fields.get(4)?, fields.get(5)?);
    let on_disk = filesystem.split(' ').nth(1)?.starts_with('/');
    (on_disk && *destination != "/").then(|| Mount {
        source: unescape(source),
        destination: unescape(destination),
        read_only: options.split(',').any(|o| o == "ro"),
    })
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let pairs = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    pairs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn root_at(process: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(process.join("root/")).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// The fields used of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: char,
    pub(crate) ppid: u32,
    pub(crate) start_ticks: i64,
    /// It has no program: some, such as kdevtmpfs, have a root of their own all the same.
    pub(crate) kernel_thread: bool,
}

impl Stat {
    /// The name field may hold spaces and brackets: what counts is behind the last `)`.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let ppid = fields.next()?.parse().ok()?;
        let flags: u32 = fields.nth(4)?.parse().ok()?;
        let start_ticks = fields.nth(12)?.parse().ok()?;
        Some(Self {
            state,
            ppid,
            start_ticks,
            kernel_thread: flags & PF_KTHREAD != 0,
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
            kernel_thread: false,
        };
        assert_eq!(Stat::parse(line), Some(expected));
        let thread = line.replace(" -1 4 1 ", " -1 2129984 1 ");
        assert!(Stat::parse(&thread).is_some_and(|s| s.kernel_thread));
        assert_eq!(Stat::parse("7 (a"), None);
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }

    #[test]
    fn mounts_from_disk() {
        let line = "77 70 8:1 /srv/a\\040b /data ro,relatime master:1 - ext4 /dev/sda1 rw";
        let mount = parse_mount(line).expect("mount");
        assert_eq!(
            (mount.source.as_str(), mount.destination.as_str()),
            ("/srv/a b", "/data")
        );
        assert!(mount.read_only);
        for other in [
            "77 70 0:5 / /proc rw - proc proc rw",
            "77 70 8:1 /x / rw - ext4 /dev/sda1 rw",
            "short",
            "a b - c",
        ] {
            assert_eq!(parse_mount(other), None, "{other}");
        }
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
