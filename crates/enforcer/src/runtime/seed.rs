//! Processes that ran before they were watched, from /proc.

use super::{
    Runtime,
    caller::command_name,
    table::{Image, Process},
};
use crate::outbox::now;
use rampart_model::Timestamp;
use rampart_probe::procfs;
use std::sync::Arc;

/// One process; an empty one if it is gone.
pub(super) fn from_proc(pid: u32, label: u32) -> Process {
    let found = procfs::process(pid, None).unwrap_or_default();
    Process {
        pid,
        label,
        image: Arc::new(image(&found)),
        ..convert(&found, label)
    }
}

fn image(found: &procfs::Process) -> Image {
    Image {
        name: match command_name(&found.exe, &found.argv) {
            "" => found.comm.clone(),
            name => name.to_owned(),
        },
        comm: found.comm.clone(),
        path: found.exe.clone(),
        cmdline: found.argv.join(" "),
        truncated: found.argv_truncated,
        cwd: found.cwd.clone(),
        ..Image::default()
    }
}

fn convert(found: &procfs::Process, label: u32) -> Process {
    Process {
        pid: found.pid,
        ppid: found.ppid,
        start_ns: found.start_ns,
        label,
        uid: found.uid,
        euid: found.euid,
        tty: found.tty != 0,
        started_at: started(found.start_ns),
        ..Process::default()
    }
}

/// `/proc/PID/stat` counts from boot.
fn started(start_ns: u64) -> Timestamp {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: f64 = uptime
        .split(' ')
        .next()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0.0);
    #[allow(clippy::cast_possible_truncation)]
    let boot = now().ms() - (seconds * 1000.0) as i64;
    Timestamp::from_ms(boot + i64::try_from(start_ns / 1_000_000).unwrap_or(0))
}

impl Runtime {
    /// Takes a snapshot of /proc into the table, under the labels `label_of` gives. Processes that
    /// events told of meanwhile stay as they are.
    pub(crate) fn seed(
        &self,
        found: &[procfs::Process],
        label_of: impl Fn(&procfs::Process) -> u32,
    ) {
        for process in found {
            let label = label_of(process);
            let mut state = self.lock();
            if state.table.live(process.pid).is_some() {
                continue;
            }
            let mut image = image(process);
            image.details = state.details(process.pid, process.ppid);
            let image = state.table.image(image);
            state.table.insert(Process {
                image,
                ..convert(process, label)
            });
        }
    }

    /// The processes of a container that ran before it had a label: known ones change labels,
    /// others are read.
    pub(crate) fn seed_member(&self, label: u32, inside: &[procfs::Process]) {
        let pids: Vec<u32> = inside.iter().map(|p| p.pid).collect();
        self.lock().table.relabel(&pids, label);
        self.seed(inside, |_| label);
    }

    /// Shows in the table which running processes are not in the profile. They are not killed:
    /// Protect holds from the next exec.
    pub(crate) fn judge_running(&self, label: u32) {
        let Some(member) = self.member(label) else {
            return;
        };
        let plan = member.plan.load();
        let users = member.users.load();
        let running = self.lock().table.of_label(label);
        for process in running.iter().filter(|p| !p.image.path.is_empty()) {
            let parents = self.lock().parents(process);
            let verdict = plan.judge(&super::plan::ExecFacts {
                name: &process.image.name,
                path: &process.image.path,
                user: &users.name(process.uid),
                parents: &parents,
                upper: false,
                unlinked: false,
                from_exec: process.from_exec,
            });
            if verdict.verdict == rampart_model::Verdict::Learn {
                self.learn_process(&member, process);
            }
            if let Some(known) = self.lock().table.live_mut(process.pid) {
                known.action = match verdict.is_violation() {
                    true => rampart_model::Action::Deny,
                    false => rampart_model::Action::Allow,
                };
            }
        }
    }

    /// Forgets what ended without a word, because events were lost.
    pub(crate) fn sweep(&self) {
        let gone = |pid: u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
        self.lock().table.retain_live(|pid, _| !gone(pid));
    }
}
