//! The handle for labels, policies, held processes, flows and counters.

use crate::{
    Attach, CallFilter, Error, Flow, KernelPolicy, LastEnd,
    call::watch::CallWatch,
    fanotify::{Board, Marks, Notifier, Tally, Watches},
    flow::FlowReader,
    guard::{self, Guarded, Identifier},
    hold::{self, Hold},
    install::Installed,
    intf::{self, LABEL_IGNORED, LabelValue, PolicyValue, count},
    kernel::{self, Maps, ProgramCost, Refused},
    label::Labels,
    pin::Pins,
    procfs,
};
use libbpf_rs::{MapCore, MapFlags};
use rampart_model::node::Counter;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
};

/// Folders looked at to find a cgroup by its id.
const MAX_CGROUPS: usize = 100_000;
/// Processes below a container's first one that are labelled by descent.
const MAX_DESCENDANTS: usize = 100_000;

#[derive(Default)]
struct Workload {
    cgroups: BTreeSet<u64>,
    folders: BTreeSet<PathBuf>,
    pids: BTreeSet<u32>,
    policy: Option<KernelPolicy>,
    installed: Option<Installed>,
    guarded: Option<Guarded>,
}

pub(crate) struct Inner {
    pub(crate) maps: Arc<Maps>,
    pub(crate) labels: Labels,
    pub(crate) hold: Arc<Hold>,
    pub(crate) marks: Option<Arc<Marks>>,
    pub(crate) notifier: Option<Arc<Notifier>>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) tally: Arc<Tally>,
    fail_closed: Arc<AtomicBool>,
    board: Arc<Board>,
    pub(crate) programs: Vec<OwnedFd>,
    pub(crate) calls: CallWatch,
    identifier: Option<Identifier>,
    pins: Option<Pins>,
    refused: Refused,
    last_end: Mutex<Option<LastEnd>>,
    first_label: u32,
    next_set: AtomicU32,
    workloads: Mutex<HashMap<u32, Workload>>,
    flows: Mutex<FlowReader>,
}

/// Cheap to clone; every method may be called from any thread.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

pub(crate) struct Parts {
    pub(crate) maps: Arc<Maps>,
    pub(crate) labels: Labels,
    pub(crate) hold: Arc<Hold>,
    pub(crate) marks: Option<Arc<Marks>>,
    pub(crate) notifier: Option<Arc<Notifier>>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) fail_closed: Arc<AtomicBool>,
    pub(crate) board: Arc<Board>,
    pub(crate) last_end: Option<LastEnd>,
    pub(crate) programs: Vec<OwnedFd>,
    pub(crate) calls: CallWatch,
    pub(crate) identifier: Option<Identifier>,
    pub(crate) pins: Option<Pins>,
    pub(crate) refused: Refused,
}

