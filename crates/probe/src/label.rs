//! Which label a live process has.

use crate::{
    hold::pidfd,
    intf::{self, LabelValue, StateValue},
    kernel::{self, Maps},
    procfs,
};
use libbpf_rs::{MapCore, MapFlags};
use std::{os::fd::AsRawFd, path::PathBuf, sync::Arc};

#[derive(Clone, Debug)]
pub(crate) struct Labels {
    pub(crate) maps: Arc<Maps>,
    pub(crate) cgroup2: PathBuf,
}

impl Labels {
    /// From the label that sticks to the process, else from its cgroup.
    pub(crate) fn of_pid(&self, pid: u32) -> Option<u32> {
        if let Some(state) = self.state_of(pid) {
            return Some(state.label).filter(|l| *l != 0);
        }
        let path = procfs::cgroup_path(pid).ok()?;
        let id = procfs::cgroup_id(&self.cgroup2, &path).ok()?;
        self.of_cgroup(id).map(|l| l.label).filter(|l| *l != 0)
    }

    /// What the kernel keeps of a labelled process.
    pub(crate) fn state_of(&self, pid: u32) -> Option<StateValue> {
        let process = pidfd(pid).ok()?;
        let key = process.as_raw_fd().to_ne_bytes();
        intf::read(&self.maps.task_state.lookup(&key, MapFlags::ANY).ok()??)
    }

    /// Has the kernel compare with these ids from now on.
    pub(crate) fn note_ids(&self, pid: u32, status: &procfs::Status) {
        let Some(state) = self.state_of(pid) else {
            return;
        };
        let (uid, euid, caps) = (status.uid, status.euid, status.caps);
        self.write(
            pid,
            &StateValue {
                uid,
                euid,
                caps,
                ..state
            },
        );
    }

    fn write(&self, pid: u32, state: &StateValue) {
        let Ok(process) = pidfd(pid) else { return };
        let key = process.as_raw_fd().to_ne_bytes();
        let labelled = kernel::put(&self.maps.task_state, &key, state)
            .and_then(|()| kernel::put(&self.maps.members, &pid.to_ne_bytes(), &state.label));
        if let Err(error) = labelled {
            tracing::debug!(pid, %error, "a process cannot be labelled");
        }
    }

    pub(crate) fn of_cgroup(&self, id: u64) -> Option<LabelValue> {
        let value = self
            .maps
            .labels
            .lookup(&id.to_ne_bytes(), MapFlags::ANY)
            .ok()??;
        intf::read(&value)
    }

    /// Makes the label stick to a process that is already running.
    pub(crate) fn stick(&self, pid: u32, label: u32) {
        let Ok(status) = procfs::Status::read(pid) else {
            return;
        };
        let flags = self.state_of(pid).map_or(0, |s| s.flags);
        let (uid, euid, caps) = (status.uid, status.euid, status.caps);
        self.write(
            pid,
            &StateValue {
                label,
                flags,
                uid,
                euid,
                caps,
            },
        );
    }

    /// Takes the label from a process.
    pub(crate) fn unstick(&self, pid: u32) {
        let _ = self.maps.members.delete(&pid.to_ne_bytes());
        if let Ok(process) = pidfd(pid) {
            let _ = self
                .maps
                .task_state
                .delete(&process.as_raw_fd().to_ne_bytes());
        }
    }
}
