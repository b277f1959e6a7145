//! Why the manager could not start, and the errors it answers with.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::net::SocketAddr;

/// Why the manager did not start or stopped early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {addr}; another program may hold the port")]
    Listen {
        addr: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the controller's address {url:?} is not usable: {reason}")]
    ControllerUrl { url: String, reason: &'static str },
    #[error("the {what} is not valid PEM")]
    Pem {
        what: &'static str,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    #[error("the {what} holds no certificate")]
    NoCertificate { what: &'static str },
    #[error("TLS refused the {what}")]
    Tls {
        what: &'static str,
        #[source]
        source: rustls::Error,
    },
}

/// What went wrong with a request here, before or instead of the controller's own answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such path on the console; the API is below /api/v1 and /api/v2")]
    NotFound,
    #[error("the path holds a dot segment or a byte that is not allowed")]
    BadPath,
    #[error("sign in first")]
    NoSession,
    #[error(
        "the request did not come from the console; send the header X-Rampart-Console: 1 and an \
         Origin equal to this address"
    )]
    CrossSite,
    #[error("the body is larger than 2 MiB")]
    BodyTooLarge,
    #[error("the body could not be read to its end")]
    BodyBroken,
    #[error("the controller cannot be reached; it may be starting. Try again in a few seconds")]
    ControllerDown,
    #[error("the controller did not answer within 30 seconds")]
    ControllerSlow,
    #[error("the controller's answer to the sign-in could not be understood")]
    BadLoginAnswer,
}

impl Refusal {
    /// HTTP status, and NeuVector's error number and title.
    fn parts(self) -> (StatusCode, u16, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, 1, "URL not found"),
            Self::BadPath => (StatusCode::BAD_REQUEST, 6, "Request in wrong format"),
            Self::NoSession => (StatusCode::UNAUTHORIZED, 3, "Authentication failed"),
            Self::CrossSite => (StatusCode::FORBIDDEN, 25, "Access denied"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 6, "Request in wrong format"),
            Self::BodyBroken => (StatusCode::BAD_REQUEST, 6, "Request in wrong format"),
            Self::ControllerDown => (StatusCode::BAD_GATEWAY, 11, "Controller unreachable"),
            Self::ControllerSlow => (StatusCode::GATEWAY_TIMEOUT, 11, "Controller timeout"),
            Self::BadLoginAnswer => (StatusCode::BAD_GATEWAY, 11, "Controller answer not valid"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, error) = self.parts();
        let body = json!({ "code": code, "error": error, "message": self.to_string() });
        let mut response = (status, Json(body)).into_response();
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
