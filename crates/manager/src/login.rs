//! Sign-in: the token moves from the controller's answer into the cookie.
//!
//! Limits: an answer of at most 1 MiB.

use crate::{cookie, error::Refusal};
use axum::{
    Json,
    body::Body,
    http::{HeaderValue, Response, header},
    response::IntoResponse,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use std::net::IpAddr;

const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// `/v1/auth`, `/v1/auth/<server>` and `/v1/fed_auth`: their answers hold a token.
pub(crate) fn is_path(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path == "/v1/auth" || path.starts_with("/v1/auth/") || path == "/v1/fed_auth"
}

/// The sign-in with `client_ip` set to the address we saw, whatever the browser claimed.
pub(crate) fn with_client(body: Bytes, client: IpAddr) -> Bytes {
    match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(mut map)) => {
            map.insert("client_ip".into(), client.to_string().into());
            Value::Object(map).to_string().into()
        }
        // Not an object: the controller says what is wrong with it.
        _ => body,
    }
}

/// The controller's answer to a good sign-in, without the token and with the cookie.
pub(crate) async fn answer(response: Response<Incoming>) -> Result<Response<Body>, Refusal> {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES)
        .collect()
        .await
        .map_err(|_| Refusal::BadLoginAnswer)?
        .to_bytes();
    let is_plain = parts.headers.get(header::CONTENT_ENCODING).is_none();
    let mut value: Value = is_plain
        .then(|| serde_json::from_slice(&body).ok())
        .flatten()
        .ok_or(Refusal::BadLoginAnswer)?;
    let token = value
        .get_mut("token")
        .and_then(Value::as_object_mut)
        .and_then(|t| t.remove("token"));
    let mut answer = Json(value).into_response();
    *answer.status_mut() = parts.status;
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match token {
        Some(Value::String(token)) => {
            let cookie = cookie::start(&token).ok_or(Refusal::BadLoginAnswer)?;
            headers.append(header::SET_COOKIE, cookie);
        }
        // A password that must be changed first comes without a token.
        None => {}
        Some(_) => return Err(Refusal::BadLoginAnswer),
    }
    Ok(answer)
}
