//! Small answers: health, metrics, the OpenAPI document, fixed lists.

use super::{
    Rest,
    answer::Answer,
    call::{self, Peer},
    error::Failure,
    guard,
};
use crate::auth::Permission;
use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rampart_api::{
    error::ErrorKind,
    rest::{
        fed::FedMember,
        list::{APPLICATIONS, Choices, ListData},
    },
};

pub(super) async fn fed_member() -> Json<FedMember> {
    Json(FedMember::default())
}

pub(super) async fn applications() -> Answer<ListData> {
    let application = APPLICATIONS.iter().map(|name| (*name).to_owned()).collect();
    Ok(Json(ListData {
        list: Choices {
            application,
            ..Choices::default()
        },
    }))
}

pub(super) async fn registry_types() -> Answer<ListData> {
    let registry_type = rampart_model::RegistryKind::ALL
        .iter()
        .map(|kind| kind.name().to_owned())
        .collect();
    Ok(Json(ListData {
        list: Choices {
            registry_type,
            ..Choices::default()
        },
    }))
}

/// Open to all: it says nothing of this cluster.
pub(super) async fn openapi(State(rest): State<Rest>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        rest.0.openapi.clone(),
    )
        .into_response()
}

/// The process answers.
pub(super) async fn healthy() -> &'static str {
    "ok\n"
}

/// The store answers too.
pub(super) async fn ready(State(rest): State<Rest>) -> Response {
    match rest.app().store().get("config/settings").await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready: the store does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
                .into_response()
        }
    }
}

/// For Prometheus, with an API key of the role reader: names of nodes are not for everybody.
pub(super) async fn metrics(
    State(rest): State<Rest>,
    request: Request,
) -> Result<Response, Failure> {
    let credential = guard::credential(request.headers()).ok_or_else(|| {
        Failure::new(
            ErrorKind::Unauthorized,
            "metrics need an API key or a token",
        )
    })?;
    let address = call::peer_address(request.extensions().get::<Peer>()).to_string();
    let caller = rest.auth().authenticate(&credential, &address).await?;
    if !caller.access.can(Permission::NvResource, false, None) {
        return Err(Failure::denied("read metrics"));
    }
    let text = rest.0.metrics.encode()?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
