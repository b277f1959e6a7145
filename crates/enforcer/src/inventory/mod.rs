//! Workloads, their labels and their policies: from the first exec to the end.
//!
//! A container nobody has told of is held by the kernel at its first exec, looked up in the files
//! its runtime has written, given a label and its group's policy, judged and let go. Attaching is
//! one at a time; the kernel's hold deadline bounds how long a container may wait.

mod cgroup;
mod first_exec;
mod latency;

pub(crate) use latency::Latency;

use crate::{
    outbox::now,
    runtime::{HostPlan, Member, MemberRef, Plan, Rootfs, Runtime, Users},
};
use arc_swap::ArcSwap;
use rampart_cluster::{Change, Discovery};
use rampart_model::{
    Group, GroupName, LogLevel, NodeId, PolicySnapshot, Report, Timestamp, Workload, WorkloadId,
};
use rampart_policy::Engine;
use rampart_probe::{Attach, FileId, procfs};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Where dynamic loaders are, on the architectures we build for.
const LOADERS: &[&str] = &[
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-x86-64.so.2",
    "/lib/ld-linux.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// The port to what finds containers.
pub trait Inventory: Send + Sync + 'static {
    /// The container of a cgroup or of a process in it. Blocks for milliseconds, on files only.
    fn lookup(&self, cgroup_id: u64, pid: u32) -> Option<Workload>;
    /// All that run.
    fn workloads(&self) -> Vec<Workload>;
}

impl Inventory for Discovery {
    fn lookup(&self, cgroup_id: u64, pid: u32) -> Option<Workload> {
        self.lookup_cgroup(cgroup_id, pid)
    }

    fn workloads(&self) -> Vec<Workload> {
        Discovery::workloads(self)
    }
}

pub(crate) struct Registry {
    runtime: Arc<Runtime>,
    inventory: Arc<dyn Inventory>,
    engine: ArcSwap<Engine>,
    node: NodeId,
    cgroup2: Option<PathBuf>,
    /// The node refuses what nobody judges in time, whatever the cluster's setting.
    fail_closed: bool,
    labels: Mutex<Labels>,
    settled: AtomicBool,
    applied: AtomicU64,
    pub(crate) latency: Latency,
}

#[derive(Default)]
struct Labels {
    by_id: HashMap<WorkloadId, u32>,
    by_cgroup: HashMap<u64, u32>,
    last: u32,
}

