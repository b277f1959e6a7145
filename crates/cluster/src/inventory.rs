//! What is known of every container, merged over its sources, and what has changed.
//!
//! A state machine without I/O or clock: sources feed it, [`Inventory::drain`] gives the changes.
//! Only containers that run, or have run, are told of; what a runtime says of a container before
//! its start is kept, so that it is complete at its first exec. Bounds: [`MAX_CONTAINERS`] kept,
//! [`MAX_RECENT`] remembered after their end, [`MAX_OUTBOX`] changes waiting.

use crate::{procfs::net::Interfaces, runtime::RuntimeKind, service::identity};
use rampart_model::{NodeId, Timestamp, Workload, WorkloadId, workload::Pod};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// The exit code of a container whose end nobody saw.
pub const EXIT_UNKNOWN: i32 = -1;

const MAX_CONTAINERS: usize = 16_384;
const MAX_RECENT: usize = 1024;
const MAX_OUTBOX: usize = 65_536;
/// An answer that is older than the end it missed is not later than this.
const CROSSED_MS: i64 = 15_000;

/// Something happened to the containers of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Runs. Every container is added before it is updated or removed.
    Added(Box<Workload>),
    /// More is known, or something changed.
    Updated(Box<Workload>),
    /// Has ended; `exit_code` is [`EXIT_UNKNOWN`] if nobody saw it.
    Removed {
        id: WorkloadId,
        at: Timestamp,
        exit_code: i32,
    },
    /// A runtime stopped answering. Its containers stay, followed through the kernel.
    RuntimeLost {
        runtime: RuntimeKind,
        socket: String,
        error: String,
    },
    /// A runtime answers, for the first time or again.
    RuntimeFound {
        runtime: RuntimeKind,
        socket: String,
        version: String,
    },
}

/// Why a container is taken for ended.
#[derive(Debug)]
struct End {
    at: Timestamp,
    exit_code: i32,
    noticed: Timestamp,
    cause: &'static str,
}

impl End {
    /// Its end was inferred, now.
    fn unseen(now: Timestamp, cause: &'static str) -> Self {
        Self {
            at: now,
            exit_code: EXIT_UNKNOWN,
            noticed: now,
            cause,
        }
    }
}

/// What a source has to say.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// A container as this source sees it now.
    Seen(Box<Workload>),
    /// It has ended.
    Gone {
        id: WorkloadId,
        at: Timestamp,
        exit_code: i32,
    },
    /// A complete listing: what this source saw before it began and does not list has ended.
    Listed {
        ids: HashSet<WorkloadId>,
        /// [`Inventory::serial`] when the listing began.
        since: u64,
    },
}

impl Fact {
    /// A listing of a source that says nothing else while it lists.
    pub(crate) fn listed(ids: HashSet<WorkloadId>) -> Self {
        let since = u64::MAX;
        Self::Listed { ids, since }
    }
}

#[derive(Debug, Default)]
struct Entry {
    facts: BTreeMap<RuntimeKind, Told>,
    merged: Workload,
    announced: Option<Workload>,
    has_run: bool,
    /// Its process was not there when last looked for.
    suspect: bool,
}

/// What a source said last of a container.
#[derive(Debug)]
struct Told {
    workload: Workload,
    serial: u64,
}

/// A container that has ended.
#[derive(Debug)]
struct Ended {
    workload: Workload,
    /// When we were told, which may be long after the end.
    noticed: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct Inventory {
    node: NodeId,
    node_name: String,
    entries: HashMap<WorkloadId, Entry>,
    by_cgroup: HashMap<u64, WorkloadId>,
    recent: VecDeque<Ended>,
    dirty: BTreeSet<WorkloadId>,
    outbox: VecDeque<Change>,
    dropped: u64,
    refused: u64,
    /// Counts what sources saw, in the order it was taken.
    serial: u64,
}

impl Inventory {
    pub(crate) fn new(node: NodeId, node_name: String) -> Self {
        Self {
            node,
            node_name,
            ..Self::default()
        }
    }

    /// Takes a source's word, seen at `now`.
    pub(crate) fn apply(&mut self, source: RuntimeKind, fact: Fact, now: Timestamp) {
        match fact {
            Fact::Seen(workload) => self.see(source, *workload, now),
            Fact::Gone { id, at, exit_code } => {
                let cause = source.name();
                self.end(
                    &id,
                    &End {
                        at,
                        exit_code,
                        noticed: now,
                        cause,
                    },
                );
            }
            Fact::Listed { ids, since } => self.reconcile(source, &ids, since, now),
        }
    }

    /// Changes since the last call, in the order they happened.
    pub(crate) fn drain(&mut self) -> Vec<Change> {
        let dirty = std::mem::take(&mut self.dirty);
        for id in dirty {
            self.announce(&id);
        }
        self.outbox.drain(..).collect()
    }

    /// Tells of a runtime, between the changes of containers.
    pub(crate) fn note(&mut self, change: Change) {
        self.push(change);
    }

