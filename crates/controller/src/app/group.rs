//! Groups: members, modes, and their making and unmaking.

use super::{App, Draft, GroupPatch, GroupView, List, State, WorkloadView, activity, key, name};
use crate::AppError;
use rampart_model::{
    ConfigSource, Criterion, Group, GroupKind, GroupName, LogLevel, Mode, NetworkRule, RuleId,
    Timestamp, WorkloadId, event::WorkloadRef,
};
use rampart_policy::{group as naming, selector};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

const MAX_CRITERIA: usize = 256;
/// Learned groups are made up to this many groups in all.
const MAX_GROUPS: usize = 20_000;

/// Views of every group, by name.
pub(crate) fn views(state: &State, workloads: &[Arc<WorkloadView>]) -> List<GroupView> {
    let mut members: HashMap<&GroupName, Vec<&WorkloadView>> = HashMap::new();
    for view in workloads {
        for group in &view.groups {
            members.entry(group).or_default().push(view);
        }
    }
    let mut rules: HashMap<&GroupName, Vec<RuleId>> = HashMap::new();
    for rule in &state.rules {
        rules.entry(&rule.from).or_default().push(rule.id);
        if rule.to != rule.from {
            rules.entry(&rule.to).or_default().push(rule.id);
        }
    }
    state
        .groups
        .iter()
        .map(|(name, group)| {
            let members = members.remove(name).unwrap_or_default();
            let applications: BTreeSet<&String> =
                members.iter().flat_map(|view| &view.applications).collect();
            Arc::new(GroupView {
                group: Group::clone(&group.value),
                running_members: members.iter().filter(|view| view.workload.running).count(),
                members: members
                    .iter()
                    .map(|view| view.workload.id.clone())
                    .collect(),
                rules: rules.remove(name).unwrap_or_default(),
                applications: applications.into_iter().cloned().collect(),
                not_scored: group.value.not_scored,
            })
        })
        .collect()
}

impl App {
    /// Every group, by name.
    pub fn groups(&self) -> List<GroupView> {
        self.group_views()
    }

    pub fn group(&self, name: &str) -> Result<Arc<GroupView>, AppError> {
        let views = self.group_views();
        let at = views.binary_search_by(|view| view.group.name.as_str().cmp(name));
        at.ok()
            .and_then(|at| views.get(at).cloned())
            .ok_or_else(|| AppError::not_found("group", name))
    }

    /// Makes an operator's group. Its kind follows from its criteria.
    pub async fn create_group(&self, mut group: Group) -> Result<(), AppError> {
        naming::valid_name(group.name.as_str()).map_err(AppError::invalid)?;
        check_criteria(&group.criteria)?;
        check_comment(&group.comment)?;
        group.kind = kind_of(&group.criteria);
        if group.source != ConfigSource::Crd {
            group.source = ConfigSource::User;
        }
        group.reserved = false;
        group.policy_mode = None;
        group.profile_mode = None;
        group.created_at = self.now();
        group.updated_at = group.created_at;
        let writer = self.writer().await;
        if self.read(|state| state.group(&group.name).is_some()) {
            return Err(AppError::exists("group", group.name));
        }
        let mut draft = Draft::default();
        draft.put_group(group);
        writer.commit(draft).await
    }

    pub async fn update_group(&self, name: &str, patch: GroupPatch) -> Result<(), AppError> {
        let name = GroupName::from(name);
        let writer = self.writer().await;
        let before = self.existing(&name)?;
        check_patch(&before, &patch)?;
        let mut group = Group::clone(&before);
        apply_patch(&mut group, patch, self.now());
        let mut draft = Draft::default();
        draft.put_group(group);
        let modes = self.mode_changes(&draft);
        writer.commit(draft).await?;
        drop(writer);
        self.record(self.note_modes(&modes)).await
    }

    /// Deletes a group that nothing uses: an operator's, or a learned one without members.
    pub async fn delete_group(&self, name: &str) -> Result<(), AppError> {
        let view = self.group(name)?;
        let group = &view.group;
        if group.reserved
            || group.source == ConfigSource::Crd
            || group.source == ConfigSource::Federal
        {
            return Err(AppError::read_only("group", name));
        }
        let learned = naming::service_of_group(&group.name).is_some();
        if learned && view.running_members > 0 {
            return Err(AppError::InUse {
                kind: "group",
                name: name.into(),
                by: "running containers".into(),
            });
        }
        let writer = self.writer().await;
        let draft = self.read(|state| removal(state, &group.name))?;
        writer.commit(draft).await
    }

