//! Response rules.

use super::{Mistake, cfg_type};
use crate::rest::response as wire;
use rampart_model::{
    Condition, ConditionKind, GroupName, ResponseAction, ResponseEvent, ResponseRule, RuleId,
};

/// More than any rule needs; the rules' own limits are below.
const MAX_LIST: usize = 256;

pub fn response(rule: &ResponseRule) -> wire::ResponseRule {
    let condition = |c: &Condition| wire::ResponseCondition {
        kind: c.kind.name().to_owned(),
        value: c.value.clone(),
    };
    wire::ResponseRule {
        id: rule.id.0,
        event: rule.event.name().to_owned(),
        comment: rule.comment.clone(),
        group: rule.group.to_string(),
        conditions: rule.conditions.iter().map(condition).collect(),
        actions: rule.actions.iter().map(|a| a.name().to_owned()).collect(),
        webhooks: Vec::new(),
        disable: rule.disabled,
        cfg_type: cfg_type(rule.source),
        match_counter: 0,
        last_match_timestamp: 0,
    }
}

/// `base` with what the client gave; the base of a new rule is the default one.
pub fn response_of(
    config: &wire::ResponseRuleConfig,
    base: &ResponseRule,
) -> Result<ResponseRule, Mistake> {
    let mut rule = ResponseRule {
        id: RuleId(config.id),
        ..base.clone()
    };
    if let Some(event) = &config.event {
        rule.event = ResponseEvent::parse(event)
            .ok_or_else(|| Mistake::new("event", event, "security-event, event or cve-report"))?;
    }
    if let Some(comment) = &config.comment {
        rule.comment.clone_from(comment);
    }
    if let Some(group) = &config.group {
        rule.group = GroupName::new(group.as_str());
    }
    if let Some(conditions) = &config.conditions {
        limit("conditions", conditions.len())?;
        rule.conditions = conditions
            .iter()
            .map(condition_of)
            .collect::<Result<_, _>>()?;
    }
    if let Some(actions) = &config.actions {
        limit("actions", actions.len())?;
        rule.actions = actions
            .iter()
            .map(|a| action_of(a))
            .collect::<Result<_, _>>()?;
        rule.actions.sort();
        rule.actions.dedup();
    }
    if let Some(webhook) = config.webhooks.iter().flatten().next() {
        return Err(Mistake::new(
            "webhooks",
            webhook,
            "empty: Rampart sends no webhooks yet",
        ));
    }
    rule.disabled = config.disable.unwrap_or(rule.disabled);
    Ok(rule)
}

fn limit(field: &'static str, count: usize) -> Result<(), Mistake> {
    if count <= MAX_LIST {
        return Ok(());
    }
    Err(Mistake::new(
        field,
        &format!("{count} entries"),
        "256 at the most",
    ))
}

fn condition_of(condition: &wire::ResponseCondition) -> Result<Condition, Mistake> {
    const EXPECTED: &str =
        "name, level, process, cve-name, cve-critical, cve-high, cve-high-only or cve-medium";
    let kind = ConditionKind::parse(&condition.kind)
        .ok_or_else(|| Mistake::new("type", &condition.kind, EXPECTED))?;
    Ok(Condition {
        kind,
        value: condition.value.clone(),
    })
}

fn action_of(name: &str) -> Result<ResponseAction, Mistake> {
    ResponseAction::parse(name)
        .ok_or_else(|| Mistake::new("actions", name, "quarantine or suppress-log"))
}
