//! Services.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
    group, view,
};
use crate::{
    app::{ServiceChange, ServiceView},
    auth::Permission,
};
use axum::{Json, extract::State};
use rampart_api::{
    convert::{baseline_of, mode_of},
    rest::{
        Empty,
        service::{
            self as api, ServiceBatchConfig, ServiceBatchConfigData, ServiceConfigData,
            ServiceData, ServicesData,
        },
    },
};
use rampart_model::{Baseline, Mode};

fn wire(rest: &Rest, who: &Who, view: &ServiceView, with_cap: bool) -> api::Service {
    api::Service {
        name: view.name.clone(),
        comment: view.comment.clone(),
        policy_mode: view.policy_mode.to_string(),
        profile_mode: view.profile_mode.to_string(),
        not_scored: view.not_scored,
        domain: view.domain.clone(),
        platform_role: view::platform_role(&view.domain),
        members: view::members(rest.app(), who, &view.members),
        policy_rules: view::rules(rest.app(), &view.rules),
        response_rules: Vec::new(),
        ingress_exposure: view.ingress_exposed,
        egress_exposure: view.egress_exposed,
        baseline_profile: view.baseline.to_string(),
        cap_change_mode: with_cap.then_some(true),
        cap_scorable: with_cap.then_some(true),
    }
}

pub(super) async fn list(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<ServicesData> {
    let all = rest.app().services();
    let seen = all
        .iter()
        .filter(|s| who.sees(Permission::RtPolicy, &s.domain));
    let rows = seen.map(|s| wire(&rest, &who, s, query.with_cap)).collect();
    Ok(Json(ServicesData {
        services: pick(rows, &query)?,
    }))
}

pub(super) async fn show(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
    Ask(query): Ask,
) -> Answer<ServiceData> {
    let view = rest.app().service(&name)?;
    who.must(
        Permission::RtPolicy,
        false,
        &view.domain,
        "see a service of this domain",
    )?;
    Ok(Json(ServiceData {
        service: wire(&rest, &who, &view, query.with_cap),
    }))
}

pub(super) async fn create(
    State(rest): State<Rest>,
    who: Who,
    Body(body): Body<ServiceConfigData>,
) -> Answer<Empty> {
    let config = body.config;
    who.must(
        Permission::RtPolicy,
        true,
        &config.domain,
        "make a service in this domain",
    )?;
    group::check_name(&config.name)?;
    if !config.domain.is_empty() {
        group::check_name(&config.domain)?;
    }
    let change = ServiceChange {
        policy_mode: mode("policy_mode", config.policy_mode.as_deref())?,
        profile_mode: mode(
            "profile_mode",
            config
                .profile_mode
                .as_deref()
                .or(config.policy_mode.as_deref()),
        )?,
        baseline: baseline(config.baseline_profile.as_deref())?,
        not_scored: config.not_scored,
    };
    let comment = config.comment.unwrap_or_default();
    rest.app()
        .create_service(&config.name, &config.domain, &comment, change)
        .await?;
    done()
}

pub(super) async fn configure(
    State(rest): State<Rest>,
    who: Who,
    Body(body): Body<ServiceBatchConfigData>,
) -> Answer<Empty> {
    let config = &body.config;
    let policy_mode = mode("policy_mode", config.policy_mode.as_deref())?;
    let change = ServiceChange {
        policy_mode,
        profile_mode: mode("profile_mode", config.profile_mode.as_deref())?.or(policy_mode),
        baseline: baseline(config.baseline_profile.as_deref())?,
        not_scored: config.not_scored,
    };
    apply(&rest, &who, config, change).await
}

pub(super) async fn configure_network(
    State(rest): State<Rest>,
    who: Who,
    Body(body): Body<ServiceBatchConfigData>,
) -> Answer<Empty> {
    let config = &body.config;
    if config.profile_mode.is_some() || config.baseline_profile.is_some() {
        return Err(Failure::invalid(
            "this path sets `policy_mode` only; /v1/service/config/profile sets the others",
        ));
    }
    let policy_mode = mode("policy_mode", config.policy_mode.as_deref())?;
    let change = ServiceChange {
        policy_mode,
        not_scored: config.not_scored,
        ..ServiceChange::default()
    };
    apply(&rest, &who, config, change).await
}

pub(super) async fn configure_profile(
    State(rest): State<Rest>,
    who: Who,
    Body(body): Body<ServiceBatchConfigData>,
) -> Answer<Empty> {
    let config = &body.config;
    if config.policy_mode.is_some() {
        return Err(Failure::invalid(
            "this path sets `profile_mode`; /v1/service/config/network sets `policy_mode`",
        ));
    }
    let change = ServiceChange {
        profile_mode: mode("profile_mode", config.profile_mode.as_deref())?,
        baseline: baseline(config.baseline_profile.as_deref())?,
        not_scored: config.not_scored,
        ..ServiceChange::default()
    };
    apply(&rest, &who, config, change).await
}

/// An absent list is every service; an empty one is a mistake, not "all".
async fn apply(
    rest: &Rest,
    who: &Who,
    config: &ServiceBatchConfig,
    change: ServiceChange,
) -> Answer<Empty> {
    let ServiceChange {
        policy_mode,
        profile_mode,
        baseline,
        not_scored,
    } = &change;
    if policy_mode.is_none() && profile_mode.is_none() && baseline.is_none() && not_scored.is_none()
    {
        return Err(Failure::invalid("nothing to change is given"));
    }
    let names = match &config.services {
        Some(names) if names.is_empty() => {
            return Err(Failure::invalid(
                "`services` is empty; leave it out to mean every one",
            ));
        }
        Some(names) => names.clone(),
        None => Vec::new(),
    };
    if names.is_empty() {
        who.must(Permission::RtPolicy, true, "", "change every service")?;
    }
    for name in names
        .iter()
        .filter(|name| *name != rampart_model::Group::NODES)
    {
        let service = rest.app().service(name)?;
        who.must(
            Permission::RtPolicy,
            true,
            &service.domain,
            "change a service of this domain",
        )?;
    }
    if names.iter().any(|name| name == rampart_model::Group::NODES) {
        who.must(Permission::RtPolicy, true, "", "change the mode of nodes")?;
    }
    rest.app().configure_services(&names, change).await?;
    done()
}

fn mode(field: &'static str, name: Option<&str>) -> Result<Option<Mode>, Failure> {
    let name = name.filter(|name| !name.is_empty());
    Ok(name.map(|name| mode_of(field, name)).transpose()?)
}

fn baseline(name: Option<&str>) -> Result<Option<Baseline>, Failure> {
    let name = name.filter(|name| !name.is_empty());
    Ok(name
        .map(|name| baseline_of("baseline_profile", name))
        .transpose()?)
}
