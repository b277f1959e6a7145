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
        let process = pidfd(pid).ok()?;
        let key = process.as_raw_fd().to_ne_bytes();
        if let Ok(Some(value)) = self.maps.task_state.lookup(&key, MapFlags::ANY) {
            let state: StateValue = intf::read(&value)?;
            return Some(state.label).filter(|l| *l != 0);
        }
        let path = procfs::cgroup_path(pid).ok()?;
        let id = procfs::cgroup_id(&self.cgroup2, &path).ok()?;
        self.of_cgroup(id).map(|l| l.label).filter(|l| *l != 0)
    }

    pub(crate) fn of_cgroup(&self, id: u64) -> Option<LabelValue> {
        let value = self.maps.labels.lookup(&id.to_ne_bytes(), MapFlags::ANY).ok()??;
        intf::read(&value)
    }

    /// Makes the label stick to a process that is already running.
    pub(crate) fn stick(&self, pid: u32, label: u32) {
        let (Ok(process), Ok(status)) = (pidfd(pid), procfs::Status::read(pid)) else { return };
        let state = StateValue {
            label,
            flags: 0,
            uid: status.uid,
            euid: status.euid,
            caps: status.caps,
        };
        let key = process.as_raw_fd().to_ne_bytes();
        if let Err(error) = kernel::put(&self.maps.task_state, &key, &state) {
            tracing::debug!(pid, label, %error, "a process cannot be labelled");
        }
    }

    /// Takes the label from a process.
    pub(crate) fn unstick(&self, pid: u32) {
        if let Ok(process) = pidfd(pid) {
            let _ = self.maps.task_state.delete(&process.as_raw_fd().to_ne_bytes());
        }
    }
}
