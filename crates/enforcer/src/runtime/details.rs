//! What rules may ask of a process beyond the events: its environment, session, capabilities and
//! the times of its file, from /proc right after the exec, and only if a loaded rule asks.
//!
//! Limits: 4 KiB of the environment, as the first bytes of it; 16 KiB of `status`. A process that
//! ended meanwhile has what its parent had of login and session, and none of the rest, and one that ran another program meanwhile has that one's.

use super::State;
use rampart_detect::{Rules, field::Field};
use rampart_model::Timestamp;
use rampart_probe::Exec;
use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    sync::Arc,
};

const MAX_ENV: u64 = 4096;
const MAX_STATUS: u64 = 16 << 10;

/// Which of it the loaded rules look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asks {
    pub(crate) environment: bool,
    pub(crate) status: bool,
    pub(crate) login: bool,
    pub(crate) file: bool,
    pub(crate) streams: bool,
    /// Of the container.
    pub(crate) mounts: bool,
    pub(crate) labels: bool,
}

impl Asks {
    pub(crate) fn of(rules: &Rules) -> Self {
        let mut fields = rules.fields();
        for rule in rules.rules().iter().filter(|rule| rule.enabled) {
            let named = rule.output_fields();
            fields.extend(named.filter_map(|name| {
                let name = name.split('[').next().unwrap_or(name);
                rampart_detect::field::FieldRef::parse(name)
                    .ok()
                    .map(|f| f.field)
            }));
        }
        let any = |start: &[&str]| {
            fields
                .iter()
                .any(|field: &Field| start.iter().any(|start| field.name().starts_with(start)))
        };
        Self {
            environment: any(&["proc.env", "proc.aenv"]),
            status: any(&[
                "proc.sid",
                "proc.sname",
                "proc.pgid",
                "proc.vpgid",
                "proc.is_sid",
                "proc.is_vpgid",
                "proc.is_pgid",
                "thread.cap_",
            ]),
            login: any(&["user.login"]),
            file: any(&["proc.exe_ino", "proc.is_exe_writable"]),
            streams: any(&["proc.stdin", "proc.stdout", "proc.stderr"]),
            mounts: any(&["container.mount"]),
            labels: any(&["container.label", "k8s.pod.label"]),
        }
    }

    fn any_of_process(self) -> bool {
        self.environment || self.status || self.login || self.file || self.streams
    }
}

/// Whether rules look at what only /proc tells.
pub(crate) fn asks_of_processes(rules: &Rules) -> bool {
    Asks::of(rules).any_of_process()
}

/// Where the file of a program comes from, as the exec told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) upper: bool,
    pub(crate) lower: bool,
    pub(crate) memory: bool,
    pub(crate) ino: u64,
}

