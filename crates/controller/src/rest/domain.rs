//! Domains.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
    system::small,
};
use crate::{app::DomainView, auth::Permission};
use axum::{Json, extract::State};
use rampart_api::rest::{Empty, domain::*};

const MAX_TAGS: usize = 64;

fn wire(view: &DomainView) -> Domain {
    Domain {
        name: view.name.clone(),
        workloads: small(view.workloads),
        running_workloads: small(view.running_workloads),
        running_pods: small(view.running_pods),
        services: small(view.services),
        tags: view.tags.clone(),
        labels: view.labels.clone(),
    }
}

pub(super) async fn list(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<DomainsData> {
    let all = rest.app().domains();
    let seen = all
        .iter()
        .filter(|d| who.sees(Permission::RtPolicy, &d.name))
        .map(wire)
        .collect();
    Ok(Json(DomainsData {
        domains: pick(seen, &query)?,
        tag_per_domain: false,
    }))
}

/// Tags drive compliance reports, which come later.
pub(super) async fn configure(Body(body): Body<DomainConfigData>) -> Answer<Empty> {
    if body.config.tag_per_domain == Some(true) {
        return Err(Failure::unsupported(
            "`tag_per_domain` cannot be switched on: there are no compliance reports to tag",
        ));
    }
    done()
}

pub(super) async fn tag(
    State(rest): State<Rest>,
    Name(name): Name,
    Body(body): Body<DomainEntryConfigData>,
) -> Answer<Empty> {
    let Some(tags) = body.config.tags else {
        return done();
    };
    if tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.is_empty() || tag.len() > 128) {
        return Err(Failure::invalid(
            "a domain has 64 tags at the most, of 1 to 128 bytes each",
        ));
    }
    rest.app().tag_domain(&name, tags).await?;
    done()
}
