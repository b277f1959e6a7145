//! Stands before every handler: finds out who calls, whether they may, and notes what they change.

use super::{
    Rest,
    activity::{self, Activity, RESTFUL},
    call::{self, Peer},
    endpoint::{Endpoint, Need, Verb},
    error::Failure,
};
use crate::auth::{AuthError, Caller, Credential};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use rampart_model::LogLevel;

pub(super) const TOKEN: &str = "x-auth-token";
pub(super) const API_KEY: &str = "x-auth-apikey";
/// Longer than any token or key there is.
const MAX_CREDENTIAL_BYTES: usize = 512;

/// Serves a request to `endpoint` if its caller may.
pub(super) async fn guard(
    State((rest, endpoint)): State<(Rest, &'static Endpoint)>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = call::peer_address(request.extensions().get::<Peer>()).to_string();
    if endpoint.need == Need::Scanner && is_scanner(&rest, request.headers()) {
        return next.run(request).await;
    }
    let caller = match credential(request.headers()) {
        Some(credential) => rest.auth().authenticate(&credential, &address).await,
        None => Err(AuthError::Unauthenticated),
    };
    let caller = match (endpoint.need, caller) {
        (Need::Open, caller) => caller.ok(),
        (_, Err(error)) => return Failure::from(error).into_response(),
        (need, Ok(caller)) if need.is_met(&caller.access) => Some(caller),
        (_, Ok(caller)) => {
            let denial = denial(
                &caller.user,
                request.method().as_str(),
                &request.uri().to_string(),
            );
            rest.note(&activity::actor(&caller), denial).await;
            return Failure::denied("do this; your role does not allow it").into_response();
        }
    };
    let Some(caller) = caller else {
        return next.run(request).await;
    };
    request.extensions_mut().insert(caller.clone());
    // Signing in and out writes its own records.
    if endpoint.verb == Verb::Get || endpoint.path == "/v1/auth" {
        return next.run(request).await;
    }
    if endpoint.need.writes() || endpoint.need == Need::SignedIn {
        return write(&rest, &caller, request, next).await;
    }
    next.run(request).await
}

/// `X-Auth-Token`, `X-Auth-Apikey`, or for monitoring tools that know nothing else, an API key as
/// `Authorization: Bearer name:secret`.
pub(super) fn credential(headers: &HeaderMap) -> Option<Credential> {
    let text = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        (!value.is_empty() && value.len() <= MAX_CREDENTIAL_BYTES).then(|| value.to_owned())
    };
    if let Some(token) = text(TOKEN) {
        return Some(Credential::Token(token));
    }
    if let Some(key) = text(API_KEY) {
        return Some(Credential::ApiKey(key));
    }
    let bearer = text(header::AUTHORIZATION.as_str())?;
    let bearer = bearer.strip_prefix("Bearer ")?.trim();
    Some(if bearer.contains(':') {
        Credential::ApiKey(bearer.to_owned())
    } else {
        Credential::Token(bearer.to_owned())
    })
}

/// Whether it shows the token of scanners.
fn is_scanner(rest: &Rest, headers: &HeaderMap) -> bool {
    use subtle::ConstantTimeEq;
    let shown = headers.get(super::scanner::TOKEN);
    match (&rest.0.scanner_token, shown) {
        (Some(token), Some(shown)) => token.as_bytes().ct_eq(shown.as_bytes()).into(),
        _ => false,
    }
}

/// Runs a request that changes something and notes it if it did.
async fn write(rest: &Rest, caller: &Caller, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().to_string(), request.uri().to_string());
    let (parts, body) = request.into_parts();
    let body = match call::read(body).await {
        Ok(body) => body,
        Err(failure) => return failure.into_response(),
    };
    let response = next
        .run(Request::from_parts(parts, Body::from(body.clone())))
        .await;
    let call = Some((method.as_str(), uri.as_str(), body.as_ref()));
    let activity = match response.status() {
        status if status.is_success() => Activity {
            name: "RESTful.Write",
            category: RESTFUL,
            level: LogLevel::Info,
            message: format!("{} did {method} {uri}", caller.user),
            call,
        },
        StatusCode::FORBIDDEN => denial(&caller.user, &method, &uri),
        _ => return response,
    };
    rest.note(&activity::actor(caller), activity).await;
    response
}

fn denial(user: &str, method: &str, uri: &str) -> Activity<'static> {
    Activity {
        name: "User.Resource.Access.Denied",
        category: activity::AUTH,
        level: LogLevel::Warning,
        message: format!("{user} may not {method} {uri}"),
        call: None,
    }
}
