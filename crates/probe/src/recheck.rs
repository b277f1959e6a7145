//! After a capability to change ids was used, looks whether they did change: the program in the
//! kernel runs before the change, and the process may do nothing more that it would see.

use crate::{
    Cred, CredCause, Event, Task,
    decode::{Clock, clock_ns},
    label::Labels,
    procfs::Status,
};
use std::collections::BTreeMap;

/// How long after the attempt; a system call is over long before.
const DELAY_NS: u64 = 5_000_000;
/// Processes looked at at the same time; more are left to the kernel's own comparison.
const MAX_PENDING: usize = 4096;

#[derive(Debug)]
pub(crate) struct Recheck {
    labels: Labels,
    pending: BTreeMap<u32, (u64, Task)>,
}

impl Recheck {
    pub(crate) fn new(labels: Labels) -> Self {
        Self {
            labels,
            pending: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, cred: &Cred) {
        let granted = matches!(cred.cause, CredCause::Attempt { granted: true, .. });
        if granted && self.pending.len() < MAX_PENDING {
            let due = clock_ns(libc::CLOCK_BOOTTIME) + DELAY_NS;
            self.pending.insert(cred.task.pid, (due, cred.task.clone()));
        }
    }

    /// Changes that nobody has told yet.
    pub(crate) fn due(&mut self, clock: Clock) -> Vec<Event> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        let now = clock_ns(libc::CLOCK_BOOTTIME);
        let due: Vec<u32> = self
            .pending
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(pid, _)| *pid)
            .collect();
        let due: Vec<Task> = due
            .iter()
            .filter_map(|pid| self.pending.remove(pid))
            .map(|(_, task)| task)
            .collect();
        due.into_iter()
            .filter_map(|task| self.change(task, clock, now))
            .collect()
    }

    fn change(&self, task: Task, clock: Clock, now: u64) -> Option<Event> {
        let status = Status::read(task.pid).ok()?;
        // What the kernel last told about this very process; gone with it.
        let told = self.labels.state_of(task.pid)?;
        let ids = (status.uid, status.euid, status.caps);
        if ids == (told.uid, told.euid, told.caps) {
            return None;
        }
        self.labels.note_ids(task.pid, &status);
        Some(Event::Cred(Cred {
            at: clock.wall(now),
            old_uid: told.uid,
            old_euid: told.euid,
            old_caps: told.caps,
            cause: CredCause::Changed,
            task: Task {
                uid: status.uid,
                euid: status.euid,
                gid: status.gid,
                egid: status.egid,
                caps: status.caps,
                ..task
            },
        }))
    }
}
