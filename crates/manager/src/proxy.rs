//! Passes `/api/*` to the controller and its answers back.

use crate::{
    cookie,
    error::Refusal,
    guard::{self, CONSOLE_HEADER},
    login,
    upstream::Upstream,
};
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
        header::{self, Entry},
        uri::PathAndQuery,
    },
    response::IntoResponse,
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::net::SocketAddr;

/// Largest body of a request; the controller's own limit.
pub(crate) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// Headers of one hop only (RFC 9110 §7.6.1), which a proxy must not pass.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers of the browser the controller must not see, or must see only as this server sets them.
const NOT_FORWARDED: [&str; 13] = [
    "host",
    "cookie",
    "origin",
    "referer",
    "authorization",
    "content-length",
    "expect",
    "forwarded",
    "x-forwarded-for",
    "x-real-ip",
    "x-auth-token",
    "x-auth-apikey",
    CONSOLE_HEADER,
];

/// Headers of the controller the browser must not see.
const NOT_RETURNED: [&str; 3] = ["set-cookie", "x-auth-token", "strict-transport-security"];

/// One API request, start to end.
pub(crate) async fn handle(
    upstream: Upstream,
    peer: SocketAddr,
    request: Request<Body>,
) -> Response<Body> {
    match pass(&upstream, peer, request).await {
        Ok(response) => response,
        Err(refusal) => {
            let mut response = refusal.into_response();
            if refusal == Refusal::NoSession {
                response
                    .headers_mut()
                    .append(header::SET_COOKIE, cookie::end());
            }
            response
        }
    }
}

async fn pass(
    upstream: &Upstream,
    peer: SocketAddr,
    request: Request<Body>,
) -> Result<Response<Body>, Refusal> {
    let path = guard::controller_path(request.uri())?;
    guard::same_site(request.method(), request.uri(), request.headers())?;
    let token = cookie::token(request.headers());
    let is_login = *request.method() == Method::POST && login::is_path(path.path());
    let is_logout = *request.method() == Method::DELETE && login::is_path(path.path());
    if token.is_none() && !is_login && !is_public(request.method(), &path) {
        return Err(Refusal::NoSession);
    }
    // A sign-in starts a new session: an old token has no part in it.
    let token = token.filter(|_| !is_login);
    let request = outbound(request, peer, token, is_login).await?;
    let outcome = upstream.send(request, path).await;
    if is_logout {
        return Ok(logout(outcome));
    }
    let response = outcome?;
    if is_login && response.status().is_success() {
        return login::answer(response).await;
    }
    Ok(inbound(response))
}

/// What the sign-in page may ask before there is a session.
fn is_public(method: &Method, path: &PathAndQuery) -> bool {
    *method == Method::GET && matches!(path.path(), "/v1/eula" | "/v1/token_auth_server")
}

/// The cookie goes whether or not the controller could be told.
fn logout(outcome: Result<Response<hyper::body::Incoming>, Refusal>) -> Response<Body> {
    if let Err(refusal) = outcome {
        tracing::warn!(%refusal, "signed out here only; the controller's token runs out by itself");
    }
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(header::SET_COOKIE, cookie::end());
    response
}

/// The request as the controller gets it.
async fn outbound(
    request: Request<Body>,
    peer: SocketAddr,
    token: Option<HeaderValue>,
    is_login: bool,
) -> Result<Request<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let mut body = collect(body).await?;
    if is_login {
        body = login::with_client(body, peer.ip());
    }
    let mut headers = parts.headers;
    strip(&mut headers, &NOT_FORWARDED);
    let client = HeaderValue::from_str(&peer.ip().to_string()).map_err(|_| Refusal::BadPath)?;
    headers.insert(HeaderName::from_static("x-forwarded-for"), client);
    if let Some(mut token) = token {
        token.set_sensitive(true);
        headers.insert(HeaderName::from_static("x-auth-token"), token);
    }
    let mut outbound = Request::new(Body::from(body));
    *outbound.method_mut() = parts.method;
    *outbound.headers_mut() = headers;
    Ok(outbound)
}

/// The body as a whole: small, and its length is then known to the controller.
async fn collect(body: Body) -> Result<Bytes, Refusal> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge),
        Err(_) => Err(Refusal::BodyBroken),
    }
}

/// The answer as the browser gets it; the body streams through.
pub(crate) fn inbound(response: Response<hyper::body::Incoming>) -> Response<Body> {
    let mut response = response.map(Body::new);
    let status = response.status();
    let headers = response.headers_mut();
    strip(headers, &NOT_RETURNED);
    if let Entry::Vacant(entry) = headers.entry(header::CACHE_CONTROL) {
        entry.insert(HeaderValue::from_static("no-store"));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.append(header::SET_COOKIE, cookie::end());
    }
    response
}

/// Removes hop-by-hop headers, those `Connection` names, and `also`.
fn strip(headers: &mut HeaderMap, also: &[&str]) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    for name in HOP_BY_HOP
        .iter()
        .chain(also)
        .copied()
        .chain(named.iter().map(String::as_str))
    {
        headers.remove(name);
    }
}
