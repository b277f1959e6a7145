//! The policy as enforcers get it: one snapshot with a revision that only grows.
//!
//! Changes close together make one snapshot. Revisions are taken from a stretch reserved in the
//! store, so that a restart, even one after a lost write, never gives a number twice.

use super::{App, State, key, lock};
use crate::AppError;
use rampart_model::{
    Endpoint, Group, GroupName, NetworkRule, NodeId, PolicySnapshot, Workload, WorkloadId,
};
use rampart_policy::Engine;
use rampart_store::{Store, Txn};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// Changes are gathered this long.
const GATHER: Duration = Duration::from_millis(20);
/// Revisions reserved at once.
const STRETCH: u64 = 1000;

pub(crate) struct Policies {
    snapshot: watch::Sender<Arc<PolicySnapshot>>,
    changed: Arc<Notify>,
    /// Revisions below this may be given without asking the store.
    reserved: Mutex<u64>,
    /// Index of the state with this version.
    engine: Mutex<(u64, Arc<Engine>)>,
    publishing: tokio::sync::Mutex<()>,
}

impl Policies {
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, AppError> {
        let revision = match store.get(key::POLICY_REVISION).await? {
            Some(entry) => key::decode(&entry)?,
            None => 0,
        };
        let first = Arc::new(PolicySnapshot {
            revision,
            ..PolicySnapshot::default()
        });
        Ok(Self {
            engine: Mutex::new((0, Arc::new(Engine::new(first.clone())))),
            snapshot: watch::Sender::new(first),
            changed: Arc::default(),
            reserved: Mutex::new(revision),
            publishing: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<PolicySnapshot>> {
        self.snapshot.subscribe()
    }

    pub(crate) fn current(&self) -> Arc<PolicySnapshot> {
        self.snapshot.borrow().clone()
    }
}

impl App {
    pub(crate) fn policy_changed(&self) {
        self.0.policies.changed.notify_one();
    }

    /// Publishes in the background until the controller is dropped.
    pub(crate) fn spawn_publisher(&self) {
        let weak = Arc::downgrade(&self.0);
        let changed = self.0.policies.changed.clone();
        tokio::spawn(async move {
            loop {
                changed.notified().await;
                tokio::time::sleep(GATHER).await;
                let Some(inner) = weak.upgrade() else { return };
                if let Err(error) = App(inner).publish_policy().await {
                    tracing::warn!(%error, "the policy was published, but its revision is not kept");
                }
            }
        });
    }

    /// Publishes the policy now if it differs from the last one.
    pub async fn publish_policy(&self) -> Result<(), AppError> {
        let policies = &self.0.policies;
        let _one_at_a_time = policies.publishing.lock().await;
        let last = policies.current();
        let engine = self.engine();
        let mut next = PolicySnapshot::clone(engine.snapshot());
        next.revision = last.revision;
        if next == *last {
            return Ok(());
        }
        next.revision = last.revision + 1;
        let reserved = self.reserve(next.revision).await;
        policies.snapshot.send_replace(Arc::new(next));
        self.live("policy", "");
        reserved
    }

    async fn reserve(&self, revision: u64) -> Result<(), AppError> {
        if revision < *lock(&self.0.policies.reserved) {
            return Ok(());
        }
        let until = revision + STRETCH;
        self.store()
            .commit(Txn::new().put(key::POLICY_REVISION, key::encode(&until)?))
            .await?;
        *lock(&self.0.policies.reserved) = until;
        Ok(())
    }

    /// The policy of the state as it is now, indexed. Its snapshot's revision is not set.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        let mut cached = lock(&self.0.policies.engine);
        self.read(|state| {
            if cached.0 != state.version {
                *cached = (
                    state.version,
                    Arc::new(Engine::new(Arc::new(snapshot(state)))),
                );
            }
        });
        cached.1.clone()
    }
}

fn snapshot(state: &State) -> PolicySnapshot {
    PolicySnapshot {
        revision: 0,
        groups: state
            .groups
            .values()
            .map(|g| Group::clone(&g.value))
            .collect(),
        rules: state
            .rules
            .iter()
            .map(|rule| NetworkRule::clone(rule))
            .collect(),
        endpoints: endpoints(state),
        quarantined: state.quarantined.keys().cloned().collect(),
        settings: state.settings.value.clone(),
    }
}

/// Who claims an address on a node.
struct Claim<'a> {
    workload: &'a Workload,
    groups: Vec<GroupName>,
}

/// One endpoint for each address on each node. Containers of one pod share theirs: the first that
/// is not the pod's pause container gives its name, and all give their groups.
fn endpoints(state: &State) -> Vec<Endpoint> {
    let membership = state.membership();
    let mut claims: BTreeMap<(NodeId, IpAddr), Vec<Claim<'_>>> = BTreeMap::new();
    let pods = pod_addresses(state);
    let running = state
        .workloads
        .values()
        .filter(|w| w.running && !w.host_network);
    for workload in running {
        let mut addresses: Vec<IpAddr> = workload.addresses().collect();
        if let Some(pod) = workload.pod.as_ref().filter(|p| !p.sandbox_id.is_empty()) {
            addresses.extend(pods.get(pod.sandbox_id.as_str()).into_iter().flatten());
        }
        addresses.sort();
        addresses.dedup();
        let groups = state.groups_of(&membership, workload);
        for address in addresses
            .into_iter()
            .filter(|a| !a.is_loopback() && !a.is_unspecified())
        {
            let claim = Claim {
                workload,
                groups: groups.clone(),
            };
            claims
                .entry((workload.node.clone(), address.to_canonical()))
                .or_default()
                .push(claim);
        }
    }
    let mut endpoints: Vec<Endpoint> = claims
        .into_iter()
        .map(|((node, address), claims)| endpoint(node, address, claims))
        .collect();
    let taken: std::collections::HashSet<(NodeId, IpAddr)> = endpoints
        .iter()
        .map(|e| (e.node.clone(), e.address))
        .collect();
    endpoints
        .extend(node_endpoints(state).filter(|e| !taken.contains(&(e.node.clone(), e.address))));
    endpoints
}

/// Addresses of pause containers, by their id.
fn pod_addresses(state: &State) -> BTreeMap<&str, Vec<IpAddr>> {
    state
        .workloads
        .values()
        .filter(|w| w.running && w.sandbox)
        .map(|w| (w.id.as_str(), w.addresses().collect()))
        .collect()
}

fn endpoint(node: NodeId, address: IpAddr, mut claims: Vec<Claim<'_>>) -> Endpoint {
    claims.sort_by(|a, b| {
        (a.workload.sandbox, &a.workload.id).cmp(&(b.workload.sandbox, &b.workload.id))
    });
    let workload = claims
        .first()
        .map_or_else(WorkloadId::default, |c| c.workload.id.clone());
    let mut groups: Vec<GroupName> = Vec::new();
    // Learned groups first, so that the first of all is one.
    for at in 0..claims
        .iter()
        .map(|c| c.groups.len())
        .max()
        .unwrap_or_default()
    {
        for name in claims.iter().filter_map(|c| c.groups.get(at)) {
            if !groups.contains(name) {
                groups.push(name.clone());
            }
        }
    }
    Endpoint {
        address,
        workload,
        node,
        groups,
    }
}

fn node_endpoints(state: &State) -> impl Iterator<Item = Endpoint> + '_ {
    state.nodes.values().flat_map(|entry| {
        let node = &entry.node;
        node.interfaces
            .values()
            .flatten()
            .map(|interface| interface.ip.to_canonical())
            .filter(|address| !address.is_loopback() && !address.is_unspecified())
            .map(|address| Endpoint {
                address,
                workload: WorkloadId::default(),
                node: node.id.clone(),
                groups: vec![Group::NODES.into()],
            })
    })
}
