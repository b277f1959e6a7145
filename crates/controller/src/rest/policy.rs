//! Network rules.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
};
use crate::{app::RuleEdit, auth::Permission};
use axum::{Json, extract::State};
use rampart_api::{
    convert::{rule as wire, rule_of},
    rest::{Empty, policy::*},
};
use rampart_model::{ConfigSource, NetworkRule, RuleId};

/// Rules one request may carry.
const MAX_RULES: usize = 10_000;

/// A rule is seen by who sees either end.
fn sees(rest: &Rest, who: &Who, rule: &NetworkRule) -> bool {
    who.sees_all(Permission::RtPolicy)
        || [&rule.from, &rule.to].into_iter().any(|name| {
            let group = rest.app().group(name.as_str());
            group.is_ok_and(|g| who.sees(Permission::RtPolicy, &g.group.domain))
        })
}

pub(super) async fn list(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<PolicyRulesData> {
    let federal = query
        .other("scope")
        .filter(|s| !s.is_empty())
        .map(|scope| scope == "fed");
    let of_scope =
        |r: &NetworkRule| federal.is_none_or(|f| f == (r.source == ConfigSource::Federal));
    let all = rest.app().rules();
    let rows = all
        .iter()
        .filter(|r| of_scope(r) && sees(&rest, &who, r))
        .map(|r| wire(r))
        .collect();
    Ok(Json(PolicyRulesData {
        rules: pick(rows, &query)?,
    }))
}

fn id_of(text: &str) -> Result<RuleId, Failure> {
    text.parse()
        .map(RuleId)
        .map_err(|_| Failure::invalid("the id of a rule is a number"))
}

pub(super) async fn show(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<PolicyRuleData> {
    let rule = rest.app().rule(id_of(&id)?)?;
    if !sees(&rest, &who, &rule) {
        return Err(Failure::denied("see a rule between other domains"));
    }
    Ok(Json(PolicyRuleData { rule: wire(&rule) }))
}

pub(super) async fn edit(
    State(rest): State<Rest>,
    Body(action): Body<PolicyRuleAction>,
) -> Answer<Empty> {
    let PolicyRuleAction {
        relocate,
        insert,
        rules,
        delete,
    } = action;
    let edit = match (relocate, insert, rules, delete) {
        (Some(relocate), None, None, None) => RuleEdit::Move {
            after: place(&rest, relocate.after)?,
            id: RuleId(relocate.id),
        },
        (None, Some(insert), None, None) => RuleEdit::Insert {
            after: place(&rest, insert.after)?,
            rules: new_rules(&insert.rules)?,
        },
        (None, None, Some(rules), None) => RuleEdit::Replace(replaced(&rest, &rules)?),
        (None, None, None, Some(ids)) => RuleEdit::Delete(ids.into_iter().map(RuleId).collect()),
        _ => {
            return Err(Failure::invalid(
                "exactly one of insert, move, rules and delete is needed",
            ));
        }
    };
    rest.app().edit_rules(edit).await?;
    done()
}

/// What `after` means: nothing is last, 0 first, n after rule n, −n before it.
fn place(rest: &Rest, after: Option<i64>) -> Result<Option<u32>, Failure> {
    let Some(after) = after else { return Ok(None) };
    let id = u32::try_from(after.unsigned_abs())
        .map_err(|_| Failure::invalid("`after` is no rule's id"))?;
    if after >= 0 {
        return Ok(Some(id));
    }
    let rules = rest.app().rules();
    let at = rules
        .iter()
        .position(|r| r.id.0 == id)
        .ok_or_else(|| Failure::not_found("rule", &id.to_string()))?;
    let source = rules[at].source;
    // Before the first rule of its kind is the head of that kind.
    let before = rules[..at].iter().rev().find(|r| r.source == source);
    Ok(Some(before.map_or(0, |r| r.id.0)))
}

fn limit(rules: &[PolicyRuleConfig]) -> Result<(), Failure> {
    if rules.len() > MAX_RULES {
        return Err(Failure::invalid(format!(
            "more than {MAX_RULES} rules in one request"
        )));
    }
    Ok(())
}

fn new_rules(configs: &[PolicyRuleConfig]) -> Result<Vec<NetworkRule>, Failure> {
    limit(configs)?;
    if configs.is_empty() {
        return Err(Failure::invalid("`rules` is empty"));
    }
    configs.iter().map(new_rule).collect()
}

fn new_rule(config: &PolicyRuleConfig) -> Result<NetworkRule, Failure> {
    for (field, value) in [
        ("from", &config.from),
        ("to", &config.to),
        ("action", &config.action),
    ] {
        if value.as_deref().unwrap_or_default().is_empty() {
            return Err(Failure::invalid(format!("a new rule needs `{field}`")));
        }
    }
    source(config)?;
    let rule = rule_of(
        config,
        &NetworkRule {
            source: ConfigSource::User,
            ..NetworkRule::default()
        },
    )?;
    Ok(rule)
}

fn source(config: &PolicyRuleConfig) -> Result<(), Failure> {
    match config.cfg_type.as_deref() {
        None | Some("" | "user_created" | "learned") => Ok(()),
        Some(other) => Err(Failure::unsupported(format!(
            "rules of type `{other}` are not made here"
        ))),
    }
}

/// Known ids keep what is not said; others are new.
fn replaced(rest: &Rest, configs: &[PolicyRuleConfig]) -> Result<Vec<NetworkRule>, Failure> {
    limit(configs)?;
    let one = |config: &PolicyRuleConfig| match rest.app().rule(RuleId(config.id)) {
        Ok(known) if config.id != 0 => Ok(rule_of(config, &known)?),
        _ => new_rule(config),
    };
    configs.iter().map(one).collect()
}

pub(super) async fn delete_all(State(rest): State<Rest>, Ask(query): Ask) -> Answer<Empty> {
    if query.other("scope") == Some("fed") {
        return Err(Failure::unsupported(
            "there is no federation whose rules could be deleted",
        ));
    }
    let own = |source| matches!(source, ConfigSource::User | ConfigSource::Learned);
    let ids = rest
        .app()
        .rules()
        .iter()
        .filter(|r| own(r.source))
        .map(|r| r.id)
        .collect();
    rest.app().edit_rules(RuleEdit::Delete(ids)).await?;
    done()
}

pub(super) async fn update(
    State(rest): State<Rest>,
    Name(id): Name,
    Body(body): Body<PolicyRuleConfigData>,
) -> Answer<Empty> {
    let id = id_of(&id)?;
    let mut config = body.config;
    if config.id != 0 && config.id != id.0 {
        return Err(Failure::invalid(
            "the path and the body name different rules",
        ));
    }
    config.id = id.0;
    let rule = rule_of(&config, rest.app().rule(id)?.as_ref())?;
    rest.app()
        .edit_rules(RuleEdit::Update(Box::new(rule)))
        .await?;
    done()
}

pub(super) async fn delete(State(rest): State<Rest>, Name(id): Name) -> Answer<Empty> {
    let id = id_of(&id)?;
    rest.app().rule(id)?;
    rest.app().edit_rules(RuleEdit::Delete(vec![id])).await?;
    done()
}
