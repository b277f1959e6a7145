//! The handle for labels, policies, held processes, flows and counters.

use crate::{Attach, Error, Flow, KernelPolicy};
use rampart_model::node::Counter;
use std::collections::BTreeMap;

/// Cheap to clone; every method may be called from any thread.
#[derive(Clone)]
pub struct Control {}

impl Control {
    /// Labels the cgroup, the processes in it and the process `pid` with its children, and places
    /// permission marks on its mounts. Repeating it with a later `pid` adds marks.
    pub fn attach_workload(&self, _attach: &Attach) -> Result<(), Error> {
        Ok(())
    }

    /// Forgets the label, its policy and its marks. Unknown labels are fine.
    pub fn detach_workload(&self, _label: u32) {}

    /// Marks a cgroup as not a container: its processes are never held again.
    pub fn ignore_cgroup(&self, _cgroup_id: u64) -> Result<(), Error> {
        Ok(())
    }

    /// Puts a policy in force with one swap; on error the old one stays.
    pub fn set_policy(&self, _label: u32, _policy: &KernelPolicy) -> Result<(), Error> {
        Ok(())
    }

    /// Lets a held process run. False when it was not held any more.
    pub fn release(&self, _pid: u32) -> bool {
        false
    }

    /// Kills a process, held or not. False when it is gone.
    pub fn kill(&self, _pid: u32) -> bool {
        false
    }

    /// Traffic since the last call.
    pub fn drain_flows(&self) -> Result<Vec<Flow>, Error> {
        Ok(Vec::new())
    }

    pub fn counters(&self) -> BTreeMap<Counter, u64> {
        BTreeMap::new()
    }

    /// Label of a live process; None for host processes and for those that are gone.
    pub fn label_of_pid(&self, _pid: u32) -> Option<u32> {
        None
    }
}
