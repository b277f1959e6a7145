//! Answers about live and ended processes.

use super::Runtime;
use rampart_model::{ProcessInfo, WorkloadId};
use rampart_probe::procfs;
use std::collections::BTreeSet;

/// Files told of one container.
const MAX_EXECUTED: usize = 20_000;
/// Live processes whose mappings are looked at.
const MAPPED_PROCESSES: usize = 256;

impl Runtime {
    fn label_of(&self, workload: &WorkloadId) -> Option<u32> {
        let members = self.members.load();
        members
            .values()
            .find(|m| m.workload.load().id == *workload)
            .map(|m| m.label)
    }

    /// The process tree of a container, in the order of pids; of the host for the empty id.
    pub(crate) fn processes(&self, workload: &WorkloadId) -> Vec<ProcessInfo> {
        let label = if workload.is_empty() {
            Some(0)
        } else {
            self.label_of(workload)
        };
        let Some(label) = label else {
            return Vec::new();
        };
        let found = self.lock().table.of_label(label);
        let mut infos = self.infos(label, found);
        for info in &mut infos {
            info.status = status(info.pid);
        }
        infos
    }

    /// Ended processes, newest first.
    pub(crate) fn history(&self, workload: &WorkloadId) -> Vec<ProcessInfo> {
        let Some(label) = self.label_of(workload) else {
            return Vec::new();
        };
        let found = self.lock().table.ended(label);
        self.infos(label, found)
    }

    /// Files a container executed, or has mapped as code now; of the host for the empty id. A
    /// container with very many is told in part.
    pub(crate) fn executed(&self, workload: &WorkloadId) -> Vec<String> {
        let live = self.processes(workload);
        let mut paths: BTreeSet<String> = self
            .history(workload)
            .into_iter()
            .chain(live.iter().cloned())
            .map(|process| process.path)
            .filter(|path| path.starts_with('/'))
            .collect();
        for process in live.iter().take(MAPPED_PROCESSES) {
            if let Ok(mapped) = procfs::mapped_programs(process.pid) {
                paths.extend(mapped);
            }
            if paths.len() > MAX_EXECUTED {
                break;
            }
        }
        paths.into_iter().take(MAX_EXECUTED).collect()
    }

    /// The process behind a connection.
    pub(crate) fn process_info(&self, label: u32, pid: u32) -> Option<ProcessInfo> {
        let process = self.lock().table.recent(label, pid).cloned()?;
        self.infos(label, vec![process]).pop()
    }

    pub(crate) fn subject_of(&self, label: u32, pid: u32) -> Option<rampart_model::event::Subject> {
        let state = self.lock();
        let process = state.table.recent(label, pid)?;
        let member = self.member(label);
        let users = member.as_ref().map(|m| m.users.load());
        let users = users.as_ref().map_or(&self.host_users, |u| &**u);
        Some(super::subject(process, users, &state.table))
    }

    fn infos(&self, label: u32, found: Vec<super::Process>) -> Vec<ProcessInfo> {
        let member = self.member(label);
        let users = member.as_ref().map(|m| m.users.load());
        let users = users.as_ref().map_or(&self.host_users, |u| &**u);
        found.iter().map(|p| p.info(users.name(p.uid))).collect()
    }

    /// Live processes, in containers and outside; and those that did not fit.
    pub(crate) fn counts(&self) -> (usize, usize, u64) {
        let state = self.lock();
        let all = state.table.len();
        let host = state.table.of_label(0).len();
        (all - host, host, state.table.overflowed)
    }
}

fn status(pid: u32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    state.map(String::from).unwrap_or_default()
}
