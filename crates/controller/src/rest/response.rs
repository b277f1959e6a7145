//! Response rules.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
};
use crate::{
    app::{App, ResponseEdit, ResponseView},
    auth::Permission,
};
use axum::{Json, extract::State};
use rampart_api::{
    convert::{response as wire, response_of},
    rest::{Empty, response::*},
};
use rampart_model::{ConfigSource, LogLevel, ResponseEvent, ResponseRule as Rule, RuleId};
use rampart_policy::response as policy;

/// Rules one request may carry.
const MAX_RULES: usize = 1_000;

/// Names of events worth a rule; any other may be written too.
fn names(event: ResponseEvent) -> &'static [&'static str] {
    match event {
        ResponseEvent::SecurityEvent => &[
            "Container.FileAccess.Violation",
            "Container.Package.Updated",
            "Container.Privilege.Escalation",
            "Container.Suspicious.Process",
            "Host.FileAccess.Violation",
            "Host.Package.Updated",
            "Host.Privilege.Escalation",
            "Host.Process.Violation",
            "Host.Suspicious.Process",
            "Network.Violation",
            "Process.Profile.Violation",
        ],
        ResponseEvent::Event => &[
            "Container.Start",
            "Container.Stop",
            "Container.Remove",
            "Container.Secured",
            "Enforcer.Join",
            "Enforcer.Connect",
            "Enforcer.Disconnect",
            "Enforcer.Stop",
            "Group.Auto.Promote",
            "Group.Auto.Remove",
            "Group.Mode.Changed",
            "Scanner.Join",
            "Scanner.Leave",
            "Scanner.Update",
        ],
        ResponseEvent::CveReport => &[
            "Container.Scan.Report",
            "Host.Scan.Report",
            "Platform.Scan.Report",
            "Registry.Scan.Report",
        ],
        _ => &[],
    }
}

fn row(view: &ResponseView) -> ResponseRule {
    ResponseRule {
        match_counter: view.matched,
        last_match_timestamp: view.last_match_at.secs(),
        ..wire(&view.rule)
    }
}

pub(super) async fn list(State(rest): State<Rest>, Ask(query): Ask) -> Answer<ResponseRulesData> {
    let federal = match query.other("scope") {
        None | Some("") => None,
        Some("fed") => Some(true),
        Some("local") => Some(false),
        Some(_) => return Err(Failure::invalid("`scope` is fed or local")),
    };
    let of_scope =
        |v: &&ResponseView| federal.is_none_or(|f| f == (v.rule.source == ConfigSource::Federal));
    let all = rest.app().response_rules();
    let rows = all.iter().filter(of_scope).map(row).collect();
    Ok(Json(ResponseRulesData {
        rules: pick(rows, &query)?,
    }))
}

fn id_of(text: &str) -> Result<RuleId, Failure> {
    text.parse()
        .map(RuleId)
        .map_err(|_| Failure::invalid("the id of a rule is a number"))
}

pub(super) async fn show(State(rest): State<Rest>, Name(id): Name) -> Answer<ResponseRuleData> {
    let view = rest.app().response_rule(id_of(&id)?)?;
    Ok(Json(ResponseRuleData { rule: row(&view) }))
}

pub(super) async fn edit(
    State(rest): State<Rest>,
    Body(action): Body<ResponseRuleAction>,
) -> Answer<Empty> {
    let edit = match (action.insert, action.relocate, action.delete) {
        (Some(insert), None, None) => ResponseEdit::Insert {
            after: insert.after,
            rules: new_rules(&insert.rules)?,
        },
        (None, Some(relocate), None) => ResponseEdit::Move {
            after: relocate.after,
            id: RuleId(relocate.id),
        },
        (None, None, Some(ids)) => ResponseEdit::Delete(ids.into_iter().map(RuleId).collect()),
        _ => {
            return Err(Failure::invalid(
                "exactly one of insert, move and delete is needed",
            ));
        }
    };
    rest.app().edit_responses(edit).await?;
    done()
}

fn new_rules(configs: &[ResponseRuleConfig]) -> Result<Vec<Rule>, Failure> {
    if configs.is_empty() || configs.len() > MAX_RULES {
        return Err(Failure::invalid(format!(
            "`rules` holds 1 to {MAX_RULES} rules"
        )));
    }
    configs.iter().map(new_rule).collect()
}

