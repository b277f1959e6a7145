//! Containers without any socket: runc's and crun's state folders, and namespaces.
//!
//! New state folders are told of by inotify; listing every `poll` covers what was missed, and looks
//! whether the first process of every container still lives.

use super::{RuntimeKind, watch};
use crate::{discovery::Shared, inventory::Fact, local::state::StateDir, procfs::net};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Liveness is looked at this often: a stat of one file for each container.
const ALIVE: Duration = Duration::from_secs(1);
/// Namespaces of all processes are looked at every so many listings.
const NAMESPACE_ROUNDS: u32 = 6;

/// State folders that were described with their container running, and when they were written.
type Known = HashMap<String, Option<SystemTime>>;

pub(crate) async fn follow(shared: Arc<Shared>, poll: Duration, namespaces: bool) {
    let mut new = watch::start(&shared.local.roots, &shared.diagnostics);
    let mut known = Known::new();
    let mut listing = tokio::time::interval(poll);
    listing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut alive = tokio::time::interval(ALIVE.min(poll));
    let mut round = 0_u32;
    loop {
        tokio::select! {
            Some(dir) = new.recv() => see(&shared, &mut known, &dir),
            _ = alive.tick() => shared.check_alive(),
            _ = listing.tick() => {
                let scan_namespaces = namespaces && round.is_multiple_of(NAMESPACE_ROUNDS);
                round = round.wrapping_add(1);
                let (task_shared, mut task_known) = (Arc::clone(&shared), std::mem::take(&mut known));
                let scan = move || {
                    scan(&task_shared, &mut task_known, scan_namespaces);
                    task_known
                };
                known = tokio::task::spawn_blocking(scan).await.unwrap_or_default();
            }
        }
    }
}

fn scan(shared: &Shared, known: &mut Known, scan_namespaces: bool) {
    // A container that a look-up finds from now on may be missing in the listing.
    let since = shared.inventory(|i| i.serial());
    let dirs = shared.local.dirs();
    let mut listed: HashSet<_> = dirs.iter().map(|d| d.id.as_str().into()).collect();
    known.retain(|id, _| listed.contains(id.as_str()));
    for dir in &dirs {
        see(shared, known, dir);
    }
    let running = shared.inventory(|i| i.running());
    tracing::trace!(folders = dirs.len(), running = running.len(), "listed");
    for workload in running {
        // Found by its cgroup or namespaces alone: its process vouches for it, not a folder.
        let vouched = workload.pid != 0 && shared.local.procfs.is_alive(workload.pid);
        if vouched {
            listed.insert(workload.id.clone());
            refresh_addresses(shared, &workload);
        }
    }
    let ids = listed;
    shared.apply(RuntimeKind::Runc, Fact::Listed { ids, since });
    if scan_namespaces {
        find_unknown(shared);
    }
}

/// Describes a folder that is new or was written since.
fn see(shared: &Shared, known: &mut Known, dir: &StateDir) {
    let modified = dir.modified();
    let same = known.get(&dir.id) == Some(&modified);
    if same && shared.inventory(|i| i.has_fact(RuntimeKind::Runc, &dir.id)) {
        return;
    }
    let Some(workload) = shared.local.describe_dir(dir) else {
        tracing::trace!(folder = %dir.path.display(), "tells nothing yet");
        return;
    };
    tracing::trace!(folder = %dir.path.display(), pid = workload.pid, running = workload.running, cgroup = workload.cgroup_path, "described");
    // One that does not run is described again each time: it may be about to.
    if workload.running {
        known.insert(dir.id.clone(), modified);
    } else {
        known.remove(&dir.id);
    }
    shared.apply(RuntimeKind::Runc, Fact::Seen(Box::new(workload)));
}

/// Networks are joined and left while a container runs.
fn refresh_addresses(shared: &Shared, workload: &rampart_model::Workload) {
    if workload.host_network {
        return;
    }
    let now = net::interfaces(&shared.local.procfs.of(workload.pid).join("net"));
    if !now.is_empty() && now != workload.interfaces {
        tracing::debug!(workload = workload.id.short(), "its addresses changed");
        shared.set_interfaces(&workload.id, &now);
    }
}

fn find_unknown(shared: &Shared) {
    let running = shared.inventory(|i| i.running());
    let known = running
        .iter()
        .filter(|w| w.pid != 0)
        .filter_map(|w| shared.local.procfs.namespace(w.pid, "mnt"))
        .collect();
    for workload in shared.local.scan_namespaces(&known) {
        if !shared.inventory(|i| i.is_known(workload.id.as_str())) {
            tracing::debug!(
                workload = workload.id.short(),
                pid = workload.pid,
                "found by its namespaces"
            );
            shared.apply(RuntimeKind::Runc, Fact::Seen(Box::new(workload)));
        }
    }
}