impl Registry {
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        inventory: Arc<dyn Inventory>,
        node: NodeId,
        cgroup2: Option<PathBuf>,
        fail_closed: bool,
    ) -> Self {
        Self {
            fail_closed,
            runtime,
            inventory,
            engine: ArcSwap::from_pointee(Engine::new(Arc::default())),
            node,
            cgroup2,
            labels: Mutex::default(),
            settled: AtomicBool::new(false),
            applied: AtomicU64::new(0),
            latency: Latency::default(),
        }
    }

    pub(crate) fn node(&self) -> &NodeId {
        &self.node
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.engine.load_full()
    }

    /// Takes a policy into force for everything on the node.
    pub(crate) fn set_policy(&self, snapshot: Arc<PolicySnapshot>) {
        let engine = Arc::new(Engine::new(snapshot));
        let host = HostPlan {
            policy: engine.compile_host(&self.node),
            mode: engine
                .group(&GroupName::from(Group::NODES))
                .and_then(|g| g.profile_mode),
        };
        self.runtime.set_host_plan(host);
        let revision = engine.snapshot().revision;
        self.engine.store(engine);
        self.set_fail_mode();
        for member in self.runtime.members().values() {
            if self.replan(member) {
                self.runtime.judge_running(member.label);
            }
        }
        self.applied.store(revision, Ordering::Release);
    }

    /// The stricter of the node's own fail mode and the cluster's. Also called once the kernel side
    /// has started, for the policy that was kept from before.
    pub(crate) fn set_fail_mode(&self) {
        if let Some(kernel) = self.runtime.kernel() {
            kernel
                .set_fail_closed(self.fail_closed || self.engine().snapshot().settings.fail_closed);
        }
    }

    /// Revision of the policy that is in force for every container of the node.
    pub(crate) fn applied_revision(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Compiles, and enforces if anything has changed for this container; whether it has. What
    /// fails is told, and the earlier policy stays in the kernel.
    fn replan(&self, member: &MemberRef) -> bool {
        let plan = Plan::new(self.engine.load().compile(&member.workload.load()));
        if member.is_enforced() && plan.is_same(&member.plan.load()) {
            return false;
        }
        member.plan.store(Arc::new(plan));
        self.enforce(member);
        true
    }

    fn enforce(&self, member: &Member) -> bool {
        match self.runtime.enforce(member) {
            Ok(()) => {
                member.set_enforced(true);
                self.runtime.enforced(member);
                true
            }
            Err(error) => {
                self.tell_unenforced(member, "its policy", &error);
                false
            }
        }
    }

    fn tell_unenforced(&self, member: &Member, what: &str, error: &rampart_probe::Error) {
        if matches!(error, rampart_probe::Error::NoPrograms) {
            return;
        }
        let workload = member.reference();
        self.runtime.out().activity(
            LogLevel::Critical,
            "Agent.Enforcement.Failed",
            format!(
                "{what} of {} ({}) is not in force: {}",
                workload.name,
                workload.id.short(),
                with_causes(error)
            ),
        );
    }

    /// What discovery tells.
    pub(crate) fn change(&self, change: Change) {
        match change {
            Change::Added(workload) | Change::Updated(workload) => self.seen(*workload),
            Change::Removed { id, at, exit_code } => self.stopped(&id, at, exit_code),
            Change::RuntimeLost {
                runtime,
                socket,
                error,
            } => {
                let text = format!("{runtime:?} at {socket} does not answer: {error}");
                self.runtime
                    .out()
                    .activity(LogLevel::Warning, "Agent.Runtime.Lost", text);
            }
            Change::RuntimeFound {
                runtime,
                socket,
                version,
            } => {
                let text = format!("{runtime:?} {version} answers at {socket}");
                self.runtime
                    .out()
                    .activity(LogLevel::Info, "Agent.Runtime.Found", text);
            }
        }
    }

    fn seen(&self, workload: Workload) {
        let mut labels = self.lock();
        if let Some(label) = labels.by_id.get(&workload.id)
            && let Some(member) = self.runtime.member(*label)
        {
            drop(labels);
            self.update(&member, workload);
            return;
        }
        if !workload.running || cgroup::is_starting(workload.pid) {
            // Its first exec is still to come, and will bring it here.
            tracing::debug!(workload = %workload.id.short(), pid = workload.pid, running = workload.running, "not attached yet");
            return;
        }
        self.attach(&mut labels, workload);
    }

    fn update(&self, member: &MemberRef, mut workload: Workload) {
        let old = member.workload.load_full();
        workload.secured_at = old.secured_at;
        if *old == workload {
            return;
        }
        let moved = old.pid != workload.pid || old.cgroup_id != workload.cgroup_id;
        member.workload.store(Arc::new(workload.clone()));
        if moved && workload.pid != 0 {
            self.lock()
                .by_cgroup
                .insert(workload.cgroup_id, member.label);
            self.place(member);
        }
        self.replan(member);
        self.runtime
            .out()
            .inventory(&Report::Workload(Box::new(workload)));
    }

    /// Gives a running container a label and its policy.
    fn attach(&self, labels: &mut Labels, workload: Workload) -> MemberRef {
        let first = self.runtime.kernel().map_or(1, |k| k.first_label());
        labels.last = labels.last.checked_add(1).unwrap_or(1).max(first);
        let label = labels.last;
        labels.by_id.insert(workload.id.clone(), label);
        if workload.cgroup_id != 0 {
            labels.by_cgroup.insert(workload.cgroup_id, label);
        }
        let plan = Plan::new(self.engine.load().compile(&workload));
        let mut member = Member::new(label, workload.clone(), plan);
        if workload.pid != 0 {
            member.users.store(Arc::new(Users::of(workload.pid)));
            member.loaders = loaders(workload.pid);
        }
        let member = Arc::new(member);
        self.runtime.add_member(member.clone());
        if self.place(&member) && self.enforce(&member) {
            let secured = Workload {
                secured_at: now(),
                ..workload
            };
            member.workload.store(Arc::new(secured));
        }
        self.runtime.seed_member(label, &self.processes_of(&member));
        let workload = member.workload.load();
        tracing::info!(workload = %workload.id.short(), name = workload.display_name(), label, group = %member.plan.load().group, "attached");
        self.runtime
            .out()
            .inventory(&Report::Workload(Box::new(Workload::clone(&workload))));
        member
    }

    /// Label and marks in the kernel.
    fn place(&self, member: &Member) -> bool {
        let Some(kernel) = self.runtime.kernel() else {
            return false;
        };
        let workload = member.workload.load();
        let attach = Attach {
            label: member.label,
            cgroup_id: workload.cgroup_id,
            pid: workload.pid,
        };
        match kernel.attach(&attach) {
            Ok(()) => true,
            Err(error) => {
                self.tell_unenforced(member, "the attachment", &error);
                false
            }
        }
    }

    fn processes_of(&self, member: &Member) -> Vec<procfs::Process> {
        let workload = member.workload.load();
        let folder = self
            .cgroup2
            .as_deref()
            .map(|m| m.join(workload.cgroup_path.trim_start_matches('/')));
        let own_folder = folder.filter(|_| workload.cgroup_path.len() > 1);
        cgroup::processes(own_folder.as_deref(), workload.pid)
    }

    fn stopped(&self, id: &WorkloadId, at: Timestamp, exit_code: i32) {
        let mut labels = self.lock();
        let Some(label) = labels.by_id.remove(id) else {
            return;
        };
        labels.by_cgroup.retain(|_, l| *l != label);
        drop(labels);
        if let Some(kernel) = self.runtime.kernel() {
            kernel.detach(label);
        }
        self.runtime.remove_member(label);
        let report = Report::Stopped {
            workload: id.clone(),
            at,
            exit_code,
        };
        self.runtime.out().inventory(&report);
    }

    /// Attaches what a lost event left out, and ends what is gone. Call it every few seconds.
    pub(crate) fn reconcile(&self) {
        let running = self.inventory.workloads();
        let ids: HashSet<WorkloadId> = running.iter().map(|w| w.id.clone()).collect();
        for workload in running {
            let known = self.lock().by_id.contains_key(&workload.id);
            if !known {
                self.seen(workload);
            }
        }
        for member in self.runtime.members().values() {
            let workload = member.workload.load();
            let alive = workload.pid != 0 && Path::new(&format!("/proc/{}", workload.pid)).exists();
            if !ids.contains(&workload.id) && !alive {
                self.stopped(&workload.id, now(), rampart_cluster::EXIT_UNKNOWN);
            }
        }
        self.settle();
    }

    /// Once a policy is in force for what runs: a predecessor's is not needed any more.
    fn settle(&self) {
        if self.applied_revision() != 0
            && !self.settled.swap(true, Ordering::AcqRel)
            && let Some(kernel) = self.runtime.kernel()
        {
            kernel.settle();
        }
    }

    /// What introduces the workloads of this node to a controller.
    pub(crate) fn introduction(&self) -> Vec<Report> {
        let members = self.runtime.members();
        let workloads: Vec<_> = members.values().map(|m| m.workload.load_full()).collect();
        let ids = workloads.iter().map(|w| w.id.clone()).collect();
        let each = workloads
            .iter()
            .map(|w| Report::Workload(Box::new(Workload::clone(w))));
        each.chain([Report::Inventory(ids)]).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Labels> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn loaders(pid: u32) -> Vec<FileId> {
    let Ok(root) = Rootfs::of(pid) else {
        return Vec::new();
    };
    let mut found: Vec<FileId> = LOADERS
        .iter()
        .filter_map(|path| root.file_id(Path::new(path)).ok())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// An error with what caused it, for a record.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
