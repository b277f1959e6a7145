//! What goes wrong, as an answer: every error becomes one line of the table in `rampart-api`.

use crate::{AppError, app::AgentError, auth::AuthError};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rampart_api::{
    convert::Mistake,
    error::{Error, ErrorKind},
    query::QueryError,
    rest::password::PasswordProfileBasic,
};

/// Why the API could not be served at all.
#[derive(thiserror::Error, Debug)]
pub enum RestError {
    #[error("the certificate or its key cannot be used: {0}")]
    Certificate(String),
    #[error("the listener failed")]
    Listener(#[source] std::io::Error),
}

/// A request that was not answered as asked.
#[derive(Debug)]
pub(super) struct Failure {
    kind: ErrorKind,
    message: String,
    profile: Option<PasswordProfileBasic>,
}

impl Failure {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            profile: None,
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::OperationNotAllowed, message)
    }

    pub(super) fn not_found(kind: &str, name: &str) -> Self {
        Self::new(
            ErrorKind::NotFound,
            format!("{kind} {name:?} does not exist"),
        )
    }

    pub(super) fn denied(what: &str) -> Self {
        Self::new(ErrorKind::Denied, format!("you may not {what}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let line = self.kind.line();
        let mut body = Error::new(self.kind, self.message);
        body.password_profile_basic = self.profile;
        let status = StatusCode::from_u16(line.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        if self.kind == ErrorKind::TooManyRequests {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        response
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let kind = match &error {
            AppError::NotFound { .. } => ErrorKind::NotFound,
            AppError::AlreadyExists { .. } => ErrorKind::DuplicateName,
            AppError::Invalid { .. } => ErrorKind::InvalidRequest,
            AppError::ReadOnly { .. } => ErrorKind::ReadOnly,
            AppError::InUse { .. } => ErrorKind::InUse,
            AppError::Conflict => ErrorKind::Changed,
            AppError::Unauthenticated => ErrorKind::Unauthorized,
            AppError::Denied => ErrorKind::Denied,
            AppError::Locked => ErrorKind::Blocked,
            AppError::PasswordExpired => ErrorKind::PasswordExpired,
            AppError::TooMany { .. } => ErrorKind::TooManyRequests,
            AppError::Unavailable { .. } => ErrorKind::NodeUnreachable,
            AppError::Store(source) => return store(source),
            AppError::Agent(AgentError::Timeout(_)) => ErrorKind::Timeout,
            AppError::Agent(_) => ErrorKind::NodeUnreachable,
        };
        let message = match &error {
            AppError::Agent(cause) => cause.to_string(),
            other => other.to_string(),
        };
        Self::new(kind, message)
    }
}

/// A store's own words are for operators: they name files. A client learns what it can act on.
fn store(error: &rampart_store::StoreError) -> Failure {
    use rampart_store::StoreError as E;
    match error {
        E::Conflict { .. } => Failure::new(
            ErrorKind::Changed,
            "it was changed meanwhile; read it again and retry",
        ),
        E::Full => Failure::new(
            ErrorKind::StoreWrite,
            "no space is left for the store; nothing was changed",
        ),
        E::Invalid { what } => Failure::invalid(what.clone()),
        other => {
            tracing::error!(error = %other, "the store failed");
            Failure::new(
                ErrorKind::StoreRead,
                "the store failed; the controller's log says why",
            )
        }
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        let message = error.to_string();
        let kind = match error {
            AuthError::Unauthenticated => ErrorKind::Unauthorized,
            AuthError::Blocked { .. } => ErrorKind::Blocked,
            AuthError::PasswordExpired => ErrorKind::PasswordExpired,
            AuthError::TooManySessions => ErrorKind::TooManySessions,
            AuthError::Busy => ErrorKind::TooManyRequests,
            AuthError::Weak { profile, .. } => {
                let profile = Some(super::password::basic(&profile));
                return Self {
                    kind: ErrorKind::WeakPassword,
                    message,
                    profile,
                };
            }
            AuthError::Invalid { .. } => ErrorKind::InvalidRequest,
            AuthError::NotFound { .. } => ErrorKind::NotFound,
            AuthError::Exists { .. } => ErrorKind::DuplicateName,
            AuthError::Refused { .. } => ErrorKind::OperationNotAllowed,
            AuthError::Store(source) => return store(&source),
            error @ (AuthError::Encoding { .. } | AuthError::System { .. }) => {
                tracing::error!(%error, "users and sessions failed");
                return Self::new(
                    ErrorKind::Internal,
                    "the controller failed; its log says why",
                );
            }
        };
        Self::new(kind, message)
    }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::invalid(mistake.to_string())
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::invalid(error.to_string())
    }
}