impl Control {
    /// How a predecessor ended, if it was killed or crashed; told once.
    pub fn last_end(&self) -> Option<LastEnd> {
        let mut end = self
            .inner
            .last_end
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        end.take()
    }

    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            maps,
            labels,
            hold,
            marks,
            notifier,
            watches,
            tally,
            fail_closed,
            board,
            last_end,
            programs,
            calls,
            identifier,
            pins,
            refused,
        } = parts;
        let (last_label, last_set) = adopted(&maps);
        let inner = Inner {
            maps,
            labels,
            hold,
            marks,
            notifier,
            watches,
            tally,
            fail_closed,
            board,
            programs,
            calls,
            identifier,
            pins,
            refused,
            last_end: Mutex::new(last_end),
            first_label: last_label.wrapping_add(1).max(1),
            next_set: AtomicU32::new(last_set.wrapping_add(1).max(1)),
            workloads: Mutex::default(),
            flows: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Changes what happens to an act nobody judges in time: true refuses it, false lets it pass.
    pub fn set_fail_closed(&self, fail_closed: bool) {
        self.inner.fail_closed.store(fail_closed, Relaxed);
        let word = u32::from(fail_closed);
        self.inner.board.fail_closed.store(word, Relaxed);
    }

    /// Labels the cgroup with those below it, the processes in them, and the process `pid` with
    /// its descendants; places permission marks if there is a policy. Repeating it with a later
    /// `pid` adds marks.
    pub fn attach_workload(&self, attach: &Attach) -> Result<(), Error> {
        let label = attach.label;
        if label == 0 {
            return Err(Error::HostLabel);
        }
        let inner = &self.inner;
        let mut workloads = inner.workloads();
        let workload = workloads.entry(label).or_default();
        inner.inherit_policy(label, attach)?;
        if attach.cgroup_id != 0 {
            inner.label_cgroup(attach.cgroup_id, label)?;
            workload.cgroups.insert(attach.cgroup_id);
            workload
                .folders
                .extend(inner.folder_of(attach.cgroup_id, attach.pid));
        }
        for folder in &workload.folders {
            inner.label_folder(folder, label)?;
        }
        if attach.pid != 0 {
            workload.pids.insert(attach.pid);
            inner.label_descendants(attach.pid, label);
        }
        let guarded = inner.place_guard(label, workload);
        inner.place_marks(label, workload).and(guarded)
    }

    /// The lowest label that no predecessor's policy has: give none below it.
    pub fn first_label(&self) -> u32 {
        self.inner.first_label
    }

    /// Programs this kernel lacks the hook for, or refuses, each with the reason.
    pub fn left_out(&self) -> &BTreeMap<String, String> {
        &self.inner.refused
    }

    /// Every loaded program, with what it cost the verifier.
    pub fn programs(&self) -> Vec<ProgramCost> {
        let programs = self.inner.programs.iter();
        programs.filter_map(kernel::cost).collect()
    }

    /// Whether the LSM programs are in force.
    pub fn guards(&self) -> bool {
        self.inner.identifier.is_some()
    }

    /// To be called once running workloads have their policies: what a predecessor left for
    /// labels that no cgroup and no process has goes, and so do programs of older builds.
    pub fn settle(&self) {
        let inner = &self.inner;
        let Some(pins) = &inner.pins else { return };
        let used = inner.labels_in_use();
        let stale = |key: &Vec<u8>| intf::read::<u32>(key).is_some_and(|l| !used.contains(&l));
        let labels: Vec<Vec<u8>> = inner.maps.policies.keys().filter(stale).collect();
        for key in labels {
            let _ = inner.maps.policies.delete(&key);
        }
        guard::settle();
        inner.sweep();
        pins.retire_others();
    }

    /// Forgets the label, its policy and its marks. Unknown labels are fine.
    pub fn detach_workload(&self, label: u32) {
        let inner = &self.inner;
        let Some(workload) = inner.workloads().remove(&label) else {
            return;
        };
        for id in inner.cgroups_with(label) {
            let _ = inner.maps.labels.delete(&id);
        }
        let folders = workload
            .folders
            .iter()
            .filter_map(|f| procfs::cgroup_pids(f).ok());
        for pid in folders.flatten().chain(workload.pids.iter().copied()) {
            inner.labels.unstick(pid);
        }
        let _ = inner.maps.policies.delete(&label.to_ne_bytes());
        guard::settle();
        if let Some(installed) = &workload.installed {
            installed.remove(&inner.maps);
        }
        if let Some(guarded) = &workload.guarded {
            guarded.remove(&inner.maps);
        }
        inner.watches.remove(label);
        if let Some(notifier) = &inner.notifier {
            notifier.forget(label);
        }
        if let Some(marks) = &inner.marks {
            marks.forget_answers();
        }
    }

    /// Marks a cgroup as not a container: its processes are never held again.
    pub fn ignore_cgroup(&self, cgroup_id: u64) -> Result<(), Error> {
        let value = LabelValue {
            label: 0,
            flags: LABEL_IGNORED,
        };
        kernel::put(&self.inner.maps.labels, &cgroup_id.to_ne_bytes(), &value)
    }

    /// Puts a policy in force with one swap; on error the old one stays. It may come before or
    /// after [`Self::attach_workload`].
    pub fn set_policy(&self, label: u32, policy: &KernelPolicy) -> Result<(), Error> {
        if label == 0 {
            return Err(Error::HostLabel);
        }
        let inner = &self.inner;
        let mut workloads = inner.workloads();
        let set = inner.next_set.fetch_add(1, Relaxed);
        let workload = workloads.entry(label).or_default();
        let installed = Installed::put(&inner.maps, set, policy)?;
        let guarded = match inner.resolve_guard(workload, policy) {
            Ok(guarded) => guarded,
            Err(error) => {
                installed.remove(&inner.maps);
                return Err(error);
            }
        };
        let guard = (guarded.flags, guarded.set);
        if let Err(error) = installed.swap(&inner.maps, label, policy, guard, guarded.watch) {
            installed.remove(&inner.maps);
            guarded.remove(&inner.maps);
            return Err(error);
        }
        let old = workload.installed.replace(installed);
        let old_guarded = workload.guarded.replace(guarded);
        if old.is_some() || old_guarded.is_some() {
            // A program that has read the old policy still looks for its entries.
            guard::settle();
        }
        if let Some(old) = old {
            old.remove(&inner.maps);
        }
        if let Some(old) = old_guarded {
            old.remove(&inner.maps);
        }
        workload.policy = Some(policy.clone());
        let placed = inner.place_marks(label, workload);
        if let Some(marks) = &inner.marks {
            marks.forget_answers();
        }
        placed
    }

    /// Tells the calls that the filter asks for from now on, and no others. Nothing is attached to
    /// system calls while it asks for none.
    pub fn watch_calls(&self, filter: &CallFilter) -> Result<(), Error> {
        self.inner.calls.put(&self.inner.maps, filter)
    }

    /// Detaches from system calls, for good.
    pub(crate) fn close_calls(&self) {
        self.inner.calls.close();
    }

    /// Lets a held process run. False when it was not held any more.
    pub fn release(&self, pid: u32) -> bool {
        self.inner.hold.release(pid)
    }

    /// Kills a process, held or not. False when it is gone.
    pub fn kill(&self, pid: u32) -> bool {
        self.inner.hold.kill(pid)
            || hold::pidfd(pid).is_ok_and(|p| hold::send(&p, libc::SIGKILL).is_ok())
    }

    /// Traffic since the last call.
    pub fn drain_flows(&self) -> Result<Vec<Flow>, Error> {
        let mut reader = self
            .inner
            .flows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        reader.drain(&self.inner.maps.flows)
    }

    pub fn counters(&self) -> BTreeMap<Counter, u64> {
        let Inner {
            maps,
            tally,
            hold,
            programs,
            board,
            notifier,
            ..
        } = &*self.inner;
        let files = |open: &std::sync::atomic::AtomicU64| open.load(Relaxed);
        BTreeMap::from([
            (
                Counter::EventsReceived,
                maps.count(count::EVENTS) + maps.count(count::CRITICAL),
            ),
            (Counter::EventsDropped, maps.count(count::EVENTS_DROPPED)),
            (
                Counter::CriticalDropped,
                maps.count(count::CRITICAL_DROPPED),
            ),
            (Counter::KilledAtExec, maps.count(count::KILLED)),
            (Counter::Held, maps.count(count::HELD)),
            (Counter::ConnectsDenied, maps.count(count::CONNECTS_DENIED)),
            (Counter::PacketsDropped, maps.count(count::PACKETS_DROPPED)),
            (Counter::ExecsJudged, files(&tally.execs_judged)),
            (
                Counter::ExecsDenied,
                files(&tally.execs_denied) + maps.count(count::EXECS_DENIED),
            ),
            (Counter::FilesJudged, files(&tally.files_judged)),
            (
                Counter::FilesDenied,
                files(&tally.files_denied) + maps.count(count::FILES_DENIED),
            ),
            (Counter::ActsDenied, maps.count(count::ACTS_DENIED)),
            (
                Counter::FailedOpen,
                files(&tally.failed_open) + files(&hold.failed_open) + files(&board.opened),
            ),
            (
                Counter::FailedClosed,
                files(&tally.failed_closed) + files(&hold.failed_closed) + files(&board.closed),
            ),
            (Counter::ListenerStops, files(&board.stops)),
            (
                Counter::WatchdogAnswers,
                files(&board.opened) + files(&board.closed),
            ),
            (
                Counter::QueueOverflows,
                files(&tally.unread) + notifier.as_ref().map_or(0, |n| files(&n.overflows)),
            ),
            (Counter::ProgramsMissed, kernel::missed(programs)),
        ])
    }

    /// Label of a live process; None for host processes and for those that are gone.
    pub fn label_of_pid(&self, pid: u32) -> Option<u32> {
        self.inner.labels.of_pid(pid)
    }

    /// Places the marks of a label again, after its files have moved.
    pub(crate) fn refresh_marks(&self, label: u32) {
        let mut workloads = self.inner.workloads();
        let Some(workload) = workloads.get_mut(&label) else {
            return;
        };
        let placed = self.inner.place_guard(label, workload);
        if let Err(error) = self.inner.place_marks(label, workload).and(placed) {
            tracing::debug!(label, %error, "marks are not placed again");
        }
    }
}