impl Origin {
    pub(crate) fn of(exec: &Exec) -> Self {
        let upper = exec.upper && !exec.unlinked;
        Self {
            upper,
            lower: exec.overlay && !upper && !exec.unlinked,
            memory: exec.unlinked && exec.path.contains("memfd:"),
            ino: exec.file.ino,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    /// `NAME=value` with a NUL after each.
    pub(crate) environment: Vec<u8>,
    /// In the process's own namespace, but for the group.
    pub(crate) sid: Option<i64>,
    pub(crate) pgid: Option<i64>,
    pub(crate) vpgid: Option<i64>,
    pub(crate) permitted: Option<u64>,
    pub(crate) inheritable: Option<u64>,
    /// -1 for none.
    pub(crate) login: Option<i64>,
    pub(crate) writable: bool,
    pub(crate) changed_ns: Option<i64>,
    pub(crate) modified_ns: Option<i64>,
    /// What descriptors 0, 1 and 2 are, as /proc shows it.
    pub(crate) streams: [String; 3],
}

impl State {
    /// Of the program that a task has just begun; what it inherits is known of a parent, if it
    /// ended too soon to be asked.
    pub(super) fn details(&self, pid: u32, ppid: u32) -> Option<Arc<Details>> {
        let mut details = Details::read(pid, self.asks)?;
        let before = [pid, ppid]
            .into_iter()
            .filter_map(|pid| self.table.live(pid));
        for image in before.map(|process| &process.image) {
            let known = image.details.as_deref();
            details.login = details.login.or(known.and_then(|of| of.login));
            details.sid = details.sid.or(known.and_then(|of| of.sid));
        }
        Some(Arc::new(details))
    }
}

impl Details {
    pub(crate) fn read(pid: u32, asks: Asks) -> Option<Self> {
        if !asks.any_of_process() {
            return None;
        }
        let mut details = Self::default();
        if asks.environment {
            details.environment = bounded(pid, "environ", MAX_ENV).unwrap_or_default();
        }
        if asks.status {
            details.status(&bounded(pid, "status", MAX_STATUS).unwrap_or_default());
        }
        if asks.login {
            let text = bounded(pid, "loginuid", 32).unwrap_or_default();
            let uid: Option<u32> = String::from_utf8_lossy(&text).trim().parse().ok();
            details.login = uid.map(|uid| i64::from(uid.cast_signed()));
        }
        if asks.file {
            details.file(pid);
        }
        if asks.streams {
            for (number, stream) in details.streams.iter_mut().enumerate() {
                *stream = link(pid, number);
            }
        }
        Some(details)
    }

    fn status(&mut self, text: &[u8]) {
        for line in String::from_utf8_lossy(text).lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let mut words = value.split_ascii_whitespace();
            match name {
                "NSsid" => self.sid = words.next_back().and_then(|word| word.parse().ok()),
                "NSpgid" => {
                    let ids: Vec<i64> = words.filter_map(|word| word.parse().ok()).collect();
                    self.pgid = ids.first().copied();
                    self.vpgid = ids.last().copied();
                }
                "CapPrm" => self.permitted = hex(words.next()),
                "CapInh" => self.inheritable = hex(words.next()),
                _ => {}
            }
        }
    }

    fn file(&mut self, pid: u32) {
        let Ok(file) = fs::metadata(format!("/proc/{pid}/exe")) else {
            return;
        };
        let at = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        self.changed_ns = Some(at(file.ctime(), file.ctime_nsec()));
        self.modified_ns = Some(at(file.mtime(), file.mtime_nsec()));
        let owner = fs::metadata(format!("/proc/{pid}")).map_or(0, |of| of.uid());
        self.writable = match owner {
            0 => true,
            uid if uid == file.uid() => file.mode() & 0o200 != 0,
            _ => file.mode() & 0o002 != 0,
        };
    }
}

fn hex(word: Option<&str>) -> Option<u64> {
    u64::from_str_radix(word?, 16).ok()
}

fn bounded(pid: u32, name: &str, limit: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(format!("/proc/{pid}/{name}")).ok()?;
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// `/dev/pts/0`, `pipe:[N]`, `socket:[N]`; empty if there is none.
pub(crate) fn link(pid: u32, number: usize) -> String {
    let found = fs::read_link(format!("/proc/{pid}/fd/{number}"));
    found.map_or(String::new(), |to| to.to_string_lossy().into_owned())
}

/// Nanoseconds since 1970, as rules count.
pub(crate) fn ns(at: Timestamp) -> i64 {
    at.ms().saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_as_proc_tells_it() {
        let all = Asks {
            environment: true,
            status: true,
            login: true,
            file: true,
            streams: true,
            ..Asks::default()
        };
        let details = Details::read(std::process::id(), all).unwrap();
        assert!(details.sid.is_some() && details.pgid.is_some() && details.permitted.is_some());
        assert!(details.changed_ns.is_some_and(|at| at > 0));
        assert!(details.environment.contains(&b'='));
        assert_eq!(Details::read(1, Asks::default()), None);
        assert_eq!(Details::read(u32::MAX, all), Some(Details::default()));
    }

    #[test]
    fn lines_of_status() {
        let mut details = Details::default();
        details.status(
            b"NSpgid:\t900\t7\nNSsid:\t880\t1\nCapPrm:\t00000000a80425fb\nCapInh: x\nbad\n",
        );
        assert_eq!((details.pgid, details.vpgid), (Some(900), Some(7)));
        assert_eq!((details.sid, details.inheritable), (Some(1), None));
        assert_eq!(details.permitted, Some(0xa804_25fb));
    }
}
