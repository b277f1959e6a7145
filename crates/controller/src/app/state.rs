//! The read model: what the store holds, in memory, with the revision each part was read at.

use super::{change::Draft, key};
use crate::AppError;
use rampart_model::{
    DetectionRule, Group, GroupName, NetworkRule, Node, NodeId, NodeStats, ResponseRule, RuleId,
    Timestamp, Workload, WorkloadId, settings::Settings,
};
use rampart_store::{Entry, Revision, Store};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// A value and when it last changed in the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored<T> {
    pub(crate) value: T,
    pub(crate) revision: Revision,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct NodeEntry {
    pub(crate) node: Arc<Node>,
    pub(crate) stats: NodeStats,
    /// Detection rules loaded there.
    pub(crate) rules: Arc<Vec<DetectionRule>>,
    pub(crate) connected: bool,
    pub(crate) lost_at: Timestamp,
}

/// What a group did, kept between restarts at intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Activity {
    /// When its modes were last set.
    pub(crate) policy_since: Timestamp,
    pub(crate) profile_since: Timestamp,
    /// When it last left Discover.
    pub(crate) policy_learned_until: Timestamp,
    pub(crate) profile_learned_until: Timestamp,
    /// Last learned or violated.
    pub(crate) policy_act: Timestamp,
    pub(crate) profile_act: Timestamp,
    /// Last had a running member.
    pub(crate) used: Timestamp,
}

/// How often a network rule decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hits {
    pub(crate) count: u64,
    pub(crate) last: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Grows with every change that a view or the policy may show.
    pub(crate) version: u64,
    /// Revision of the store the configuration was listed at.
    pub(crate) loaded: Revision,
    pub(crate) settings: Stored<Settings>,
    pub(crate) groups: BTreeMap<GroupName, Stored<Arc<Group>>>,
    /// In matching order.
    pub(crate) rules: Vec<Arc<NetworkRule>>,
    pub(crate) rule_revisions: HashMap<RuleId, Revision>,
    pub(crate) order_revision: Revision,
    /// Response rules, in order.
    pub(crate) responses: Stored<Arc<Vec<ResponseRule>>>,
    pub(crate) domains: BTreeMap<String, Vec<String>>,
    /// Names operators gave to ends of conversations.
    pub(crate) endpoints: BTreeMap<String, String>,
    pub(crate) workloads: BTreeMap<WorkloadId, Arc<Workload>>,
    pub(crate) nodes: BTreeMap<NodeId, NodeEntry>,
    /// With the reason.
    pub(crate) quarantined: BTreeMap<WorkloadId, String>,
    /// Where applications were seen listening.
    pub(crate) applications: HashMap<WorkloadId, Vec<String>>,
    pub(crate) activity: HashMap<GroupName, Activity>,
    pub(crate) hits: HashMap<RuleId, Hits>,
}

impl State {
    /// Reads everything.
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, AppError> {
        let mut state = Self::default();
        state.load_config(store).await?;
        for entry in store.list(key::WORKLOAD).await?.entries {
            let workload: Workload = key::decode(&entry)?;
            state
                .workloads
                .insert(workload.id.clone(), Arc::new(workload));
        }
        for entry in store.list(key::NODE).await?.entries {
            let node: Node = key::decode(&entry)?;
            let entry = NodeEntry {
                node: Arc::new(node),
                ..NodeEntry::default()
            };
            state.nodes.insert(entry.node.id.clone(), entry);
        }
        for entry in store.list(key::QUARANTINE).await?.entries {
            let id = key::name(&entry, key::QUARANTINE).into();
            state.quarantined.insert(id, key::decode(&entry)?);
        }
        if let Some(entry) = store.get(key::ACTIVITY).await? {
            let saved: BTreeMap<GroupName, Activity> = key::decode(&entry)?;
            state.activity = saved.into_iter().collect();
        }
        if let Some(entry) = store.get(key::RULE_HITS).await? {
            let saved: BTreeMap<RuleId, Hits> = key::decode(&entry)?;
            state.hits = saved.into_iter().collect();
        }
        Ok(state)
    }

    /// Reads the configuration again, leaving what nodes reported.
    pub(crate) async fn load_config(&mut self, store: &dyn Store) -> Result<(), AppError> {
        let listing = store.list(key::CONFIG).await?;
        self.loaded = listing.revision;
        self.version += 1;
        self.settings = Stored::default();
        self.responses = Stored::default();
        self.groups.clear();
        self.rule_revisions.clear();
        self.order_revision = 0;
        self.domains.clear();
        self.endpoints.clear();
        let mut rules = BTreeMap::new();
        let mut order: Vec<RuleId> = Vec::new();
        for entry in listing.entries {
            self.load_entry(&entry, &mut rules, &mut order)?;
        }
        self.rules = order.iter().filter_map(|id| rules.remove(id)).collect();
        // Rules the order does not name were cut off from it by an outside hand: keep them, last.
        self.rules.extend(rules.into_values());
        rampart_policy::order::sort(&mut self.rules);
        Ok(())
    }

