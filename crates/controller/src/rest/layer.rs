//! What every request passes: path clean-up, request id, time limit, panics, compression, headers.

use super::{Rest, endpoint::Endpoint, error::Failure};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Uri, header, uri::PathAndQuery},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use rampart_api::error::ErrorKind;
use std::{any::Any, time::Duration};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{And, NotForContentType, Predicate, SizeAbove},
    },
};

/// Longest time a request may take, its body included.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(30);
/// Smaller answers are sent as they are.
const GZIP_ABOVE_BYTES: u64 = 1200;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Answers are data for programs: nothing is to be run, framed, sniffed or cached.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
];

pub(super) fn wrap(router: Router) -> Router {
    let gzip: And<SizeAbove, NotForContentType> =
        SizeAbove::new(GZIP_ABOVE_BYTES).and(NotForContentType::new("text/event-stream"));
    let inner = router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(limit_time))
        .layer(CompressionLayer::new().gzip(true).compress_when(gzip))
        .layer(middleware::from_fn(dress));
    // Outside of the routes, so that the cleaned path is the one that is routed.
    Router::new()
        .fallback_service(inner)
        .layer(middleware::from_fn(clean))
}

async fn limit_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::new(ErrorKind::Timeout, "the request took more than 30 seconds")
            .into_response(),
    }
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(panic = text, "a handler panicked");
    Failure::new(
        ErrorKind::Internal,
        "the controller failed; its log says why",
    )
    .into_response()
}

/// A caller's request id is kept if it is one, so that it can be found in both logs.
async fn dress(mut request: Request, next: Next) -> Response {
    let fits = |id: &&HeaderValue| {
        (1..=64).contains(&id.len())
            && id
                .as_bytes()
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .filter(fits)
        .cloned()
        .unwrap_or_else(|| {
            HeaderValue::from_str(&uuid::Uuid::now_v7().to_string())
                .unwrap_or(HeaderValue::from_static("-"))
        });
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id.clone());
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    if response.status().is_server_error() {
        tracing::warn!(%method, path, status = response.status().as_u16(), request_id = ?id, "a request failed");
    }
    response
}

/// Clients call `/v1//group` and `/v1/domain/`; NeuVector sends them on to the clean path. Here
/// the clean path answers at once, whatever the method.
async fn clean(mut request: Request, next: Next) -> Response {
    if let Some(uri) = cleaned(request.uri()) {
        *request.uri_mut() = uri;
    }
    next.run(request).await
}

/// The address without empty parts in its path; `None` if it has none.
fn cleaned(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") && (path.len() == 1 || !path.ends_with('/')) {
        return None;
    }
    let mut text = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        text.push('/');
        text.push_str(part);
    }
    if text.is_empty() {
        text.push('/');
    }
    if let Some(query) = uri.query() {
        text.push('?');
        text.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

/// Counts a request and how long it took.
pub(super) async fn count(
    State((rest, endpoint)): State<(Rest, &'static Endpoint)>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let begun = std::time::Instant::now();
    let response = next.run(request).await;
    rest.0
        .metrics
        .request(endpoint, response.status().as_u16(), begun.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_nothing_else_is() {
        for (uri, expected) in [
            ("/v1//group", "/v1/group"),
            ("/v1/domain/", "/v1/domain"),
            ("//v1///auth//?a=//b/", "/v1/auth?a=//b/"),
            ("/", "/"),
            ("//", "/"),
            ("/v1/group/nv.web%2Fx", "/v1/group/nv.web%2Fx"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(cleaned(&uri).unwrap_or(uri).to_string(), expected);
        }
    }
}
