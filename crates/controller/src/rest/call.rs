//! What handlers take from a request, each with its limits.

use super::{Rest, error::Failure};
use crate::auth::{Access, Caller, Permission};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::PathRejection},
    http::request::Parts,
};
use rampart_api::{error::ErrorKind, query::ListQuery};
use serde::de::DeserializeOwned;
use std::net::{IpAddr, SocketAddr};

/// Longest body.
pub(super) const MAX_BODY_BYTES: usize = 2 << 20;

/// Where the request came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The caller, put there by the guard. Handlers of open endpoints have none.
pub(super) struct Who(pub(super) Caller);

impl Who {
    pub(super) fn access(&self) -> &Access {
        &self.0.access
    }

    /// Refuses unless the caller may, in this domain.
    pub(super) fn must(
        &self,
        permission: Permission,
        write: bool,
        domain: &str,
        what: &str,
    ) -> Result<(), Failure> {
        if self.access().can(permission, write, Some(domain)) {
            return Ok(());
        }
        Err(Failure::denied(what))
    }

    pub(super) fn sees(&self, permission: Permission, domain: &str) -> bool {
        self.access().can(permission, false, Some(domain))
    }

    /// Sees everything of this kind.
    pub(super) fn sees_all(&self, permission: Permission) -> bool {
        self.access().can(permission, false, None)
    }
}

impl FromRequestParts<Rest> for Who {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Rest) -> Result<Self, Failure> {
        let caller = parts.extensions.get::<Caller>().cloned();
        caller
            .map(Self)
            .ok_or_else(|| Failure::new(ErrorKind::Unauthorized, "sign in first"))
    }
}

/// The address of whoever called.
pub(super) struct From(pub(super) IpAddr);

impl FromRequestParts<Rest> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Rest) -> Result<Self, Self::Rejection> {
        Ok(Self(peer_address(parts.extensions.get::<Peer>())))
    }
}

/// IPv4 addresses on an IPv6 socket are named as IPv4. Unknown (never over a socket) is `::`.
pub(super) fn peer_address(peer: Option<&Peer>) -> IpAddr {
    peer.map_or(IpAddr::from([0u16; 8]), |peer| peer.0.ip().to_canonical())
}

/// The parsed query.
pub(super) struct Ask(pub(super) ListQuery);

impl FromRequestParts<Rest> for Ask {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Rest) -> Result<Self, Failure> {
        Ok(Self(ListQuery::parse(
            parts.uri.query().unwrap_or_default(),
        )?))
    }
}

/// One variable part of the path.
pub(super) struct Name(pub(super) String);

impl FromRequestParts<Rest> for Name {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Failure> {
        Ok(Self(
            Path::<String>::from_request_parts(parts, rest)
                .await
                .map_err(bad_path)?
                .0,
        ))
    }
}

/// Two variable parts of the path.
pub(super) struct Pair(pub(super) String, pub(super) String);

impl FromRequestParts<Rest> for Pair {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Failure> {
        let Path((a, b)) = Path::<(String, String)>::from_request_parts(parts, rest)
            .await
            .map_err(bad_path)?;
        Ok(Self(a, b))
    }
}

fn bad_path(rejection: PathRejection) -> Failure {
    Failure::invalid(format!(
        "the path is not percent-encoded UTF-8: {rejection}"
    ))
}

/// The body as JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Rest> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Rest) -> Result<Self, Failure> {
        let bytes = read(request.into_body()).await?;
        parse(&bytes).map(Self)
    }
}

/// The whole body, or why not.
pub(super) async fn read(body: axum::body::Body) -> Result<Bytes, Failure> {
    axum::body::to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|error| {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                if error.is::<http_body_util::LengthLimitError>() {
                    return Failure::new(ErrorKind::BodyTooLarge, "a body has 2 MiB at the most");
                }
                cause = error.source();
            }
            Failure::invalid("the body did not arrive whole")
        })
}

/// Errors say where. Nesting is bounded by the parser, at 128.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    if bytes.is_empty() {
        return Err(Failure::invalid("the body is empty; JSON is expected"));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::invalid(format!("the body is not the JSON expected: {error}")))
}
