//! What signing in and managing users can answer.

use super::PasswordProfile;
use rampart_store::StoreError;
use std::sync::Arc;

#[derive(thiserror::Error, Debug)]
pub enum AuthError {
    /// One answer for a wrong name, a wrong password and an ended session: it tells a guesser
    /// nothing.
    #[error("the credentials are wrong or the session has ended; sign in again")]
    Unauthenticated,
    #[error(
        "too many wrong passwords: try again later, or ask an administrator to unblock the user"
    )]
    Blocked {
        /// This attempt was the one too many.
        just_now: bool,
    },
    #[error("the password has expired: sign in with `new_password` to set another")]
    PasswordExpired,
    #[error("the user has 32 sessions already: sign out of one, or wait for one to end")]
    TooManySessions,
    /// The hasher's queue is full, or the address failed too often.
    #[error("too many sign-in attempts: try again in a minute")]
    Busy,
    #[error("{reason}")]
    Weak {
        reason: String,
        profile: Arc<PasswordProfile>,
    },
    #[error("{what}")]
    Invalid { what: String },
    #[error("{kind} `{name}` does not exist")]
    NotFound { kind: &'static str, name: String },
    #[error("{kind} `{name}` exists already")]
    Exists { kind: &'static str, name: String },
    #[error("{what}")]
    Refused { what: String },
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the stored `{key}` cannot be read or written as JSON")]
    Encoding {
        key: String,
        #[source]
        source: serde_json::Error,
    },
    /// The random generator or the hasher failed.
    #[error("{what} failed")]
    System { what: &'static str },
}

impl AuthError {
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    pub(crate) fn not_found(kind: &'static str, name: &str) -> Self {
        Self::NotFound {
            kind,
            name: name.chars().take(128).collect(),
        }
    }
}
