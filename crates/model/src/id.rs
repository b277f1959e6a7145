//! Identifiers. Each is its own type, so that a group name is never passed for a workload id.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt};

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

string_id!(
    /// A container, by the full id its runtime gave it. Host processes have the empty id.
    WorkloadId
);
string_id!(
    /// A policy group, such as `nv.web.shop`, `external` or one an operator made.
    GroupName
);
string_id!(
    /// A node: its machine id, stable over restarts and renames.
    NodeId
);

impl WorkloadId {
    /// The first 12 characters, as container tools print it.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

/// A network rule's number. The range tells its source: see [`RuleId::source`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RuleId(pub u32);

impl RuleId {
    /// What no rule decided: the implicit deny at the end of the list.
    pub const IMPLICIT: Self = Self(0);
    pub const FIRST_LEARNED: Self = Self(10_000);
    pub const FIRST_FEDERAL: Self = Self(100_000);
    pub const FIRST_CRD: Self = Self(110_000);
    pub const END_CRD: Self = Self(120_000);

    pub fn source(self) -> crate::ConfigSource {
        use crate::ConfigSource::{Crd, Federal, Learned, User};
        match self.0 {
            0..10_000 => User,
            10_000..100_000 => Learned,
            100_000..110_000 => Federal,
            _ => Crd,
        }
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
