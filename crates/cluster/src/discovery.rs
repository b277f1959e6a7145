//! The service: follows every source, answers look-ups, tells changes.

use crate::{
    cgroup::{self, Membership},
    diagnostics::{Diagnostics, Stats},
    inventory::{Change, Fact, Inventory},
    local::{
        Local, Strangers,
        state::{self, StateRoot},
    },
    procfs::{Procfs, net::Interfaces},
    runtime::RuntimeKind,
    time,
};
use rampart_model::{NodeId, Workload, WorkloadId};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

/// Changes that may wait for the receiver; then they are kept as state and told later.
const CHANNEL: usize = 1024;

/// A runtime's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    pub runtime: RuntimeKind,
    pub path: PathBuf,
}

/// Where to look for containers.
#[derive(Clone, Debug)]
pub struct Config {
    pub node: NodeId,
    pub node_name: String,
    /// The sockets to follow; `None` follows those at their usual places, as they come and go.
    pub sockets: Option<Vec<Socket>>,
    /// Further folders in which `runc` or `crun` keeps its state, as `--root` sets it.
    pub state_roots: Vec<PathBuf>,
    /// How often sources without events are listed, and all are reconciled.
    pub poll: Duration,
    /// Whether containers are looked for by namespaces too, when no runtime knows them.
    pub scan_namespaces: bool,
    /// The host's procfs.
    pub proc: PathBuf,
    /// The host's `/run`.
    pub run: PathBuf,
    /// Docker's data folders.
    pub docker_roots: Vec<PathBuf>,
}

