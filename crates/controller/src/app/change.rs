//! Changes: drafted on the read model, committed to the store, then applied.
//!
//! One change at a time is made in this process; a change another process made first shows as a
//! conflict, after which the configuration is read again.

use super::{App, key, state::State};
use crate::AppError;
use rampart_model::{
    Group, GroupName, NetworkRule, Node, NodeId, ResponseRule, RuleId, Workload, WorkloadId,
    settings::Settings,
};
use rampart_store::Txn;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use tokio::sync::MutexGuard;

/// What is to change. `None` in a map deletes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) groups: BTreeMap<GroupName, Option<Arc<Group>>>,
    pub(crate) settings: Option<Settings>,
    pub(crate) rules: Option<RuleDraft>,
    pub(crate) responses: Option<Arc<Vec<ResponseRule>>>,
    pub(crate) workloads: BTreeMap<WorkloadId, Option<Arc<Workload>>>,
    pub(crate) nodes: BTreeMap<NodeId, Option<Arc<Node>>>,
    pub(crate) quarantined: BTreeMap<WorkloadId, Option<String>>,
    pub(crate) domains: BTreeMap<String, Option<Vec<String>>>,
    pub(crate) endpoints: BTreeMap<String, Option<String>>,
}

/// The whole list as it will be, and what of it is new.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleDraft {
    pub(crate) list: Vec<Arc<NetworkRule>>,
    pub(crate) changed: BTreeSet<RuleId>,
    pub(crate) deleted: BTreeSet<RuleId>,
    pub(crate) reordered: bool,
}

impl Draft {
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
            && self.settings.is_none()
            && self.rules.is_none()
            && self.responses.is_none()
            && self.workloads.is_empty()
            && self.nodes.is_empty()
            && self.quarantined.is_empty()
            && self.domains.is_empty()
            && self.endpoints.is_empty()
    }

    /// The group as drafted, else as it is.
    pub(crate) fn group<'a>(
        &'a self,
        state: &'a State,
        name: &GroupName,
    ) -> Option<&'a Arc<Group>> {
        match self.groups.get(name) {
            Some(drafted) => drafted.as_ref(),
            None => state.group(name),
        }
    }

    /// The group, to be changed.
    pub(crate) fn group_mut(&mut self, state: &State, name: &GroupName) -> Option<&mut Group> {
        if !self.groups.contains_key(name) {
            let group = state.group(name)?.clone();
            self.groups.insert(name.clone(), Some(group));
        }
        self.groups.get_mut(name)?.as_mut().map(Arc::make_mut)
    }

    pub(crate) fn put_group(&mut self, group: Group) {
        self.groups
            .insert(group.name.clone(), Some(Arc::new(group)));
    }

    pub(crate) fn workload<'a>(
        &'a self,
        state: &'a State,
        id: &WorkloadId,
    ) -> Option<&'a Arc<Workload>> {
        match self.workloads.get(id) {
            Some(drafted) => drafted.as_ref(),
            None => state.workloads.get(id),
        }
    }

    pub(crate) fn put_workload(&mut self, workload: Workload) {
        self.workloads
            .insert(workload.id.clone(), Some(Arc::new(workload)));
    }

    /// The rule list, to be changed.
    pub(crate) fn rules_mut(&mut self, state: &State) -> &mut RuleDraft {
        self.rules.get_or_insert_with(|| RuleDraft {
            list: state.rules.clone(),
            ..RuleDraft::default()
        })
    }

    fn to_txn(&self, state: &State) -> Result<Txn, AppError> {
        let mut txn = Txn::new();
        for (name, group) in &self.groups {
            let known = state.groups.get(name).map_or(0, |g| g.revision);
            txn = guarded(txn, key::of(key::GROUP, name), known, group.as_deref())?;
        }
        if let Some(settings) = &self.settings {
            txn = guarded(
                txn,
                key::SETTINGS.into(),
                state.settings.revision,
                Some(settings),
            )?;
        }
        if let Some(list) = &self.responses {
            txn = guarded(
                txn,
                key::RESPONSES.into(),
                state.responses.revision,
                Some(list.as_ref()),
            )?;
        }
        if let Some(rules) = &self.rules {
            txn = rules.add_to(txn, state)?;
        }
        for (id, workload) in &self.workloads {
            txn = plain(txn, key::of(key::WORKLOAD, id), workload.as_deref())?;
        }
        for (id, node) in &self.nodes {
            txn = plain(txn, key::of(key::NODE, id), node.as_deref())?;
        }
        for (id, reason) in &self.quarantined {
            txn = plain(txn, key::of(key::QUARANTINE, id), reason.as_ref())?;
        }
        for (name, tags) in &self.domains {
            txn = plain(txn, key::of(key::DOMAIN, name), tags.as_ref())?;
        }
        for (id, name) in &self.endpoints {
            txn = plain(txn, key::of(key::ENDPOINT, id), name.as_ref())?;
        }
        Ok(txn)
    }
}