pub(super) async fn create(
    State(rest): State<Rest>,
    Body(body): Body<ResponseRuleConfigData>,
) -> Answer<Empty> {
    let rules = vec![new_rule(&body.config)?];
    let edit = ResponseEdit::Insert { after: None, rules };
    rest.app().edit_responses(edit).await?;
    done()
}

fn new_rule(config: &ResponseRuleConfig) -> Result<Rule, Failure> {
    if config.event.as_deref().unwrap_or_default().is_empty() {
        return Err(Failure::invalid("a new rule needs `event`"));
    }
    source(config)?;
    Ok(response_of(config, &Rule::default())?)
}

/// Whose rules are made here.
fn source(config: &ResponseRuleConfig) -> Result<(), Failure> {
    match config.cfg_type.as_deref() {
        None | Some("" | "user_created") => Ok(()),
        Some("federal") => Err(Failure::unsupported(
            "there is no federation whose rules could be made",
        )),
        Some("ground") => Err(Failure::unsupported(
            "rules of type `ground` come from Kubernetes resources, which are not read yet",
        )),
        Some(_) => Err(Failure::invalid(
            "`cfg_type` is user_created, ground or federal",
        )),
    }
}

pub(super) async fn update(
    State(rest): State<Rest>,
    Name(id): Name,
    Body(body): Body<ResponseRuleConfigData>,
) -> Answer<Empty> {
    let id = id_of(&id)?;
    let mut config = body.config;
    if config.id != 0 && config.id != id.0 {
        return Err(Failure::invalid(
            "the path and the body name different rules",
        ));
    }
    config.id = id.0;
    let known = rest.app().response_rule(id)?.rule;
    let rule = response_of(&config, &known)?;
    rest.app()
        .edit_responses(ResponseEdit::Update(Box::new(rule)))
        .await?;
    done()
}

pub(super) async fn delete(State(rest): State<Rest>, Name(id): Name) -> Answer<Empty> {
    let edit = ResponseEdit::Delete(vec![id_of(&id)?]);
    rest.app().edit_responses(edit).await?;
    done()
}

pub(super) async fn delete_all(State(rest): State<Rest>, Ask(query): Ask) -> Answer<Empty> {
    if query.other("scope") == Some("fed") {
        return Err(Failure::unsupported(
            "there is no federation whose rules could be deleted",
        ));
    }
    let all = rest.app().response_rules();
    let own = all.iter().map(|view| &view.rule);
    let own = own.filter(|rule| rule.source == ConfigSource::User);
    let edit = ResponseEdit::Delete(own.map(|rule| rule.id).collect());
    rest.app().edit_responses(edit).await?;
    done()
}

/// Rules that can act on a container: those for its groups, and those for all.
pub(super) async fn of_workload(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<ResponseRulesData> {
    let view = rest.app().workload(&id)?;
    who.must(
        Permission::RtPolicy,
        false,
        &view.workload.domain,
        "see the response rules of a container of this domain",
    )?;
    let all = rest.app().response_rules();
    let applies =
        |v: &&ResponseView| v.rule.group.is_empty() || view.groups.contains(&v.rule.group);
    Ok(Json(ResponseRulesData {
        rules: all.iter().filter(applies).map(row).collect(),
    }))
}

pub(super) async fn options() -> Answer<ResponseRuleOptionsData> {
    let levels = || LogLevel::ALL.iter().map(|l| format!("level:{l}")).collect();
    let of = |event: &ResponseEvent| {
        let options = ResponseRuleOptions {
            types: policy::conditions(*event)
                .iter()
                .map(|kind| kind.name().to_owned())
                .collect(),
            name: names(*event).iter().map(|n| format!("name:{n}")).collect(),
            level: levels(),
        };
        (event.name().to_owned(), options)
    };
    Ok(Json(ResponseRuleOptionsData {
        response_rule_options: policy::EVENTS.iter().map(of).collect(),
        webhooks: Vec::new(),
    }))
}

/// Whether a rule of this number cut the container off.
pub(super) fn is_by(reason: &str, rule: u32) -> bool {
    App::quarantined_by(reason) == Some(RuleId(rule))
}
