//! Which path goes where, and the security headers every answer carries.

use crate::{Assets, error::Refusal, proxy, upstream::Upstream};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header},
    response::IntoResponse,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::body::Body as _;
use std::net::SocketAddr;

#[derive(Clone)]
pub(crate) struct Router {
    pub(crate) upstream: Upstream,
    pub(crate) assets: Assets,
}

/// Headers whose value is the same for every answer.
const SECURITY: [(&str, &str); 7] = [
    (
        "strict-transport-security",
        "max-age=31536000; includeSubDomains",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ),
];

impl Router {
    /// Answers one request of the browser at `peer`.
    pub(crate) async fn route(self, peer: SocketAddr, request: Request<Body>) -> Response<Body> {
        let nonce = nonce();
        let is_head = *request.method() == Method::HEAD;
        let path = request.uri().path();
        let mut response = if path == "/api" || path.starts_with("/api/") {
            proxy::handle(self.upstream, peer, request).await
        } else if path == "/healthz" {
            healthz()
        } else if matches!(*request.method(), Method::GET | Method::HEAD) {
            self.assets.respond(path, request.headers(), &nonce)
        } else {
            let mut refused = Refusal::NotFound.into_response();
            *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            refused
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            refused
        };
        secure(&mut response, &nonce);
        if is_head {
            without_body(response)
        } else {
            response
        }
    }
}

/// The head alone, with the length the body would have had; HTTP/2 allows no body after it.
fn without_body(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts
            .headers
            .entry(header::CONTENT_LENGTH)
            .or_insert(HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

fn healthz() -> Response<Body> {
    let mut response = Response::new(Body::from("{\"status\":\"ok\"}"));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Scripts only from our own files; styles from them and from the page's own, by nonce.
fn secure(response: &mut Response<Body>, nonce: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in SECURITY {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}

/// 128 random bits, new for each answer. Without randomness no inline style is allowed at all.
fn nonce() -> String {
    let mut bytes = [0u8; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => STANDARD.encode(bytes),
        Err(_) => String::new(),
    }
}
