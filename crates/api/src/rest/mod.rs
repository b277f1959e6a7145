//! Wire types, one file a noun. Field names and JSON types are NeuVector's; fields that are ours
//! say "Rampart:" in their description. Times are RFC 3339 in UTC, with seconds since the epoch
//! beside them in `*_timestamp`.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

pub mod api_key;
pub mod auth;
pub mod config;
pub mod conversation;
pub mod detection;
pub mod domain;
pub mod eula;
pub mod fed;
pub mod file;
pub mod group;
pub mod list;
pub mod live;
pub mod log;
pub mod node;
pub mod password;
pub mod policy;
pub mod process;
pub mod registry;
pub mod response;
pub mod role;
pub mod scan;
pub mod service;
pub mod session;
pub mod stats;
pub mod system;
pub mod user;
pub mod vulnerability;
pub mod what_if;
pub mod workload;

/// Declares `{"<key>": …}` around a value, as every answer and most bodies have.
macro_rules! envelope {
    ($($(#[$doc:meta])* $name:ident { $($key:ident : $ty:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub struct $name { $(pub $key: $ty),+ }
    )+};
}
pub(crate) use envelope;

/// A password or key on its way in. It is never shown, not even in a log of the request.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An answer that carries nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Empty {}
