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
    procfs::{Procfs, net},
};
use rampart_model::Workload;
use state::{Described, StateDir, StateRoot};
use std::{path::PathBuf, sync::Arc};

/// Where to look, and how.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) procfs: Procfs,
    pub(crate) roots: Vec<StateRoot>,
    pub(crate) docker_roots: Vec<PathBuf>,
    pub(crate) cgroup_mount: Option<PathBuf>,
    pub(crate) diagnostics: Arc<Diagnostics>,
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
        self.find_by_cgroup(&membership)
            .or_else(|| self.find_by_process(pid, &membership))
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
                    dir: self.dir(found.id),
                });
            }
            let named =
                cgroup::name_candidates(path).find_map(|(name, own)| Some((self.dir(name)?, own)));
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
        if self.procfs.shares_with_host(pid, "mnt") {
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
        None
    }

    pub(crate) fn dir(&self, id: &str) -> Option<StateDir> {
        self.roots.iter().find_map(|root| root.find(id))
    }

    /// Every state folder; a container that several roots know is listed once.
    pub(crate) fn dirs(&self) -> Vec<StateDir> {
        let mut out: Vec<StateDir> = Vec::new();
        let mut seen = std::collections::HashSet::new();
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
            Some(described) => self.from_dir(described),
            None => Workload {
                id: found.id.as_str().into(),
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
            out.pid = pid;
        }
        out.cgroup_path.clone_from(&found.cgroup_path);
        self.complete(&mut out);
        out
    }

    /// A container as its state folder shows it, for the listing.
    pub(crate) fn describe_dir(&self, dir: &StateDir) -> Option<Workload> {
        let described = dir.describe(&self.diagnostics)?;
        let pid = described.workload.pid;
        let mut out = self.from_dir(described);
        if out.runtime == "docker" {
            engine::apply_docker(&self.docker_roots, &self.diagnostics, &mut out);
        }
        let alive = pid != 0
            && self.procfs.is_alive(pid)
            && state::is_first_process(out.created_at, self.procfs.started_at(pid));
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

    fn from_dir(&self, described: Described) -> Workload {
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
