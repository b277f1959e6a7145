//! What can go wrong in the controller, said so that the caller knows who can fix it.

use crate::app::port::AgentError;
use rampart_store::StoreError;

/// Every refusal of the controller. The REST layer maps each kind to one HTTP status and one code.
#[derive(thiserror::Error, Debug)]
pub enum AppError {
    #[error("{kind} {name:?} does not exist")]
    NotFound { kind: &'static str, name: String },
    #[error("{kind} {name:?} already exists")]
    AlreadyExists { kind: &'static str, name: String },
    /// The request is wrong; the text says how to right it.
    #[error("{what}")]
    Invalid { what: String },
    /// Reserved, learned, or owned by a Kubernetes resource or a federation.
    #[error("{kind} {name:?} cannot be changed here")]
    ReadOnly { kind: &'static str, name: String },
    #[error("{kind} {name:?} is used by {by}")]
    InUse {
        kind: &'static str,
        name: String,
        by: String,
    },
    /// Somebody else changed it first.
    #[error("it was changed meanwhile; read it again and retry")]
    Conflict,
    #[error("authentication is required")]
    Unauthenticated,
    #[error("permission denied")]
    Denied,
    /// Too many wrong passwords.
    #[error("the user is blocked")]
    Locked,
    #[error("the password has expired; set a new one")]
    PasswordExpired,
    /// Too many sessions or attempts.
    #[error("too many {what}")]
    TooMany { what: &'static str },
    #[error("{what} is not available")]
    Unavailable { what: String },
    #[error("the store refused")]
    Store(#[source] StoreError),
    #[error("the node did not answer")]
    Agent(#[from] AgentError),
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Conflict,
            // What was asked for is more than a store takes.
            StoreError::Invalid { what } => Self::Invalid { what },
            other => Self::Store(other),
        }
    }
}

impl AppError {
    pub fn not_found(kind: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound {
            kind,
            name: name.into(),
        }
    }

    pub fn exists(kind: &'static str, name: impl Into<String>) -> Self {
        Self::AlreadyExists {
            kind,
            name: name.into(),
        }
    }

    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    pub fn read_only(kind: &'static str, name: impl Into<String>) -> Self {
        Self::ReadOnly {
            kind,
            name: name.into(),
        }
    }
}