impl Inner {
    fn workloads(&self) -> MutexGuard<'_, HashMap<u32, Workload>> {
        self.workloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn label_cgroup(&self, id: u64, label: u32) -> Result<(), Error> {
        kernel::put(
            &self.maps.labels,
            &id.to_ne_bytes(),
            &LabelValue { label, flags: 0 },
        )
    }

    /// Labels a cgroup's folder, those below it, and their processes.
    fn label_folder(&self, folder: &Path, label: u32) -> Result<(), Error> {
        for dir in walk(folder) {
            if let Ok(found) = fs::metadata(&dir) {
                self.label_cgroup(found.ino(), label)?;
            }
            for pid in procfs::cgroup_pids(&dir).unwrap_or_default() {
                self.labels.stick(pid, label);
            }
        }
        Ok(())
    }

    fn label_descendants(&self, pid: u32, label: u32) {
        let mut queue = vec![pid];
        let mut seen = BTreeSet::new();
        while let Some(next) = queue.pop() {
            if seen.len() >= MAX_DESCENDANTS || !seen.insert(next) {
                continue;
            }
            self.labels.stick(next, label);
            queue.extend(procfs::children(next));
        }
    }

    fn folder_of(&self, id: u64, pid: u32) -> Option<PathBuf> {
        let mount = &self.labels.cgroup2;
        let own = procfs::cgroup_path(pid).unwrap_or_default();
        let own = mount.join(own.trim_start_matches('/'));
        if pid != 0 && fs::metadata(&own).is_ok_and(|m| m.ino() == id) {
            return Some(own);
        }
        walk(mount).find(|dir| fs::metadata(dir).is_ok_and(|m| m.ino() == id))
    }

