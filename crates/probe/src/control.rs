//! The handle for labels, policies, held processes, flows and counters.

use crate::{
    Attach, Error, Flow, KernelPolicy,
    fanotify::{Marks, Notifier, Tally, Watches},
    flow::FlowReader,
    hold::{self, Hold},
    install::Installed,
    intf::{self, LABEL_IGNORED, LabelValue, count},
    kernel::{self, Maps},
    label::Labels,
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
    pub(crate) programs: Vec<OwnedFd>,
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
    pub(crate) programs: Vec<OwnedFd>,
}

impl Control {
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
            programs,
        } = parts;
        let inner = Inner {
            maps,
            labels,
            hold,
            marks,
            notifier,
            watches,
            tally,
            fail_closed,
            programs,
            next_set: AtomicU32::new(1),
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
        inner.place_marks(label, workload)
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
        if let Some(installed) = &workload.installed {
            installed.remove(&inner.maps);
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
        let installed = Installed::put(&inner.maps, set, policy)?;
        if let Err(error) = installed.swap(&inner.maps, label, policy) {
            installed.remove(&inner.maps);
            return Err(error);
        }
        let workload = workloads.entry(label).or_default();
        if let Some(old) = workload.installed.replace(installed) {
            old.remove(&inner.maps);
        }
        workload.policy = Some(policy.clone());
        let placed = inner.place_marks(label, workload);
        if let Some(marks) = &inner.marks {
            marks.forget_answers();
        }
        placed
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
            (Counter::ExecsDenied, files(&tally.execs_denied)),
            (Counter::FilesJudged, files(&tally.files_judged)),
            (Counter::FilesDenied, files(&tally.files_denied)),
            (
                Counter::FailedOpen,
                files(&tally.failed_open) + files(&hold.failed_open),
            ),
            (
                Counter::FailedClosed,
                files(&tally.failed_closed) + files(&hold.failed_closed),
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
        if let Some(workload) = workloads.get_mut(&label)
            && let Err(error) = self.inner.place_marks(label, workload)
        {
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