    /// A container that runs, or one of those that ended last.
    pub(crate) fn by_id(&self, id: &str) -> Option<Workload> {
        let entry = self.entries.get(id);
        // What has ended says more than the state folder it leaves until it is deleted.
        if let Some(entry) = entry.filter(|e| e.has_run) {
            return Some(entry.merged.clone());
        }
        let mut recent = self.recent.iter().rev().map(|e| &e.workload);
        let last = recent.find(|w| w.id.as_str() == id);
        last.or(entry.map(|e| &e.merged)).cloned()
    }

    pub(crate) fn by_cgroup(&self, cgroup_id: u64) -> Option<Workload> {
        match self.by_cgroup.get(&cgroup_id) {
            Some(id) => self.by_id(id.as_str()),
            None => self
                .recent
                .iter()
                .rev()
                .map(|e| &e.workload)
                .find(|w| w.cgroup_id == cgroup_id)
                .cloned(),
        }
    }

    pub(crate) fn running(&self) -> Vec<Workload> {
        self.entries
            .values()
            .filter(|e| e.merged.running)
            .map(|e| e.merged.clone())
            .collect()
    }

    /// Ends containers whose first process was not there on two looks in a row: the runtime's own
    /// word, which has the exit code, gets the time to come first.
    pub(crate) fn check_alive(&mut self, is_alive: impl Fn(u32) -> bool, now: Timestamp) {
        let mut ended = Vec::new();
        for (id, entry) in &mut self.entries {
            if !entry.merged.running || entry.merged.pid == 0 || is_alive(entry.merged.pid) {
                entry.suspect = false;
            } else if entry.suspect {
                ended.push(id.clone());
            } else {
                tracing::debug!(
                    workload = id.short(),
                    pid = entry.merged.pid,
                    "its process is not there"
                );
                entry.suspect = true;
            }
        }
        for id in ended {
            self.end(&id, &End::unseen(now, "its process is gone"));
        }
    }

    /// Networks joined or left while it runs.
    pub(crate) fn set_interfaces(&mut self, id: &WorkloadId, interfaces: &Interfaces) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let told = entry.facts.values_mut().map(|t| &mut t.workload);
        for view in told.chain([&mut entry.merged]) {
            view.interfaces.clone_from(interfaces);
        }
        self.dirty.insert(id.clone());
    }

    pub(crate) fn is_known(&self, id: &str) -> bool {
        self.entries.contains_key(id)
    }

    /// Which of the sources have described a container.
    pub(crate) fn has_fact(&self, source: RuntimeKind, id: &str) -> bool {
        self.entries
            .get(id)
            .is_some_and(|e| e.facts.contains_key(&source))
    }

