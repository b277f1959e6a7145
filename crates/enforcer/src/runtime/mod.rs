//! Processes: the table of live ones, verdicts on what they do, learning and incident records.
//!
//! [`Runtime`] is fed with kernel events by one thread and asked by the fanotify threads. Its one
//! lock is held for table look-ups only; policies are read without it.

mod aggregate;
mod burst;
mod call_arg;
mod called;
mod caller;
mod denied;
mod details;
mod detected_file;
mod detection;
mod escalation;
mod evaluate;
mod exec;
mod file;
mod incident;
mod judge;
mod kernel_profile;
mod learn;
mod loaded;
mod member;
mod opened;
mod pending;
mod plan;
mod query;
mod rootfs;
mod seed;
mod seen;
mod table;
mod users;
mod watch;

pub(crate) use aggregate::{Admit, Aggregator, Repeats};
pub(crate) use details::asks_of_processes;
pub(crate) use incident::subject;
pub(crate) use member::{Member, MemberRef};
pub(crate) use plan::{HostPlan, Plan};
pub(crate) use rootfs::Rootfs;
pub(crate) use table::{Process, TableLimits};
pub(crate) use users::Users;

use crate::{
    kernel::Kernel,
    outbox::{Outbox, now},
};
use arc_swap::ArcSwap;
use detection::Detection;
use escalation::Roots;
use incident::{Finding, Incidents};
use opened::Opened;
use pending::Pending;
use rampart_probe::{Event, KernelPolicy};
use seen::Seen;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::AtomicU32},
};
use table::Table;

pub(crate) struct Runtime {
    members: ArcSwap<HashMap<u32, MemberRef>>,
    host: ArcSwap<HostPlan>,
    host_users: Users,
    host_learned: AtomicU32,
    kernel: OnceLock<Arc<dyn Kernel>>,
    detection: OnceLock<Detection>,
    state: Mutex<State>,
    out: Outbox,
    /// Mount namespaces of the host: a process in a container's cgroup that is still in one of
    /// them is the container runtime's own helper.
    host_mount_ns: Vec<u32>,
    /// Our own pid namespace.
    pid_ns: u32,
}

struct State {
    table: Table,
    incidents: Incidents,
    /// Facts already learned.
    seen: Seen,
    /// Accesses already reported, so that what follows from them is not reported again.
    opened: Opened,
    pending: Pending,
    roots: Roots,
    /// What rules ask of a process beyond the events.
    asks: details::Asks,
}

impl Runtime {
    pub(crate) fn new(out: Outbox, limits: TableLimits, host_mount_ns: Vec<u32>) -> Self {
        Self {
            members: ArcSwap::default(),
            host: ArcSwap::default(),
            host_users: Users::of(std::process::id()),
            host_learned: AtomicU32::new(0),
            kernel: OnceLock::new(),
            detection: OnceLock::new(),
            state: Mutex::new(State {
                table: Table::new(limits),
                incidents: Incidents::default(),
                seen: Seen::default(),
                opened: Opened::default(),
                pending: Pending::default(),
                roots: Roots::default(),
                asks: details::Asks::default(),
            }),
            out,
            host_mount_ns,
            pid_ns: pid_namespace(),
        }
    }

    /// The kernel is started with this judge, so it is known only afterwards.
    pub(crate) fn set_kernel(&self, kernel: Arc<dyn Kernel>) {
        if self.kernel.set(kernel).is_err() {
            tracing::error!("the kernel was set twice; the first one stays");
        }
    }

    pub(crate) fn kernel(&self) -> Option<&Arc<dyn Kernel>> {
        self.kernel.get()
    }

    pub(crate) fn out(&self) -> &Outbox {
        &self.out
    }

    pub(crate) fn member(&self, label: u32) -> Option<MemberRef> {
        self.members.load().get(&label).cloned()
    }

    pub(crate) fn members(&self) -> Arc<HashMap<u32, MemberRef>> {
        self.members.load_full()
    }

    pub(crate) fn add_member(&self, member: MemberRef) {
        self.members.rcu(|members| {
            let mut members = HashMap::clone(members);
            members.insert(member.label, member.clone());
            members
        });
    }

    pub(crate) fn remove_member(&self, label: u32) -> Option<MemberRef> {
        let mut removed = None;
        self.members.rcu(|members| {
            let mut members = HashMap::clone(members);
            removed = members.remove(&label);
            members
        });
        self.lock().table.forget_label(label);
        removed
    }

    pub(crate) fn set_host_plan(&self, plan: HostPlan) {
        self.host.store(Arc::new(plan));
    }

    /// Puts the member's present plan in force in the kernel. Callers may race: the last plan wins.
    pub(crate) fn enforce(&self, member: &Member) -> Result<(), rampart_probe::Error> {
        let Some(kernel) = self.kernel() else {
            return Ok(());
        };
        let _turn = member.applying();
        kernel.set_policy(member.label, &self.kernel_policy(member))
    }

    fn kernel_policy(&self, member: &Member) -> KernelPolicy {
        let plan = member.plan.load();
        let privileged = member.workload.load().privileged;
        let mut policy = plan.kernel.clone();
        policy.exec_allow.extend(member.allowed_dropped());
        if !plan.loaders_listed {
            policy.exec_deny.extend(&member.loaders);
        }
        policy.drift_code = kernel_profile::drift_code(&plan, privileged);
        kernel_profile::fill(&mut policy.guard, &plan, &member.users.load(), privileged);
        policy
    }

    /// One fact from the kernel.
    pub(crate) fn handle(&self, event: &Event) {
        match event {
            Event::Fork(fork) => {
                let mut state = self.lock();
                let (child, start) = (fork.child_pid, fork.child_start_ns);
                state
                    .table
                    .fork(fork.parent.pid, child, start, fork.child_label, fork.at);
            }
            Event::Exec(exec) => self.exec(exec),
            Event::Exit(exit) => {
                let mut state = self.lock();
                state.pending.forget(exit.task.pid);
                state.table.exit(exit.task.pid, exit.task.start_ns);
            }
            Event::Cred(cred) => {
                self.detect_cred(cred);
                self.credentials(cred);
            }
            Event::File(act) => self.file_changed(act),
            Event::Killed(killed) => self.killed(killed),
            Event::Denied(denied) => self.denied(denied),
            Event::Socket(socket) => self.detect_socket(socket),
            Event::Call(call) => self.detect_call(call),
            Event::Verdict(_)
            | Event::FirstExec(_)
            | Event::CgroupCreated { .. }
            | Event::CgroupRemoved { .. }
            | Event::Dropped { .. } => {}
        }
    }

    /// Closes windows of repeats. Call it about once a second.
    pub(crate) fn tick(&self) {
        self.flush_roots();
        self.lock().incidents.close(&self.out, now());
    }

    /// Writes out every open count: nothing is lost at shutdown.
    pub(crate) fn finish(&self) {
        self.lock().incidents.close_all(&self.out, now());
    }

    fn report(&self, member: Option<&Member>, finding: Finding) {
        self.lock().incidents.found(&self.out, member, finding);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 0 if it cannot be told.
fn pid_namespace() -> u32 {
    let found = std::fs::metadata("/proc/self/ns/pid");
    found.map_or(0, |ns| {
        u32::try_from(std::os::unix::fs::MetadataExt::ino(&ns)).unwrap_or(0)
    })
}