    fn load_entry(
        &mut self,
        entry: &Entry,
        rules: &mut BTreeMap<RuleId, Arc<NetworkRule>>,
        order: &mut Vec<RuleId>,
    ) -> Result<(), AppError> {
        let revision = entry.revision;
        if entry.key.starts_with(key::GROUP) {
            let group: Group = key::decode(entry)?;
            self.groups.insert(
                group.name.clone(),
                Stored {
                    value: Arc::new(group),
                    revision,
                },
            );
        } else if entry.key.starts_with(key::RULE) {
            let rule: NetworkRule = key::decode(entry)?;
            self.rule_revisions.insert(rule.id, revision);
            rules.insert(rule.id, Arc::new(rule));
        } else if entry.key == key::RULE_ORDER {
            *order = key::decode(entry)?;
            self.order_revision = revision;
        } else if entry.key == key::RESPONSES {
            self.responses = Stored {
                value: Arc::new(key::decode(entry)?),
                revision,
            };
        } else if entry.key == key::SETTINGS {
            self.settings = Stored {
                value: key::decode(entry)?,
                revision,
            };
        } else if entry.key.starts_with(key::DOMAIN) {
            self.domains.insert(
                key::name(entry, key::DOMAIN).to_owned(),
                key::decode(entry)?,
            );
        } else if entry.key.starts_with(key::ENDPOINT) {
            self.endpoints.insert(
                key::name(entry, key::ENDPOINT).to_owned(),
                key::decode(entry)?,
            );
        }
        Ok(())
    }

    /// Takes in what was committed at `revision`.
    pub(crate) fn apply(&mut self, draft: Draft, revision: Revision) {
        self.version += 1;
        for (name, group) in draft.groups {
            match group {
                Some(value) => self.groups.insert(name, Stored { value, revision }),
                None => {
                    self.activity.remove(&name);
                    self.groups.remove(&name)
                }
            };
        }
        if let Some(value) = draft.settings {
            self.settings = Stored { value, revision };
        }
        if let Some(value) = draft.responses {
            self.responses = Stored { value, revision };
        }
        if let Some(rules) = draft.rules {
            for id in &rules.changed {
                self.rule_revisions.insert(*id, revision);
            }
            for id in &rules.deleted {
                self.rule_revisions.remove(id);
                self.hits.remove(id);
            }
            if rules.reordered {
                self.order_revision = revision;
            }
            self.rules = rules.list;
        }
        for (id, workload) in draft.workloads {
            match workload {
                Some(workload) => self.workloads.insert(id, workload),
                None => {
                    self.applications.remove(&id);
                    self.workloads.remove(&id)
                }
            };
        }
        for (id, node) in draft.nodes {
            match node {
                Some(node) => self.nodes.entry(id).or_default().node = node,
                None => drop(self.nodes.remove(&id)),
            }
        }
        apply_map(&mut self.quarantined, draft.quarantined);
        apply_map(&mut self.domains, draft.domains);
        apply_map(&mut self.endpoints, draft.endpoints);
    }

    /// Whether a change of this key at this revision is news.
    pub(crate) fn is_news(&self, key: &str, revision: Revision) -> bool {
        if revision <= self.loaded {
            return false;
        }
        let known = if let Some(name) = key.strip_prefix(key::GROUP) {
            self.groups.get(name).map(|g| g.revision)
        } else if let Some(id) = key.strip_prefix(key::RULE) {
            id.parse()
                .ok()
                .and_then(|id| self.rule_revisions.get(&RuleId(id)).copied())
        } else if key == key::RULE_ORDER {
            Some(self.order_revision)
        } else if key == key::RESPONSES {
            Some(self.responses.revision)
        } else if key == key::SETTINGS {
            Some(self.settings.revision)
        } else if key.starts_with(key::DOMAIN) || key.starts_with(key::ENDPOINT) {
            None
        } else {
            // Users and the like belong to others.
            return false;
        };
        known.is_none_or(|known| known < revision)
    }

    pub(crate) fn group(&self, name: &GroupName) -> Option<&Arc<Group>> {
        self.groups.get(name).map(|g| &g.value)
    }

    pub(crate) fn rule(&self, id: RuleId) -> Option<&Arc<NetworkRule>> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    pub(crate) fn touch(&mut self, group: &GroupName) -> &mut Activity {
        self.activity.entry(group.clone()).or_default()
    }
}

fn apply_map<K: Ord, V>(map: &mut BTreeMap<K, V>, changes: BTreeMap<K, Option<V>>) {
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}