    /// Grows with everything a source sees.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Containers not taken because there are too many.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    fn see(&mut self, source: RuntimeKind, workload: Workload, now: Timestamp) {
        let id = workload.id.clone();
        if id.is_empty() {
            return;
        }
        if self.is_stale(&workload, now) {
            tracing::debug!(workload = id.short(), %source, pid = workload.pid, "has just ended; a late word on it is ignored");
            return;
        }
        if self.is_restart(source, &workload) {
            self.end(&id, &End::unseen(now, "runs again as another process"));
        }
        if !self.entries.contains_key(&id) && self.entries.len() >= MAX_CONTAINERS {
            self.refused += 1;
            tracing::debug!(workload = id.short(), %source, "too many containers; not taken");
            return;
        }
        let entry = self.entries.entry(id.clone()).or_default();
        tracing::trace!(workload = id.short(), %source, pid = workload.pid, running = workload.running, "seen");
        self.serial += 1;
        let serial = self.serial;
        entry.facts.insert(source, Told { workload, serial });
        let mut merged = merge(entry.facts.values().map(|t| &t.workload));
        merged.node = self.node.clone();
        merged.node_name.clone_from(&self.node_name);
        let named = identity(&merged);
        (merged.service, merged.domain) = (named.service, named.domain);
        entry.has_run |= merged.running;
        let old = std::mem::replace(&mut entry.merged, merged);
        let cgroup = entry.merged.cgroup_id;
        if old.cgroup_id != cgroup {
            self.by_cgroup.remove(&old.cgroup_id);
        }
        if cgroup != 0 {
            self.by_cgroup.insert(cgroup, id.clone());
        }
        self.dirty.insert(id);
    }

    /// The same id with another process, by the same source: its end was missed. Two sources may
    /// differ, because one that saw another process of the container can only guess.
    fn is_restart(&self, source: RuntimeKind, workload: &Workload) -> bool {
        let before = self
            .entries
            .get(&workload.id)
            .and_then(|e| e.facts.get(&source));
        before.map(|told| &told.workload).is_some_and(|before| {
            before.running
                && workload.running
                && before.pid != 0
                && workload.pid != 0
                && before.pid != workload.pid
        })
    }

    /// A late word about a run that has ended: an answer that crossed with the event of the end.
    /// What is still said to run after [`CROSSED_MS`] does run, and its end was a mistake.
    fn is_stale(&self, workload: &Workload, now: Timestamp) -> bool {
        let is_it = |e: &&Ended| {
            let last = &e.workload;
            last.id == workload.id && (last.pid == workload.pid || workload.pid == 0)
        };
        let ended = self.recent.iter().rev().find(is_it);
        workload.running
            && !self.entries.contains_key(&workload.id)
            && ended.is_some_and(|e| (0..CROSSED_MS).contains(&now.since(e.noticed)))
    }

    fn end(&mut self, id: &WorkloadId, end: &End) {
        let (at, exit_code) = (end.at, end.exit_code);
        self.announce(id);
        self.dirty.remove(id);
        let Some(entry) = self.entries.remove(id) else {
            return;
        };
        tracing::debug!(workload = id.short(), cause = end.cause, exit_code, "ended");
        let mut last = entry.merged;
        self.by_cgroup.remove(&last.cgroup_id);
        if entry.announced.is_some() {
            self.push(Change::Removed {
                id: id.clone(),
                at,
                exit_code,
            });
        }
        if !entry.has_run {
            return;
        }
        last.running = false;
        last.finished_at = at;
        last.exit_code = exit_code;
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Ended {
            workload: last,
            noticed: end.noticed,
        });
    }

    fn reconcile(
        &mut self,
        source: RuntimeKind,
        listed: &HashSet<WorkloadId>,
        since: u64,
        now: Timestamp,
    ) {
        let mut ended = Vec::new();
        for (id, entry) in &mut self.entries {
            let before = entry.facts.get(&source).is_some_and(|t| t.serial <= since);
            if listed.contains(id) || !before {
                continue;
            }
            entry.facts.remove(&source);
            tracing::debug!(workload = id.short(), %source, others = entry.facts.len(), "not listed any more");
            // Others still vouch for it: a state folder may go before the runtime says why.
            if entry.facts.is_empty() {
                ended.push(id.clone());
            }
        }
        for id in ended {
            self.end(&id, &End::unseen(now, "no source lists it"));
        }
    }

    fn announce(&mut self, id: &WorkloadId) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        if !entry.has_run || entry.announced.as_ref() == Some(&entry.merged) {
            return;
        }
        let first = entry.announced.is_none();
        tracing::debug!(
            workload = id.short(),
            name = entry.merged.name,
            pid = entry.merged.pid,
            cgroup_id = entry.merged.cgroup_id,
            first,
            "told"
        );
        entry.announced = Some(entry.merged.clone());
        let workload = Box::new(entry.merged.clone());
        self.push(if first {
            Change::Added(workload)
        } else {
            Change::Updated(workload)
        });
    }

    fn push(&mut self, change: Change) {
        if self.outbox.len() >= MAX_OUTBOX {
            self.outbox.pop_front();
            self.dropped += 1;
        }
        self.outbox.push_back(change);
    }
}

/// One workload of several views of it, given from the least to the most telling source. A field
/// is the last view's that has it; labels are united; what grants power is true if any view says so.
fn merge<'a>(views: impl Iterator<Item = &'a Workload>) -> Workload {
    let mut out = Workload::default();
    for view in views {
        overlay(&mut out, view);
    }
    if out.name.is_empty() {
        out.name = out.id.as_str().to_owned();
    }
    out
}

/// Takes each named field if it is not its type's empty value.
macro_rules! take {
    ($from:ident => $to:ident: $($field:ident),+ $(,)?) => {
        $(set(&mut $to.$field, &$from.$field);)+
    };
}

fn set<T: Clone + Default + PartialEq>(to: &mut T, from: &T) {
    if *from != T::default() {
        to.clone_from(from);
    }
}

fn overlay(out: &mut Workload, view: &Workload) {
    // A name that only repeats the id says less than any other.
    let named = !view.name.is_empty() && view.name != view.id.as_str();
    if named {
        out.name.clone_from(&view.name);
    }
    take!(view => out: id, image, image_digest, env, runtime, pid, cgroup_path, cgroup_id,
        network_mode, interfaces, ports, mounts, memory_limit_bytes, cpus, created_at, started_at,
        finished_at, exit_code);
    out.labels
        .extend(view.labels.iter().map(|(k, v)| (k.clone(), v.clone())));
    out.host_network |= view.host_network;
    out.host_pid |= view.host_pid;
    out.privileged |= view.privileged;
    out.run_as_root |= view.run_as_root;
    out.running |= view.running;
    out.sandbox |= view.sandbox;
    if let Some(pod) = &view.pod {
        overlay_pod(out.pod.get_or_insert_with(Pod::default), pod);
    }
}

fn overlay_pod(out: &mut Pod, view: &Pod) {
    take!(view => out: uid, name, namespace, sandbox_id, namespace_labels);
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
