//! The port to the kernel: what [`rampart_probe::Control`] does, so that tests can stand in.

use rampart_model::node::Counter;
use rampart_probe::{Attach, CallFilter, Control, Error, Flow, KernelPolicy, LastEnd};
use std::collections::BTreeMap;

/// Control over labels, policies and held processes. Facts come the other way, as
/// [`rampart_probe::Event`]s and as questions to [`crate::runtime::Runtime`].
pub trait Kernel: Send + Sync + 'static {
    fn attach(&self, attach: &Attach) -> Result<(), Error>;
    fn detach(&self, label: u32);
    /// Not a container: never hold its processes again.
    fn ignore_cgroup(&self, cgroup_id: u64) -> Result<(), Error>;
    fn set_policy(&self, label: u32, policy: &KernelPolicy) -> Result<(), Error>;
    fn release(&self, pid: u32) -> bool;
    fn kill(&self, pid: u32) -> bool;
    /// Which system calls are told from now on.
    fn watch_calls(&self, _: &CallFilter) -> Result<(), Error> {
        Err(Error::NoPrograms)
    }
    /// What happens to an act nobody judges in time.
    fn set_fail_closed(&self, fail_closed: bool);
    fn drain_flows(&self) -> Result<Vec<Flow>, Error>;
    /// Whether it refuses by itself what a policy's guard says.
    fn guards(&self) -> bool {
        false
    }
    /// The lowest label to give: those below are a predecessor's.
    fn first_label(&self) -> u32 {
        1
    }
    /// Every running workload has its policy: what a predecessor left may go.
    fn settle(&self) {}
    fn counters(&self) -> BTreeMap<Counter, u64>;
    /// How a predecessor ended, if it was killed or crashed; told once.
    fn last_end(&self) -> Option<LastEnd> {
        None
    }
}

impl Kernel for Control {
    fn attach(&self, attach: &Attach) -> Result<(), Error> {
        self.attach_workload(attach)
    }

    fn detach(&self, label: u32) {
        self.detach_workload(label);
    }

    fn ignore_cgroup(&self, cgroup_id: u64) -> Result<(), Error> {
        Control::ignore_cgroup(self, cgroup_id)
    }

    fn set_policy(&self, label: u32, policy: &KernelPolicy) -> Result<(), Error> {
        Control::set_policy(self, label, policy)
    }

    fn release(&self, pid: u32) -> bool {
        Control::release(self, pid)
    }

    fn kill(&self, pid: u32) -> bool {
        Control::kill(self, pid)
    }

    fn watch_calls(&self, filter: &CallFilter) -> Result<(), Error> {
        Control::watch_calls(self, filter)
    }

    fn set_fail_closed(&self, fail_closed: bool) {
        Control::set_fail_closed(self, fail_closed);
    }

    fn drain_flows(&self) -> Result<Vec<Flow>, Error> {
        Control::drain_flows(self)
    }

    fn guards(&self) -> bool {
        Control::guards(self)
    }

    fn first_label(&self) -> u32 {
        Control::first_label(self)
    }

    fn settle(&self) {
        Control::settle(self);
    }

    fn counters(&self) -> BTreeMap<Counter, u64> {
        Control::counters(self)
    }

    fn last_end(&self) -> Option<LastEnd> {
        Control::last_end(self)
    }
}

/// A node where nothing can be loaded: everything is inventoried, nothing enforced.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKernel;

impl Kernel for NoKernel {
    fn attach(&self, _: &Attach) -> Result<(), Error> {
        Err(Error::NoPrograms)
    }

    fn detach(&self, _: u32) {}

    fn ignore_cgroup(&self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn set_policy(&self, _: u32, _: &KernelPolicy) -> Result<(), Error> {
        Err(Error::NoPrograms)
    }

    fn release(&self, _: u32) -> bool {
        false
    }

    fn kill(&self, _: u32) -> bool {
        false
    }

    fn set_fail_closed(&self, _: bool) {}

    fn drain_flows(&self) -> Result<Vec<Flow>, Error> {
        Ok(Vec::new())
    }

    fn counters(&self) -> BTreeMap<Counter, u64> {
        BTreeMap::new()
    }
}
