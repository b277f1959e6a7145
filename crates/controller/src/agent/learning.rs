//! Behaviour seen in Discover becomes rules.

use crate::{
    App,
    app::{Draft, State},
};
use rampart_model::{
    Act, ConfigSource, FileBehavior, Group, GroupName, NetworkRule, Protocol, RuleId, Timestamp,
};
pub(super) use rampart_policy::learn::Learned as Learnt;
use rampart_policy::{learn, network, order};
use std::collections::{HashMap, HashSet};

/// Adds a process to a group's profile, if the group learns.
pub(super) fn process(
    state: &State,
    draft: &mut Draft,
    group: &GroupName,
    name: &str,
    path: &str,
    now: Timestamp,
) -> Learnt {
    let Some(known) = draft.group(state, group) else {
        return Learnt::Known;
    };
    if !App::learns_profile(state, known, now) {
        return Learnt::Known;
    }
    // Looked up on a reference first: most of what is reported is known, and a draft is a write.
    let uuid = || uuid::Uuid::new_v4().to_string();
    if learn::knows_process(&known.profile, name, path) {
        return Learnt::Known;
    }
    if !learn::has_room(&known.profile, name, path) {
        return Learnt::Full;
    }
    let Some(known) = draft.group_mut(state, group) else {
        return Learnt::Known;
    };
    let learnt = learn::process(&mut known.profile, name, path, uuid, now);
    if learnt == Learnt::Added {
        known.updated_at = now;
    }
    learnt
}

/// Adds an application to a file rule of a group that learns.
pub(super) fn file(
    state: &State,
    draft: &mut Draft,
    group: &GroupName,
    filter: &str,
    behavior: FileBehavior,
    application: &str,
    now: Timestamp,
) -> Learnt {
    let Some(known) = draft.group(state, group) else {
        return Learnt::Known;
    };
    if !App::learns_profile(state, known, now) {
        return Learnt::Known;
    }
    let listed = |rule: &rampart_model::FileRule| {
        rule.filter == filter
            && rule.behavior == behavior
            && rule.applications.iter().any(|known| known == application)
    };
    if known.files.iter().any(listed) {
        return Learnt::Known;
    }
    let mut files = known.files.clone();
    let learnt = learn::file(&mut files, filter, behavior, application, now);
    if learnt == Learnt::Added
        && let Some(known) = draft.group_mut(state, group)
    {
        known.files = files;
        known.updated_at = now;
    }
    learnt
}

/// Adds an act to a group's profile, if the group learns.
pub(super) fn act(
    state: &State,
    draft: &mut Draft,
    group: &GroupName,
    act: Act,
    now: Timestamp,
) -> Learnt {
    let learns = |known: &Group| {
        !known.profile.acts.contains(&act) && App::learns_profile(state, known, now)
    };
    if !draft.group(state, group).is_some_and(|known| learns(known)) {
        return Learnt::Known;
    }
    let Some(known) = draft.group_mut(state, group) else {
        return Learnt::Known;
    };
    known.profile.acts.insert(act);
    known.updated_at = now;
    Learnt::Added
}

/// Learned network rules, found by their ends.
pub(super) struct NetworkLearner<'a> {
    state: &'a State,
    now: Timestamp,
    by_ends: HashMap<(GroupName, GroupName), RuleId>,
    used: HashSet<RuleId>,
}

impl<'a> NetworkLearner<'a> {
    pub(super) fn new(state: &'a State, now: Timestamp) -> Self {
        let learned = state
            .rules
            .iter()
            .filter(|rule| rule.source == ConfigSource::Learned && !rule.disabled);
        Self {
            state,
            now,
            by_ends: learned
                .map(|rule| ((rule.from.clone(), rule.to.clone()), rule.id))
                .collect(),
            used: state.rules.iter().map(|rule| rule.id).collect(),
        }
    }

    /// Adds a port between two groups, unless a rule decides about it already.
    pub(super) fn learn(
        &mut self,
        draft: &mut Draft,
        from: &GroupName,
        to: &GroupName,
        protocol: Protocol,
        port: u16,
    ) -> Learnt {
        if draft.group(self.state, from).is_none() || draft.group(self.state, to).is_none() {
            return Learnt::Known;
        }
        if self.decided(draft, from, to, protocol, port) {
            return Learnt::Known;
        }
        let ends = (from.clone(), to.clone());
        if let Some(id) = self.by_ends.get(&ends) {
            let rules = draft.rules_mut(self.state);
            return rules.get_mut(*id).map_or(Learnt::Known, |rule| {
                learn::network(rule, protocol, port, self.now)
            });
        }
        let Some(id) = order::free_id(ConfigSource::Learned, |id| self.used.contains(&id)) else {
            return Learnt::Full;
        };
        let mut rule = learn::network_rule(id, from, to, self.now);
        learn::network(&mut rule, protocol, port, self.now);
        let rules = draft.rules_mut(self.state);
        let (_, end) = order::bounds(&rules.list, ConfigSource::Learned);
        rules.insert(end, rule);
        self.used.insert(id);
        self.by_ends.insert(ends, id);
        Learnt::Added
    }

    fn decided(
        &self,
        draft: &Draft,
        from: &GroupName,
        to: &GroupName,
        protocol: Protocol,
        port: u16,
    ) -> bool {
        let drafted = draft.rules.as_ref().map(|rules| &rules.list);
        let rules = drafted
            .unwrap_or(&self.state.rules)
            .iter()
            .map(AsRef::<NetworkRule>::as_ref);
        let ends = (std::slice::from_ref(from), std::slice::from_ref(to));
        network::first_match(rules, ends.0, ends.1, Some(protocol), port, None).is_some()
    }
}

impl App {
    /// Notes when groups last learned processes or files.
    pub(super) fn note_learned(&self, groups: &HashSet<GroupName>, now: Timestamp) {
        if groups.is_empty() {
            return;
        }
        self.write(|state| {
            for group in groups {
                state.touch(group).profile_act = now;
            }
        });
    }
}
