//! What this node itself tells of containers, without asking any runtime: control groups, state
//! folders, bundles, namespaces.

pub(crate) mod engine;
pub(crate) mod kubernetes;
pub(crate) mod namespaces;
pub(crate) mod oci;
pub(crate) mod state;

use crate::{
    cgroup::{self, Membership},
    diagnostics::Diagnostics,
    procfs::{Procfs, Stat, net},
    read,
};
use rampart_model::Workload;
use state::{Described, StateDir, StateRoot};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Where to look, and how.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) procfs: Procfs,
    pub(crate) roots: Vec<StateRoot>,
    pub(crate) docker_roots: Vec<PathBuf>,
    pub(crate) cgroup_mount: Option<PathBuf>,
    pub(crate) diagnostics: Arc<Diagnostics>,
    pub(crate) strangers: Strangers,
}

/// Mount namespaces that belong to no container, such as those of services with a private `/tmp`.
/// Remembered for a moment, so that their every look-up does not read all state folders.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashMap<u64, Instant>>);

const MAX_STRANGERS: usize = 4096;
const REMEMBERED: Duration = Duration::from_secs(2);

impl Strangers {
    fn knows(&self, mnt: u64) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&mnt)
            .is_some_and(|since| since.elapsed() < REMEMBERED)
    }

    fn add(&self, mnt: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_STRANGERS {
            known.clear();
        }
        known.insert(mnt, Instant::now());
    }
}

/// A container that a process belongs to, before anything is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) runtime: &'static str,
    /// Below the cgroup v2 mount; empty if the process is in a container of v1 alone.
    pub(crate) cgroup_path: String,
    pub(crate) dir: Option<StateDir>,
}

impl Local {
    /// The container of a process, from its cgroups; for a process in a mount namespace of its own
    /// also from the state folders. `None` for a process of the host.
    pub(crate) fn find(&self, pid: u32) -> Option<Found> {
        let membership = Membership::of(self.procfs.path(), pid).ok()?;
        self.find_in(pid, &membership)
    }

    /// The same, for who has read the cgroups of the process already.
    pub(crate) fn find_in(&self, pid: u32, membership: &Membership) -> Option<Found> {
        self.find_by_cgroup(membership)
            .or_else(|| self.find_by_process(pid, membership))
    }

    fn find_by_cgroup(&self, membership: &Membership) -> Option<Found> {
        let unified = membership.unified.as_deref();
        for path in membership.paths() {
            let own_is_unified = |own: &str| {
                if unified == Some(path) {
                    own.to_owned()
                } else {
                    unified_or_empty(unified)
                }
            };
            if let Some(found) = cgroup::container_of(path) {
                return Some(Found {
                    id: found.id.to_owned(),
                    runtime: found.runtime,
                    cgroup_path: own_is_unified(found.path),
                    dir: self.dir_of(found.id, found.path),
                });
            }
            let named = cgroup::name_candidates(path)
                .find_map(|(name, own)| Some((self.dir_of(name, own)?, own)));
            if let Some((dir, own)) = named {
                return Some(Found {
                    id: dir.id.clone(),
                    runtime: dir.runtime,
                    cgroup_path: own_is_unified(own),
                    dir: Some(dir),
                });
            }
        }
        None
    }

    /// A container whose cgroup is not named after it: its state names the cgroup or the process.
    fn find_by_process(&self, pid: u32, membership: &Membership) -> Option<Found> {
        let mnt = self.procfs.namespace(pid, "mnt")?;
        if Some(mnt) == self.procfs.host_namespace("mnt") || self.strangers.knows(mnt) {
            return None;
        }
        for dir in self.roots.iter().flat_map(StateRoot::list) {
            let Some(found) = dir.describe(&self.diagnostics) else {
                continue;
            };
            let own = found.cgroup_path.as_str();
            let same_cgroup = own.len() > 1 && membership.paths().any(|p| p == own);
            if found.workload.pid == pid || same_cgroup {
                let cgroup_path = unified_or_empty(membership.unified.as_deref());
                let (id, runtime) = (dir.id.clone(), dir.runtime);
                return Some(Found {
                    id,
                    runtime,
                    cgroup_path,
                    dir: Some(dir),
                });
            }
        }
        self.strangers.add(mnt);
        None
    }

    /// The state folder of the container in a cgroup. A cgroup that is merely named after a
    /// container, as any user may make one, is not it.
    fn dir_of(&self, id: &str, cgroup: &str) -> Option<StateDir> {
        let dir = self.roots.iter().find_map(|root| root.find(id))?;
        let own = dir.cgroups(&self.diagnostics);
        (own.is_empty() || own.iter().any(|path| path.ends_with(cgroup))).then_some(dir)
    }