    pub(crate) fn existing(&self, name: &GroupName) -> Result<Arc<Group>, AppError> {
        self.read(|state| state.group(name).cloned())
            .ok_or_else(|| AppError::not_found("group", name.as_str()))
    }

    /// What a draft does to modes.
    pub(crate) fn mode_changes(&self, draft: &Draft) -> Vec<ModeChange> {
        self.read(|state| {
            let groups = draft
                .groups
                .iter()
                .filter_map(|(name, g)| Some((name, g.as_ref()?)));
            groups
                .filter_map(|(name, group)| ModeChange::of(state.group(name)?, group))
                .collect()
        })
    }

    /// Notes when modes changed, once they did, and returns the events that tell of it.
    pub(crate) fn note_modes(&self, changes: &[ModeChange]) -> Vec<rampart_model::LogRecord> {
        let now = self.now();
        self.write(|state| {
            for change in changes {
                change.note(state, now);
            }
        });
        changes
            .iter()
            .map(|change| {
                let message = change.message();
                let mut record =
                    activity(self, name::GROUP_MODE, "GROUP", LogLevel::Notice, message);
                record.workload = Some(change.reference());
                record
            })
            .collect()
    }

    /// Whether a group learns processes and files, or did until just now.
    pub(crate) fn learns_profile(state: &State, group: &Group, now: Timestamp) -> bool {
        let until = state
            .activity
            .get(&group.name)
            .map(|a| a.profile_learned_until);
        learns(group.profile_mode, until, now)
    }

    /// Whether a group learns conversations, or did until just now.
    pub(crate) fn learns_network(state: &State, group: &Group, now: Timestamp) -> bool {
        let until = state
            .activity
            .get(&group.name)
            .map(|a| a.policy_learned_until);
        learns(Some(state.policy_mode(Some(group))), until, now)
    }
}

/// Reports of what was seen in Discover may be under way when the mode changes.
const LEARN_GRACE_MS: i64 = 10_000;

fn learns(mode: Option<Mode>, until: Option<Timestamp>, now: Timestamp) -> bool {
    mode == Some(Mode::Discover)
        || until.is_some_and(|until| until.is_known() && now.since(until) <= LEARN_GRACE_MS)
}

/// A group's modes before and after; `None` where one stayed.
pub(crate) struct ModeChange {
    group: GroupName,
    domain: String,
    policy: Option<(Option<Mode>, Option<Mode>)>,
    profile: Option<(Option<Mode>, Option<Mode>)>,
}

impl ModeChange {
    fn of(before: &Group, after: &Group) -> Option<Self> {
        let differs = |a, b| (a != b).then_some((a, b));
        let change = Self {
            group: after.name.clone(),
            domain: after.domain.clone(),
            policy: differs(before.policy_mode, after.policy_mode),
            profile: differs(before.profile_mode, after.profile_mode),
        };
        (change.policy.is_some() || change.profile.is_some()).then_some(change)
    }

    fn note(&self, state: &mut State, now: Timestamp) {
        let activity = state.touch(&self.group);
        if let Some((before, _)) = self.policy {
            activity.policy_since = now;
            if before == Some(Mode::Discover) {
                activity.policy_learned_until = now;
            }
        }
        if let Some((before, _)) = self.profile {
            activity.profile_since = now;
            if before == Some(Mode::Discover) {
                activity.profile_learned_until = now;
            }
        }
    }

    fn message(&self) -> String {
        let part = |what: &str, change: Option<(Option<Mode>, Option<Mode>)>| {
            change.map(|(from, to)| format!("{what} {} → {}", mode_name(from), mode_name(to)))
        };
        let parts: Vec<String> = [part("network", self.policy), part("process", self.profile)]
            .into_iter()
            .flatten()
            .collect();
        format!("mode of group {}: {}", self.group, parts.join(", "))
    }

    fn reference(&self) -> WorkloadRef {
        WorkloadRef {
            domain: self.domain.clone(),
            service: naming::service_of_group(&self.group)
                .unwrap_or_default()
                .to_owned(),
            group: self.group.clone(),
            ..WorkloadRef::default()
        }
    }
}

fn mode_name(mode: Option<Mode>) -> &'static str {
    mode.map_or("none", Mode::name)
}

