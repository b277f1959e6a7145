//! The last resort: containers no runtime and no state folder tells of, by their namespaces.
//!
//! A container is a mount namespace that is not the host's, with a root folder that is not the
//! host's either (services with a private `/tmp` have the first only, browser sandboxes the second
//! only). Its first process is the oldest one in it. At most [`MAX_PROCESSES`] are looked at.

use super::Local;
use crate::cgroup::Membership;
use rampart_model::Workload;
use std::collections::{HashMap, HashSet};

const MAX_PROCESSES: usize = 65_536;
const RUNTIME: &str = "unknown";

impl Local {
    /// Containers with a process outside of every mount namespace in `known`.
    pub(crate) fn scan_namespaces(&self, known: &HashSet<u64>) -> Vec<Workload> {
        let (Some(host_mnt), Some(host_root)) =
            (self.procfs.host_namespace("mnt"), self.procfs.host_root())
        else {
            return Vec::new();
        };
        let mut oldest: HashMap<u64, (i64, u32)> = HashMap::new();
        for pid in self
            .procfs
            .pids()
            .unwrap_or_default()
            .into_iter()
            .take(MAX_PROCESSES)
        {
            let Some(mnt) = self.procfs.namespace(pid, "mnt") else {
                continue;
            };
            if mnt == host_mnt || known.contains(&mnt) {
                continue;
            }
            if self
                .procfs
                .root_of(pid)
                .is_none_or(|root| root == host_root)
            {
                continue;
            }
            let Some(stat) = self
                .procfs
                .stat(pid)
                .filter(|s| s.state != 'Z' && !s.kernel_thread)
            else {
                continue;
            };
            let first = oldest.entry(mnt).or_insert((stat.start_ticks, pid));
            *first = (*first).min((stat.start_ticks, pid));
        }
        oldest
            .into_iter()
            .map(|(mnt, (_, pid))| self.describe_namespace(mnt, pid))
            .collect()
    }

    fn describe_namespace(&self, mnt: u64, pid: u32) -> Workload {
        if let Some(found) = self.find(pid) {
            return self.describe(&found, pid);
        }
        let name = format!("mnt-{mnt}");
        let mut out = Workload {
            id: name.as_str().into(),
            name,
            runtime: RUNTIME.to_owned(),
            pid,
            run_as_root: self.procfs.uid(pid) == Some(0),
            cgroup_path: self.own_cgroup(pid),
            ..Workload::default()
        };
        self.complete(&mut out);
        out
    }

    /// Its v2 cgroup, if it has one that its parent is not in: one shared with the host's processes
    /// would make them members of the container.
    fn own_cgroup(&self, pid: u32) -> String {
        let of = |pid| Membership::of(self.procfs.path(), pid).ok()?.unified;
        let parent = self.procfs.stat(pid).map(|s| s.ppid);
        match (of(pid), parent.and_then(of)) {
            (Some(own), parent) if own.len() > 1 && Some(&own) != parent.as_ref() => own,
            _ => String::new(),
        }
    }
}