impl Config {
    /// Everything at its usual place.
    pub fn new(node: NodeId, node_name: impl Into<String>) -> Self {
        Self {
            node,
            node_name: node_name.into(),
            sockets: None,
            state_roots: Vec::new(),
            poll: Duration::from_secs(5),
            scan_namespaces: true,
            proc: PathBuf::from("/proc"),
            run: PathBuf::from("/run"),
            docker_roots: vec![PathBuf::from("/var/lib/docker")],
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("cannot read {path}: is procfs mounted there?")]
    Procfs {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Follows the containers of this node until it is dropped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Discovery {
    shared: Arc<Shared>,
    _tasks: Arc<JoinSet<()>>,
}

/// What the tasks and the look-ups share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) local: Local,
    pub(crate) diagnostics: Arc<Diagnostics>,
    inventory: Mutex<Inventory>,
    changed: Notify,
}

impl Discovery {
    /// Starts following. What runs already comes as [`Change::Added`] within the first moments.
    /// Must be called in a tokio runtime.
    pub fn start(config: Config) -> Result<(Self, mpsc::Receiver<Change>), DiscoveryError> {
        let procfs = Procfs::new(&config.proc);
        procfs.pids().map_err(|source| DiscoveryError::Procfs {
            path: config.proc.clone(),
            source,
        })?;
        let diagnostics = Arc::new(Diagnostics::default());
        let custom = config.state_roots.iter().cloned();
        let custom = custom.map(|path| StateRoot {
            path,
            namespaced: false,
            runtime: "runc",
        });
        let shared = Arc::new(Shared {
            local: Local {
                roots: custom.chain(state::default_roots(&config.run)).collect(),
                docker_roots: config.docker_roots.clone(),
                cgroup_mount: cgroup::mount_point(procfs.path()),
                diagnostics: Arc::clone(&diagnostics),
                procfs,
                strangers: Strangers::default(),
            },
            diagnostics,
            inventory: Mutex::new(Inventory::new(
                config.node.clone(),
                config.node_name.clone(),
            )),
            changed: Notify::new(),
        });
        let (sender, receiver) = mpsc::channel(CHANNEL);
        let mut tasks = JoinSet::new();
        tasks.spawn(tell(Arc::clone(&shared), sender));
        crate::runtime::spawn_all(&mut tasks, &shared, &config);
        Ok((
            Self {
                shared,
                _tasks: Arc::new(tasks),
            },
            receiver,
        ))
    }

    /// The container of a process, known or found now from local files, within milliseconds.
    /// Blocking, but never on a runtime. `None` for a process of the host, or one that is gone.
    pub fn lookup_pid(&self, pid: u32) -> Option<Workload> {
        let local = &self.shared.local;
        let membership = Membership::of(local.procfs.path(), pid).ok()?;
        if let Some(known) = self.known_in(&membership) {
            return Some(known);
        }
        let found = local.find_in(pid, &membership)?;
        let workload = local.describe(&found, pid);
        self.shared
            .apply(RuntimeKind::Runc, Fact::Seen(Box::new(workload)));
        self.shared.inventory(|i| i.by_id(&found.id))
    }

    /// A running container that has one of these cgroups, from memory alone.
    fn known_in(&self, membership: &Membership) -> Option<Workload> {
        let path = membership.unified.as_deref()?;
        let whole = cgroup::container_of(path).map(|found| (found.id, found.path));
        let mut candidates = whole.into_iter().chain(cgroup::name_candidates(path));
        self.shared.inventory(|inventory| {
            candidates.find_map(|(id, own)| {
                let known = inventory.by_id(id)?;
                (known.running && known.cgroup_id != 0 && known.cgroup_path == own).then_some(known)
            })
        })
    }

    /// The container of a cgroup id as the kernel programs see it: known by that id, also for a
    /// while after its end; else the container of `pid`, a process in that cgroup.
    pub fn lookup_cgroup(&self, cgroup_id: u64, pid: u32) -> Option<Workload> {
        let known = self.shared.inventory(|i| i.by_cgroup(cgroup_id));
        known.or_else(|| self.lookup_pid(pid))
    }

    /// A container by its full id, running or among the last that ended.
    pub fn workload(&self, id: &WorkloadId) -> Option<Workload> {
        self.shared.inventory(|i| i.by_id(id.as_str()))
    }

    /// All that run.
    pub fn workloads(&self) -> Vec<Workload> {
        self.shared.inventory(|i| i.running())
    }

    pub fn stats(&self) -> Stats {
        let mut stats = self.shared.diagnostics.stats();
        let (dropped, refused) = self.shared.inventory(|i| (i.dropped(), i.refused()));
        stats.changes_dropped = dropped;
        stats.skipped += refused;
        stats
    }
}

impl Shared {
    /// Looks at, or changes, what is known. `act` does nothing that waits, and comes back here in no
    /// way. The lock itself is handed to nobody: held by accident for the length of a loop that
    /// took it again, it once stopped the discovery.
    pub(crate) fn inventory<T>(&self, act: impl FnOnce(&mut Inventory) -> T) -> T {
        let mut inventory = self
            .inventory
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        act(&mut inventory)
    }

    pub(crate) fn apply(&self, source: RuntimeKind, fact: Fact) {
        self.inventory(|i| i.apply(source, fact, time::now()));
        self.changed.notify_one();
    }

    pub(crate) fn note(&self, change: Change) {
        self.inventory(|i| i.note(change));
        self.changed.notify_one();
    }

    pub(crate) fn set_interfaces(&self, id: &WorkloadId, interfaces: &Interfaces) {
        self.inventory(|i| i.set_interfaces(id, interfaces));
        self.changed.notify_one();
    }

    /// Ends containers whose processes are gone.
    pub(crate) fn check_alive(&self) {
        let is_alive = |pid| self.local.procfs.is_alive(pid);
        self.inventory(|i| i.check_alive(is_alive, time::now()));
        self.changed.notify_one();
    }
}

/// Hands changes over. While the receiver is slow they gather in the inventory, where several of
/// one container become one.
async fn tell(shared: Arc<Shared>, sender: mpsc::Sender<Change>) {
    loop {
        shared.changed.notified().await;
        let changes = shared.inventory(Inventory::drain);
        for change in changes {
            if sender.send(change).await.is_err() {
                // Nobody listens any more; look-ups still work.
                return;
            }
        }
    }
}