    /// Every state folder; a container that several roots know is listed once.
    pub(crate) fn dirs(&self) -> Vec<StateDir> {
        let mut out: Vec<StateDir> = Vec::new();
        let mut seen = HashSet::new();
        for dir in self.roots.iter().flat_map(StateRoot::list) {
            if seen.insert(dir.id.clone()) {
                out.push(dir);
            }
        }
        out
    }

    /// All that can be told of a found container at once. `pid` is any of its processes.
    pub(crate) fn describe(&self, found: &Found, pid: u32) -> Workload {
        let described = found
            .dir
            .as_ref()
            .and_then(|d| d.describe(&self.diagnostics));
        let mut out = match described {
            Some(described) => self.of_engine(described),
            None => Workload {
                id: found.id.as_str().into(),
                mounts: self.procfs.mounts(pid),
                ..Workload::default()
            },
        };
        if out.runtime.is_empty() {
            out.runtime = found.runtime.to_owned();
        }
        if out.runtime.is_empty() {
            out.runtime = "runc".to_owned();
        }
        if out.runtime == "docker" {
            engine::apply_docker(&self.docker_roots, &self.diagnostics, &mut out);
        }
        if out.pid == 0 || !self.procfs.is_alive(out.pid) {
            out.pid = self.first_process(&found.cgroup_path).unwrap_or(pid);
        }
        out.cgroup_path.clone_from(&found.cgroup_path);
        self.complete(&mut out);
        out
    }

    /// The oldest process of a cgroup: a container's first one, as far as can be told.
    fn first_process(&self, cgroup_path: &str) -> Option<u32> {
        const MAX_PROCESSES: usize = 4096;
        let folder = self
            .cgroup_mount
            .as_ref()?
            .join(cgroup_path.strip_prefix('/')?);
        if cgroup_path.split('/').any(|part| part == "..") {
            return None;
        }
        let text = read::proc_text(&folder.join("cgroup.procs")).ok()?;
        let pids = text
            .lines()
            .take(MAX_PROCESSES)
            .filter_map(|l| l.parse().ok());
        pids.filter(|pid| *pid != 0)
            .min_by_key(|pid| self.procfs.stat(*pid).map_or(i64::MAX, |s| s.start_ticks))
    }

    /// A container as its state folder shows it, for the listing.
    pub(crate) fn describe_dir(&self, dir: &StateDir) -> Option<Workload> {
        let described = dir.describe(&self.diagnostics)?;
        let (pid, start) = (described.workload.pid, described.start_ticks);
        let mut out = self.of_engine(described);
        if out.runtime == "docker" {
            engine::apply_docker(&self.docker_roots, &self.diagnostics, &mut out);
        }
        // The number of a container that has stopped may be another process's by now.
        let same = |stat: Stat| start == 0 || stat.start_ticks == start;
        let alive =
            pid != 0 && self.procfs.is_alive(pid) && self.procfs.stat(pid).is_some_and(same);
        if !alive {
            out.pid = 0;
            return Some(out);
        }
        if let Some(found) = self.find(pid).filter(|f| f.id == dir.id) {
            out.cgroup_path = found.cgroup_path;
        }
        self.complete(&mut out);
        Some(out)
    }

    /// A state folder's facts and, for Podman, those of its storage.
    fn of_engine(&self, described: Described) -> Workload {
        let mut out = described.workload;
        if let Some(bundle) = &described.bundle {
            engine::apply_podman(bundle, &self.diagnostics, &mut out);
        }
        out
    }

    /// What the kernel tells of a container whose first process runs.
    pub(crate) fn complete(&self, out: &mut Workload) {
        let pid = out.pid;
        if pid == 0 || !self.procfs.is_alive(pid) {
            return;
        }
        out.running = true;
        if out.cgroup_path.is_empty()
            && let Some(found) = self.find(pid).filter(|f| f.id == out.id.as_str())
        {
            out.cgroup_path = found.cgroup_path;
        }
        if let Some(mount) = &self.cgroup_mount
            && out.cgroup_path.len() > 1
        {
            out.cgroup_id = cgroup::id_of(mount, &out.cgroup_path);
        }
        out.host_network = self.procfs.shares_with_host(pid, "net");
        out.host_pid = self.procfs.shares_with_host(pid, "pid");
        // The host's own addresses are the node's, not the container's.
        if !out.host_network && out.interfaces.is_empty() {
            out.interfaces = net::interfaces(&self.procfs.of(pid).join("net"));
        }
        if !out.started_at.is_known() {
            out.started_at = self.procfs.started_at(pid);
        }
    }
}

fn unified_or_empty(unified: Option<&str>) -> String {
    unified
        .filter(|path| path.len() > 1)
        .unwrap_or_default()
        .to_owned()
}
