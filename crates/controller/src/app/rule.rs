//! The ordered list of network rules.

use super::{App, Draft, List, RuleEdit, State, change::RuleDraft};
use crate::AppError;
use rampart_model::{ConfigSource, GroupName, NetworkRule, RuleId, Timestamp};
use rampart_policy::{network, order};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Rules an operator may write.
const MAX_RULES: usize = 9_999;

impl App {
    /// In matching order, with how often each decided.
    pub fn rules(&self) -> List<NetworkRule> {
        self.read(|state| {
            state
                .rules
                .iter()
                .map(|rule| with_hits(state, rule))
                .collect()
        })
    }

    pub fn rule(&self, id: RuleId) -> Result<Arc<NetworkRule>, AppError> {
        self.read(|state| state.rule(id).map(|rule| with_hits(state, rule)))
            .ok_or_else(|| AppError::not_found("network rule", id.to_string()))
    }

    /// Changes the list: all of the edit or nothing.
    pub async fn edit_rules(&self, edit: RuleEdit) -> Result<(), AppError> {
        let now = self.now();
        let writer = self.writer().await;
        let mut draft = Draft::default();
        self.read(|state| {
            let rules = draft.rules_mut(state);
            match edit {
                RuleEdit::Insert { after, rules: new } => insert(state, rules, after, new, now),
                RuleEdit::Move { after, id } => reposition(rules, after, id),
                RuleEdit::Replace(list) => replace(state, rules, list, now),
                RuleEdit::Delete(ids) => delete(rules, &ids),
                RuleEdit::Update(rule) => update(state, rules, *rule, now),
            }
        })?;
        writer.commit(draft).await
    }
}

fn with_hits(state: &State, rule: &Arc<NetworkRule>) -> Arc<NetworkRule> {
    match state.hits.get(&rule.id) {
        None => rule.clone(),
        Some(hits) => Arc::new(NetworkRule {
            match_count: hits.count,
            last_match_at: hits.last,
            ..NetworkRule::clone(rule)
        }),
    }
}

fn insert(
    state: &State,
    rules: &mut RuleDraft,
    after: Option<u32>,
    new: Vec<NetworkRule>,
    now: Timestamp,
) -> Result<(), AppError> {
    let first = order::position(&rules.list, ConfigSource::User, after);
    let first = first.map_err(AppError::invalid)?;
    let mut used: HashSet<RuleId> = rules.list.iter().map(|rule| rule.id).collect();
    for (at, rule) in (first..).zip(new) {
        let rule = made(state, rule, &mut used, now)?;
        rules.insert(at, rule);
    }
    check_count(rules)
}

fn reposition(rules: &mut RuleDraft, after: Option<u32>, id: RuleId) -> Result<(), AppError> {
    let from = rules.list.iter().position(|rule| rule.id == id);
    let from = from.ok_or_else(|| AppError::not_found("network rule", id.to_string()))?;
    check_editable(&rules.list[from])?;
    if after == Some(id.0) {
        return Ok(());
    }
    let rule = rules.list.remove(from);
    let source = if after.is_none() {
        rule.id.source()
    } else {
        ConfigSource::User
    };
    let at = order::position(&rules.list, source, after).map_err(AppError::invalid)?;
    rules.list.insert(at, rule);
    rules.reordered = true;
    Ok(())
}

/// Everything an operator may order becomes the list given; the rest stays where it is.
fn replace(
    state: &State,
    rules: &mut RuleDraft,
    list: Vec<NetworkRule>,
    now: Timestamp,
) -> Result<(), AppError> {
    let known: HashMap<RuleId, Arc<NetworkRule>> = rules
        .list
        .iter()
        .map(|rule| (rule.id, rule.clone()))
        .collect();
    let mut used: HashSet<RuleId> = known.keys().copied().collect();
    let mut listed = HashSet::new();
    let mut block = Vec::new();
    for rule in list {
        if is_fixed(rule.id.source()) {
            continue;
        }
        if rule.id.0 != 0 && !listed.insert(rule.id) {
            return Err(AppError::invalid(format!(
                "rule {} is listed twice",
                rule.id
            )));
        }
        let kept = known.get(&rule.id);
        let next = match kept {
            Some(kept) if rule.from.is_empty() && rule.to.is_empty() => kept.clone(),
            Some(kept) => Arc::new(changed(state, kept, rule, now)?),
            None => Arc::new(made(state, rule, &mut used, now)?),
        };
        if kept.is_none_or(|kept| *kept != next) {
            rules.changed.insert(next.id);
        }
        listed.insert(next.id);
        block.push(next);
    }
    let (start, end) = order::bounds(&rules.list, ConfigSource::User);
    let gone = rules.list[start..end]
        .iter()
        .map(|rule| rule.id)
        .filter(|id| !listed.contains(id));
    rules.deleted.extend(gone);
    rules.list.splice(start..end, block);
    rules.reordered = true;
    check_count(rules)
}