    fn cgroups_with(&self, label: u32) -> Vec<Vec<u8>> {
        let has = |key: &Vec<u8>| {
            let value = self.maps.labels.lookup(key, MapFlags::ANY).ok().flatten();
            value
                .and_then(|v| intf::read::<LabelValue>(&v))
                .is_some_and(|v| v.label == label)
        };
        self.maps.labels.keys().filter(has).collect()
    }

    /// A workload that a predecessor labelled keeps that policy until it is given its own.
    fn inherit_policy(&self, label: u32, attach: &Attach) -> Result<(), Error> {
        let policies = &self.maps.policies;
        let policy = |label: u32| -> Option<PolicyValue> {
            intf::read(
                &policies
                    .lookup(&label.to_ne_bytes(), MapFlags::ANY)
                    .ok()??,
            )
        };
        if policy(label).is_some() {
            return Ok(());
        }
        let of_cgroup = self.labels.of_cgroup(attach.cgroup_id).map(|l| l.label);
        let of_pid = || self.labels.state_of(attach.pid).map(|s| s.label);
        let old = of_cgroup.filter(|l| *l != 0).or_else(of_pid);
        match old.filter(|old| *old != label).and_then(policy) {
            Some(value) => kernel::put(policies, &label.to_ne_bytes(), &value),
            None => Ok(()),
        }
    }

    /// Files of the guard, as seen from a live process of the workload; without one only what
    /// needs no files.
    fn resolve_guard(&self, workload: &Workload, policy: &KernelPolicy) -> Result<Guarded, Error> {
        let Some(identifier) = &self.identifier else {
            return Ok(Guarded::default());
        };
        let set = self.next_set.fetch_add(1, Relaxed);
        let listed = workload
            .folders
            .iter()
            .filter_map(|f| procfs::cgroup_pids(f).ok())
            .flatten();
        let pid = guard::reachable(workload.pids.iter().copied().chain(listed));
        Guarded::put(&self.maps, identifier, set, &policy.guard, pid)
    }

    /// Resolves the guard again and puts it in force if that changed anything.
    fn place_guard(&self, label: u32, workload: &mut Workload) -> Result<(), Error> {
        let (Some(_), Some(policy)) = (&self.identifier, workload.policy.clone()) else {
            return Ok(());
        };
        if policy.guard.files.is_empty() && policy.guard.profile.is_none() {
            return Ok(());
        }
        let fresh = self.resolve_guard(workload, &policy)?;
        let installed = match (&workload.guarded, &workload.installed) {
            (Some(old), Some(installed)) if !old.same_rules(&fresh) => installed,
            _ => {
                fresh.remove(&self.maps);
                return Ok(());
            }
        };
        let guard = (fresh.flags, fresh.set);
        if let Err(error) = installed.swap(&self.maps, label, &policy, guard, fresh.watch) {
            fresh.remove(&self.maps);
            return Err(error);
        }
        if let Some(old) = workload.guarded.replace(fresh) {
            guard::settle();
            old.remove(&self.maps);
        }
        Ok(())
    }

