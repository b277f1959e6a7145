//! Groups.

use super::{
    Rest,
    answer::{Answer, done, either, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
    view, workload,
};
use crate::{
    app::{GroupPatch, GroupView},
    auth::Permission,
};
use axum::{Json, extract::State, response::Response};
use rampart_api::{
    convert::{cfg_type, criteria_of, criterion, rfc3339},
    error::ErrorKind,
    query::ListQuery,
    rest::{
        Empty,
        group::{
            self as api, GroupBrief, GroupConfig, GroupConfigData, GroupDetail, GroupDetailData,
            GroupsData,
        },
        stats::{Stats, StatsData},
    },
};
use rampart_model::{ConfigSource, Group, GroupKind, GroupName};
use std::sync::Arc;

const MAX_NAME_BYTES: usize = 256;

pub(super) fn brief(view: &GroupView, with_cap: bool) -> GroupBrief {
    let group = &view.group;
    let mode = |mode: Option<rampart_model::Mode>| mode.map(|m| m.to_string()).unwrap_or_default();
    GroupBrief {
        name: group.name.to_string(),
        comment: group.comment.clone(),
        learned: source(group) == ConfigSource::Learned,
        reserved: group.reserved,
        policy_mode: mode(group.policy_mode),
        profile_mode: mode(group.profile_mode),
        not_scored: view.not_scored,
        domain: group.domain.clone(),
        creater_domains: Vec::new(),
        kind: group.kind.to_string(),
        platform_role: view::platform_role(&group.domain),
        cfg_type: cfg_type(source(group)),
        baseline_profile: if has_profile(group) {
            group.profile.baseline.to_string()
        } else {
            String::new()
        },
        monitor_metric: group.monitor_metric,
        group_sess_cur: group.session_limit,
        group_sess_rate: group.session_rate_limit,
        group_band_width: group.bandwidth_limit_mbps,
        cap_change_mode: with_cap.then_some(group.policy_mode.is_some()),
        cap_scorable: with_cap.then_some(group.is_learned()),
    }
}

/// Groups the system made: NeuVector calls `containers` the user's and the others learned.
fn source(group: &Group) -> ConfigSource {
    match group.source {
        ConfigSource::System if group.name.as_str() == Group::CONTAINERS => ConfigSource::User,
        ConfigSource::System => ConfigSource::Learned,
        other => other,
    }
}

/// Groups of addresses have no processes and files.
pub(super) fn has_profile(group: &Group) -> bool {
    matches!(group.kind, GroupKind::Container | GroupKind::Node)
}

/// A learned group needs none, but NeuVector shows which service it is, and exports rely on it;
/// and `containers` is every container.
fn criteria(group: &Group) -> Vec<api::Criterion> {
    let equal = |key: &str, value: &str| api::Criterion {
        key: key.to_owned(),
        value: value.to_owned(),
        op: "=".to_owned(),
    };
    let name = group.name.as_str();
    match name.strip_prefix(Group::LEARNED_PREFIX) {
        _ if !group.criteria.is_empty() => group.criteria.iter().map(criterion).collect(),
        Some(service) if group.is_learned() => {
            let domain = (!group.domain.is_empty()).then(|| equal("domain", &group.domain));
            std::iter::once(equal("service", service))
                .chain(domain)
                .collect()
        }
        _ if name == Group::CONTAINERS => vec![equal("container", "*")],
        _ => Vec::new(),
    }
}

fn wire(rest: &Rest, who: &Who, view: &GroupView, with_cap: bool) -> api::Group {
    api::Group {
        brief: brief(view, with_cap),
        criteria: criteria(&view.group),
        members: view::members(rest.app(), who, &view.members),
        policy_rules: view.rules.iter().map(|id| id.0).collect(),
        response_rules: Vec::new(),
    }
}

/// Groups the caller may see, of the scope asked for.
pub(super) fn seen(
    rest: &Rest,
    who: &Who,
    query: &ListQuery,
) -> Result<Vec<Arc<GroupView>>, Failure> {
    let federal = match query.other("scope") {
        None | Some("") => None,
        Some("local") => Some(false),
        Some("fed") => Some(true),
        Some(other) => {
            return Err(Failure::invalid(format!(
                "`scope` is `{other}`; it should be local or fed"
            )));
        }
    };
    let of_scope =
        |v: &GroupView| federal.is_none_or(|f| f == (v.group.source == ConfigSource::Federal));
    let views = rest.app().groups().into_iter();
    Ok(views
        .filter(|v| view::sees_group(who, v) && of_scope(v))
        .collect())
}

pub(super) fn find(
    rest: &Rest,
    who: &Who,
    name: &str,
    write: bool,
) -> Result<Arc<GroupView>, Failure> {
    let view = rest.app().group(name)?;
    who.must(
        Permission::RtPolicy,
        write,
        &view.group.domain,
        "use a group of this domain",
    )?;
    Ok(view)
}

pub(super) async fn list(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Result<Response, Failure> {
    let views = seen(&rest, &who, &query)?;
    let short = || -> Result<_, Failure> {
        let rows = pick(
            views.iter().map(|v| brief(v, query.with_cap)).collect(),
            &query,
        )?;
        Ok(serde_json::json!({ "groups": rows }))
    };
    let full = || -> Result<_, Failure> {
        let rows = views
            .iter()
            .map(|v| wire(&rest, &who, v, query.with_cap))
            .collect();
        Ok(GroupsData {
            groups: pick(rows, &query)?,
        })
    };
    either(query.brief, short, full)
}

pub(super) async fn show(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
    Ask(query): Ask,
) -> Answer<GroupDetailData> {
    let view = find(&rest, &who, &name, false)?;
    let group = GroupDetail {
        brief: brief(&view, query.with_cap),
        criteria: criteria(&view.group),
        members: view::members(rest.app(), &who, &view.members),
        policy_rules: view::rules(rest.app(), &view.rules),
        response_rules: Vec::new(),
    };
    Ok(Json(GroupDetailData { group }))
}

pub(super) async fn create(
    State(rest): State<Rest>,
    Body(body): Body<GroupConfigData>,
) -> Answer<Empty> {
    let config = body.config;
    check_name(&config.name)?;
    check_source(&config)?;
    let criteria = criteria_of(&config.criteria.clone().unwrap_or_default())?;
    let of_addresses = criteria.iter().any(|c| c.key == "address");
    let group = Group {
        name: GroupName::new(config.name.as_str()),
        comment: comment(&config)?.unwrap_or_default(),
        kind: if of_addresses {
            GroupKind::Address
        } else {
            GroupKind::Container
        },
        source: ConfigSource::User,
        criteria,
        monitor_metric: config.monitor_metric.unwrap_or_default(),
        session_limit: config.group_sess_cur.unwrap_or_default(),
        session_rate_limit: config.group_sess_rate.unwrap_or_default(),
        bandwidth_limit_mbps: config.group_band_width.unwrap_or_default(),
        ..Group::default()
    };
    rest.app().create_group(group).await?;
    done()
}

pub(super) async fn update(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
    Body(body): Body<GroupConfigData>,
) -> Answer<Empty> {
    find(&rest, &who, &name, true)?;
    let config = body.config;
    if !config.name.is_empty() && config.name != name {
        return Err(Failure::invalid(
            "a group cannot be renamed: the path and the body name different groups",
        ));
    }
    check_source(&config)?;
    let patch = GroupPatch {
        comment: comment(&config)?,
        criteria: config.criteria.as_deref().map(criteria_of).transpose()?,
        monitor_metric: config.monitor_metric,
        session_limit: config.group_sess_cur,
        session_rate_limit: config.group_sess_rate,
        bandwidth_limit_mbps: config.group_band_width,
        ..GroupPatch::default()
    };
    rest.app().update_group(&name, patch).await?;
    done()
}

pub(super) async fn delete(State(rest): State<Rest>, who: Who, Name(name): Name) -> Answer<Empty> {
    find(&rest, &who, &name, true)?;
    rest.app().delete_group(&name).await?;
    done()
}

pub(super) async fn stats(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
) -> Answer<StatsData> {
    let view = find(&rest, &who, &name, false)?;
    let total = workload::traffic(&rest, |end| {
        view.members.iter().any(|id| id.as_str() == end)
    });
    Ok(Json(StatsData {
        id: name,
        read_at: rfc3339(rest.app().now()),
        stats: Stats {
            interval: 5,
            total,
            ..Stats::default()
        },
    }))
}

fn comment(config: &GroupConfig) -> Result<Option<String>, Failure> {
    match &config.comment {
        Some(comment) if comment.len() > 1024 => {
            Err(Failure::invalid("`comment` has 1024 bytes at the most"))
        }
        other => Ok(other.clone()),
    }
}

/// Only a user's own groups are made here.
fn check_source(config: &GroupConfig) -> Result<(), Failure> {
    match config.cfg_type.as_deref() {
        None | Some("" | "user_created") => Ok(()),
        // A client that sends back what it read of a learned group.
        Some("learned") => Ok(()),
        Some(other) => Err(Failure::unsupported(format!(
            "groups of type `{other}` are not made here"
        ))),
    }
}

/// A letter or digit, then also `.`, `:`, `_` and `-`.
pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".:_-".contains(c));
    if fits {
        return Ok(());
    }
    let what = "a name has 1 to 256 letters, digits or . : _ - and begins with a letter or digit";
    Err(Failure::new(ErrorKind::InvalidName, what))
}