impl RuleDraft {
    /// Puts a rule at a place in the list.
    pub(crate) fn insert(&mut self, at: usize, rule: NetworkRule) {
        self.changed.insert(rule.id);
        self.deleted.remove(&rule.id);
        self.list.insert(at.min(self.list.len()), Arc::new(rule));
        self.reordered = true;
    }

    /// Takes rules out of the list.
    pub(crate) fn remove(&mut self, gone: impl Fn(&NetworkRule) -> bool) {
        let ids: Vec<RuleId> = self.list.iter().filter(|r| gone(r)).map(|r| r.id).collect();
        if !ids.is_empty() {
            self.list.retain(|rule| !gone(rule));
            self.reordered = true;
        }
        for id in ids {
            self.changed.remove(&id);
            self.deleted.insert(id);
        }
    }

    /// A rule, to be changed.
    pub(crate) fn get_mut(&mut self, id: RuleId) -> Option<&mut NetworkRule> {
        let rule = self.list.iter_mut().find(|rule| rule.id == id)?;
        self.changed.insert(id);
        Some(Arc::make_mut(rule))
    }

    fn add_to(&self, mut txn: Txn, state: &State) -> Result<Txn, AppError> {
        let by_id: HashMap<RuleId, &Arc<NetworkRule>> =
            self.list.iter().map(|r| (r.id, r)).collect();
        for id in &self.changed {
            let rule = by_id.get(id).copied();
            let known = state.rule_revisions.get(id).copied().unwrap_or_default();
            txn = guarded(txn, key::rule(*id), known, rule.map(Arc::as_ref))?;
        }
        for id in &self.deleted {
            let known = state.rule_revisions.get(id).copied().unwrap_or_default();
            txn = guarded(txn, key::rule(*id), known, None::<&NetworkRule>)?;
        }
        if self.reordered {
            let order: Vec<RuleId> = self.list.iter().map(|rule| rule.id).collect();
            txn = guarded(
                txn,
                key::RULE_ORDER.into(),
                state.order_revision,
                Some(&order),
            )?;
        }
        Ok(txn)
    }
}

/// A change that holds only if nobody changed the key since it was read; revision 0 means that it
/// did not exist.
fn guarded<T: serde::Serialize>(
    txn: Txn,
    key: String,
    known: u64,
    value: Option<&T>,
) -> Result<Txn, AppError> {
    let txn = match known {
        0 => txn.require_absent(&key),
        revision => txn.require_unchanged(&key, revision),
    };
    plain(txn, key, value)
}

fn plain<T: serde::Serialize>(txn: Txn, key: String, value: Option<&T>) -> Result<Txn, AppError> {
    Ok(match value {
        Some(value) => txn.put(key, key::encode(value)?),
        None => txn.delete(key),
    })
}

/// The right to change. Held from the first look to the last write.
pub(crate) struct Writer<'a> {
    app: &'a App,
    _turn: MutexGuard<'a, ()>,
}

impl App {
    pub(crate) async fn writer(&self) -> Writer<'_> {
        Writer {
            app: self,
            _turn: self.0.turn.lock().await,
        }
    }
}

impl Writer<'_> {
    /// Commits and applies. On a conflict nothing is changed and the configuration is read again.
    pub(crate) async fn commit(&self, draft: Draft) -> Result<(), AppError> {
        if draft.is_empty() {
            return Ok(());
        }
        let txn = self.app.read(|state| draft.to_txn(state))?;
        let result = self.app.store().commit(txn).await.map_err(AppError::from);
        match result {
            Ok(revision) => {
                self.app.note_changes(&draft);
                self.app.write(|state| state.apply(draft, revision));
                self.app.policy_changed();
                Ok(())
            }
            Err(AppError::Conflict) => {
                self.reload().await?;
                Err(AppError::Conflict)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the configuration from the store again.
    pub(crate) async fn reload(&self) -> Result<(), AppError> {
        let mut fresh = self.app.read(State::clone);
        fresh.load_config(self.app.store().as_ref()).await?;
        self.app.write(|state| {
            state.version += 1;
            state.loaded = fresh.loaded;
            state.settings = fresh.settings;
            state.groups = fresh.groups;
            state.responses = fresh.responses;
            state.rules = fresh.rules;
            state.rule_revisions = fresh.rule_revisions;
            state.order_revision = fresh.order_revision;
            state.domains = fresh.domains;
            state.endpoints = fresh.endpoints;
        });
        self.app.live("policy", "");
        self.app.policy_changed();
        Ok(())
    }
}