/// A group and the learned rules that name it. Rules an operator wrote keep it.
pub(crate) fn removal(state: &State, name: &GroupName) -> Result<Draft, AppError> {
    let names = |rule: &NetworkRule| rule.from == *name || rule.to == *name;
    let kept = state
        .rules
        .iter()
        .find(|rule| names(rule) && rule.source != ConfigSource::Learned);
    if let Some(rule) = kept {
        let by = format!("network rule {}", rule.id);
        return Err(AppError::InUse {
            kind: "group",
            name: name.to_string(),
            by,
        });
    }
    let mut draft = Draft::default();
    draft.groups.insert(name.clone(), None);
    if state.rules.iter().any(|rule| names(rule)) {
        draft.rules_mut(state).remove(names);
    }
    if let Some(rule) = state.responses.value.iter().find(|r| r.group == *name) {
        return Err(AppError::InUse {
            kind: "group",
            name: name.to_string(),
            by: format!("response rule {}", rule.id),
        });
    }
    Ok(draft)
}

fn check_criteria(criteria: &[Criterion]) -> Result<(), AppError> {
    if criteria.is_empty() || criteria.len() > MAX_CRITERIA {
        return Err(AppError::invalid(format!(
            "a group needs 1 to {MAX_CRITERIA} criteria"
        )));
    }
    selector::validate(criteria).map_err(|bad| AppError::invalid(bad.0))
}

pub(crate) fn check_comment(comment: &str) -> Result<(), AppError> {
    if comment.len() > 4096 {
        return Err(AppError::invalid("a comment has at most 4096 bytes"));
    }
    Ok(())
}

fn kind_of(criteria: &[Criterion]) -> GroupKind {
    match criteria.first() {
        Some(first) if first.key == "address" => GroupKind::Address,
        _ => GroupKind::Container,
    }
}

fn check_patch(group: &Group, patch: &GroupPatch) -> Result<(), AppError> {
    let fixed = || Err(AppError::read_only("group", group.name.as_str()));
    if matches!(group.source, ConfigSource::Crd | ConfigSource::Federal) {
        return fixed();
    }
    if let Some(criteria) = &patch.criteria {
        let learned = naming::service_of_group(&group.name).is_some();
        if (group.reserved || learned) && *criteria != group.criteria {
            return fixed();
        }
        if !group.reserved && !learned {
            check_criteria(criteria)?;
        }
    }
    if let Some(comment) = &patch.comment {
        check_comment(comment)?;
        if group.reserved && *comment != group.comment {
            return fixed();
        }
    }
    let has_modes = group.policy_mode.is_some() || group.profile_mode.is_some();
    if (patch.policy_mode.is_some() || patch.profile_mode.is_some()) && !has_modes {
        return Err(AppError::invalid(format!(
            "group {} has no mode; modes belong to learned groups and to `nodes`",
            group.name
        )));
    }
    Ok(())
}

fn apply_patch(group: &mut Group, patch: GroupPatch, now: Timestamp) {
    if let Some(criteria) = patch.criteria {
        group.kind = if group.reserved {
            group.kind
        } else {
            kind_of(&criteria)
        };
        group.criteria = criteria;
    }
    set(&mut group.comment, patch.comment);
    set(&mut group.monitor_metric, patch.monitor_metric);
    set(&mut group.session_limit, patch.session_limit);
    set(&mut group.session_rate_limit, patch.session_rate_limit);
    set(&mut group.bandwidth_limit_mbps, patch.bandwidth_limit_mbps);
    group.policy_mode = patch.policy_mode.or(group.policy_mode);
    group.profile_mode = patch.profile_mode.or(group.profile_mode);
    group.updated_at = now;
}

pub(crate) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// A learned group for a workload, if it has none yet.
pub(crate) fn ensure(
    state: &State,
    draft: &mut Draft,
    name: &GroupName,
    domain: &str,
    now: Timestamp,
) -> bool {
    if draft.group(state, name).is_some() {
        return true;
    }
    let learnable = naming::service_of_group(name).is_some() && name.as_str().len() <= key::MAX_ID;
    if learnable && state.groups.len() + draft.groups.len() >= MAX_GROUPS {
        tracing::warn!(
            group = name.as_str(),
            "there are too many groups to make another"
        );
        return false;
    }
    if learnable {
        draft.put_group(naming::new_learned(
            name,
            domain,
            &state.settings.value,
            now,
        ));
    }
    learnable
}

/// Running members by group.
pub(crate) fn running(workloads: &[Arc<WorkloadView>]) -> HashMap<GroupName, Vec<WorkloadId>> {
    let mut members: HashMap<GroupName, Vec<WorkloadId>> = HashMap::new();
    for view in workloads.iter().filter(|view| view.workload.running) {
        for group in &view.groups {
            members
                .entry(group.clone())
                .or_default()
                .push(view.workload.id.clone());
        }
    }
    members
}