    /// Of workloads, of cgroups that exist, and of processes that live.
    fn labels_in_use(&self) -> BTreeSet<u32> {
        let mut used: BTreeSet<u32> = self.workloads().keys().copied().collect();
        let cgroups: BTreeSet<u64> = walk(&self.labels.cgroup2)
            .filter_map(|dir| fs::metadata(dir).ok())
            .map(|found| found.ino())
            .collect();
        let ids: Vec<Vec<u8>> = self.maps.labels.keys().collect();
        for key in ids {
            let Some(id) = intf::read::<u64>(&key) else {
                continue;
            };
            if cgroups.contains(&id) {
                used.extend(self.labels.of_cgroup(id).map(|l| l.label));
            } else {
                let _ = self.maps.labels.delete(&key);
            }
        }
        let pids: Vec<Vec<u8>> = self.maps.members.keys().collect();
        for key in pids {
            let label = self.maps.members.lookup(&key, MapFlags::ANY).ok().flatten();
            match (intf::read::<u32>(&key), label.and_then(|l| intf::read(&l))) {
                (Some(pid), Some(label)) if procfs::Status::read(pid).is_ok() => {
                    used.insert(label);
                }
                _ => {
                    let _ = self.maps.members.delete(&key);
                }
            }
        }
        used
    }

    /// Removes entries of sets that no policy names.
    fn sweep(&self) {
        let maps = &self.maps;
        let mut sets = BTreeSet::new();
        for key in maps.policies.keys() {
            let value = maps.policies.lookup(&key, MapFlags::ANY).ok().flatten();
            if let Some(value) = value.and_then(|v| intf::read::<PolicyValue>(&v)) {
                sets.extend([value.set, value.guard_set]);
            }
        }
        // The set comes first in every key, after the prefix length of a trie.
        for (map, at) in [
            (&maps.exec_verdicts, 0),
            (&maps.file_rules, 0),
            (&maps.name_rules, 0),
            (&maps.patterns, 0),
            (&maps.programs, 0),
            (&maps.ports, 4),
            (&maps.rules, 4),
        ] {
            let stale = |key: &Vec<u8>| {
                key.get(at..)
                    .and_then(intf::read::<u32>)
                    .is_some_and(|set| !sets.contains(&set))
            };
            let keys: Vec<Vec<u8>> = map.keys().filter(stale).collect();
            for key in keys {
                let _ = map.delete(&key);
            }
        }
    }

    /// Marks seen from any live process of the workload.
    fn place_marks(&self, label: u32, workload: &mut Workload) -> Result<(), Error> {
        let (Some(marks), Some(policy)) = (&self.marks, &workload.policy) else {
            return Ok(());
        };
        workload
            .pids
            .retain(|pid| self.labels.of_pid(*pid) == Some(label));
        let listed = workload
            .folders
            .iter()
            .filter_map(|f| procfs::cgroup_pids(f).ok())
            .flatten();
        let mut outcome = Ok(());
        for pid in workload.pids.iter().copied().chain(listed).take(16) {
            outcome = marks.place(label, pid, policy);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }
}

/// The highest label and set of a predecessor's policies.
fn adopted(maps: &Maps) -> (u32, u32) {
    let mut last = (0, 0);
    for key in maps.policies.keys() {
        let value = maps.policies.lookup(&key, MapFlags::ANY).ok().flatten();
        let value = value.and_then(|v| intf::read::<PolicyValue>(&v));
        if let (Some(label), Some(value)) = (intf::read::<u32>(&key), value) {
            last.0 = last.0.max(label);
            last.1 = last.1.max(value.set).max(value.guard_set);
        }
    }
    last
}

/// A folder and every folder below it.
fn walk(top: &Path) -> impl Iterator<Item = PathBuf> {
    let mut queue = vec![top.to_owned()];
    let mut count = 0;
    std::iter::from_fn(move || {
        let next = queue.pop()?;
        count += 1;
        if count < MAX_CGROUPS {
            let entries = fs::read_dir(&next).into_iter().flatten().flatten();
            queue.extend(
                entries
                    .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
                    .map(|e| e.path()),
            );
        }
        Some(next)
    })
}
