//! The first exec of a container: from held to judged.

use super::Registry;
use crate::runtime::MemberRef;
use rampart_model::{LogLevel, Workload};
use rampart_probe::{Exec, FirstExec};
use std::time::Instant;

impl Registry {
    /// Attaches the container, judges what it is about to run, and lets it go or kills it. Blocks
    /// for milliseconds.
    pub(crate) fn first_exec(&self, first: &FirstExec) {
        let began = Instant::now();
        let exec = &first.exec;
        let pid = exec.task.pid;
        if let Some(member) = self.labelled(exec) {
            // Discovery was here first: what was held meanwhile counts like any other start.
            self.judge_first(first, &member);
            self.latency.record(began.elapsed());
            return;
        }
        let found = self.inventory.lookup(exec.task.cgroup_id, pid);
        let helper = self.runtime.is_runtime_helper(exec);
        match found {
            Some(workload) if !helper => {
                let member = self.attach_first(exec, workload);
                self.judge_first(first, &member);
                self.latency.record(began.elapsed());
            }
            // The runtime itself, in the container's cgroup already: the container is still to come.
            Some(_) => self.let_go(first),
            None => {
                if !helper || !is_runtime(exec) {
                    self.not_a_container(exec.task.cgroup_id);
                }
                self.let_go(first);
            }
        }
    }

    fn labelled(&self, exec: &Exec) -> Option<MemberRef> {
        let label = match exec.task.label {
            0 => *self.lock().by_cgroup.get(&exec.task.cgroup_id)?,
            label => label,
        };
        self.runtime.member(label)
    }

    fn attach_first(&self, exec: &Exec, mut workload: Workload) -> MemberRef {
        let mut labels = self.lock();
        let known = labels
            .by_id
            .get(&workload.id)
            .and_then(|label| self.runtime.member(*label));
        if let Some(member) = known {
            labels.by_cgroup.insert(exec.task.cgroup_id, member.label);
            drop(labels);
            let changed = Workload {
                cgroup_id: exec.task.cgroup_id,
                ..Workload::clone(&member.workload.load())
            };
            self.update(&member, changed);
            return member;
        }
        workload.running = true;
        if workload.pid == 0 {
            workload.pid = exec.task.pid;
        }
        if workload.cgroup_id == 0 {
            workload.cgroup_id = exec.task.cgroup_id;
        }
        self.attach(&mut labels, workload)
    }

    fn judge_first(&self, first: &FirstExec, member: &MemberRef) {
        let mut exec = first.exec.clone();
        exec.task.label = member.label;
        let runs = match first.held {
            true => self.runtime.first_exec(&exec),
            false => {
                self.runtime.late_exec(&exec);
                true
            }
        };
        if runs {
            self.let_go(first);
        }
    }

    fn let_go(&self, first: &FirstExec) {
        if !first.held {
            return;
        }
        let pid = first.exec.task.pid;
        let released = self
            .runtime
            .kernel()
            .is_some_and(|kernel| kernel.release(pid));
        if !released {
            tracing::debug!(pid, "was not held any more");
        }
    }

    fn not_a_container(&self, cgroup_id: u64) {
        let Some(kernel) = self.runtime.kernel() else {
            return;
        };
        if let Err(error) = kernel.ignore_cgroup(cgroup_id) {
            tracing::warn!(%error, cgroup_id, "processes of this cgroup will be held again");
        }
    }

    /// The hold queue is full: what waits is let go by the kernel's deadline.
    pub(crate) fn hold_overflow(&self, count: u64) {
        self.runtime.out().alarm(
            LogLevel::Critical,
            "Agent.Hold.Overflow",
            format!("{count} starting containers waited longer than they should; the kernel's fail mode decided"),
        );
    }
}

fn is_runtime(exec: &Exec) -> bool {
    let name = exec.path.rsplit('/').next().unwrap_or_default();
    exec.unlinked
        || [
            "runc",
            "crun",
            "youki",
            "conmon",
            "containerd-shim",
            "memfd:",
        ]
        .iter()
        .any(|n| name.starts_with(n))
}
