//! What one line of the endpoint table holds.

use super::Rest;
use crate::auth::{Access, Permission};
use axum::{http::Method, routing::MethodRouter};
use utoipa::{
    ToSchema,
    openapi::{Ref, RefOr, schema::Schema},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    pub fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }
}

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody, signed in or not.
    Open,
    /// Anybody who is signed in; the handler may ask for more.
    SignedIn,
    /// Who reads this everywhere.
    Read(Permission),
    /// Who writes this everywhere.
    Write(Permission),
    /// Who reads this in some domain; the handler shows only what lies there.
    ReadDomain(Permission),
    /// Who writes this in some domain; the handler changes only what lies there.
    WriteDomain(Permission),
    /// A scanner, by its token.
    Scanner,
}

impl Need {
    pub fn is_met(self, access: &Access) -> bool {
        match self {
            Self::Open | Self::SignedIn => true,
            Self::Read(permission) => access.can(permission, false, None),
            Self::Write(permission) => access.can(permission, true, None),
            Self::ReadDomain(permission) => access.can_somewhere(permission, false),
            Self::WriteDomain(permission) => access.can_somewhere(permission, true),
            Self::Scanner => false,
        }
    }

    pub fn writes(self) -> bool {
        matches!(self, Self::Write(_) | Self::WriteDomain(_) | Self::Scanner)
    }
}

/// Puts a type's schema, and those it refers to, into the components and returns a reference.
pub(super) type SchemaOf = fn(&mut Vec<(String, RefOr<Schema>)>) -> Ref;

pub(super) fn schema_of<T: ToSchema>(components: &mut Vec<(String, RefOr<Schema>)>) -> Ref {
    components.push((T::name().into_owned(), T::schema()));
    T::schemas(components);
    Ref::from_schema_name(T::name())
}

/// One operation of the API.
pub struct Endpoint {
    pub verb: Verb,
    /// In axum's notation: `/v1/group/{name}`.
    pub path: &'static str,
    pub need: Need,
    /// The handler, and the operation's id in the OpenAPI document: `group::show`.
    pub handler: &'static str,
    /// It answers a list: the query language holds.
    pub list: bool,
    pub(super) body: Option<SchemaOf>,
    pub(super) answer: SchemaOf,
    pub summary: &'static str,
    pub(super) route: fn() -> MethodRouter<Rest>,
}