fn delete(rules: &mut RuleDraft, ids: &[RuleId]) -> Result<(), AppError> {
    let wanted: HashSet<RuleId> = ids.iter().copied().collect();
    for id in &wanted {
        let rule = rules.list.iter().find(|rule| rule.id == *id);
        check_editable(rule.ok_or_else(|| AppError::not_found("network rule", id.to_string()))?)?;
    }
    rules.remove(|rule| wanted.contains(&rule.id));
    Ok(())
}

fn update(
    state: &State,
    rules: &mut RuleDraft,
    rule: NetworkRule,
    now: Timestamp,
) -> Result<(), AppError> {
    let id = rule.id;
    let known = rules.list.iter().find(|known| known.id == id).cloned();
    let known = known.ok_or_else(|| AppError::not_found("network rule", id.to_string()))?;
    let next = changed(state, &known, rule, now)?;
    if let Some(place) = rules.get_mut(id) {
        *place = next;
    }
    Ok(())
}

/// A new rule of an operator's, with a number.
fn made(
    state: &State,
    rule: NetworkRule,
    used: &mut HashSet<RuleId>,
    now: Timestamp,
) -> Result<NetworkRule, AppError> {
    check(state, &rule)?;
    let id = if rule.id.0 == 0 {
        order::free_id(ConfigSource::User, |id| used.contains(&id))
            .ok_or_else(|| AppError::invalid("all rule numbers are in use"))?
    } else {
        rule.id
    };
    if id.source() != ConfigSource::User {
        return Err(AppError::invalid(format!(
            "rule {id} is not there, and a new rule's id is below 10000"
        )));
    }
    if !used.insert(id) {
        return Err(AppError::exists("network rule", id.to_string()));
    }
    Ok(NetworkRule {
        id,
        source: ConfigSource::User,
        created_at: now,
        updated_at: now,
        ..rule
    })
}

/// A rule as an operator changed it. A learned rule that was changed is the operator's from then
/// on, and keeps its number.
fn changed(
    state: &State,
    known: &NetworkRule,
    rule: NetworkRule,
    now: Timestamp,
) -> Result<NetworkRule, AppError> {
    check_editable(known)?;
    check(state, &rule)?;
    let same = known.from == rule.from
        && known.to == rule.to
        && known.ports == rule.ports
        && known.applications == rule.applications
        && known.action == rule.action;
    let untouched = same
        && known.disabled == rule.disabled
        && known.comment == rule.comment
        && known.priority == rule.priority;
    Ok(NetworkRule {
        id: known.id,
        source: if same {
            known.source
        } else {
            ConfigSource::User
        },
        created_at: known.created_at,
        updated_at: if untouched { known.updated_at } else { now },
        match_count: known.match_count,
        last_match_at: known.last_match_at,
        ..rule
    })
}

fn check(state: &State, rule: &NetworkRule) -> Result<(), AppError> {
    network::validate(rule).map_err(AppError::invalid)?;
    for end in [&rule.from, &rule.to] {
        check_group(state, end)?;
    }
    Ok(())
}

fn check_group(state: &State, name: &GroupName) -> Result<(), AppError> {
    if state.group(name).is_none() {
        return Err(AppError::not_found("group", name.as_str()));
    }
    Ok(())
}

fn check_editable(rule: &NetworkRule) -> Result<(), AppError> {
    if is_fixed(rule.id.source()) {
        return Err(AppError::read_only("network rule", rule.id.to_string()));
    }
    Ok(())
}

fn is_fixed(source: ConfigSource) -> bool {
    matches!(source, ConfigSource::Federal | ConfigSource::Crd)
}

fn check_count(rules: &RuleDraft) -> Result<(), AppError> {
    let own = rules
        .list
        .iter()
        .filter(|rule| rule.id.source() == ConfigSource::User)
        .count();
    if own > MAX_RULES {
        return Err(AppError::invalid(format!(
            "there are at most {MAX_RULES} network rules"
        )));
    }
    Ok(())
}
