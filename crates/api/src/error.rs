//! The one table from a kind of failure to HTTP status and NeuVector code.
//!
//! Codes are NeuVector's, because its clients compare them; the words are ours.

use crate::rest::password::PasswordProfileBasic;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything the API can answer instead of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    UnknownPath,
    MethodNotAllowed,
    Unauthorized,
    OperationNotAllowed,
    TooManySessions,
    TooManyRequests,
    InvalidRequest,
    BodyTooLarge,
    NotFound,
    StoreWrite,
    StoreRead,
    Timeout,
    NotEnoughFilter,
    DuplicateName,
    WeakPassword,
    InvalidName,
    InUse,
    Changed,
    NodeUnreachable,
    NotRunning,
    Denied,
    ScanFailed,
    ReadOnly,
    Blocked,
    PasswordExpired,
    Internal,
}

/// One line of the table.
pub struct ErrorLine {
    pub kind: ErrorKind,
    pub status: u16,
    pub code: u32,
    pub error: &'static str,
}

macro_rules! table {
    ($($kind:ident $status:literal $code:literal $error:literal;)+) => {
        /// Every kind, in the order of its declaration.
        pub const ERRORS: &[ErrorLine] = &[$(
            ErrorLine { kind: ErrorKind::$kind, status: $status, code: $code, error: $error },
        )+];
    };
}

table! {
    UnknownPath         404 1  "no such path";
    MethodNotAllowed    405 2  "method not allowed on this path";
    Unauthorized        401 3  "sign in first";
    OperationNotAllowed 400 4  "operation not allowed";
    TooManySessions     403 5  "too many sessions";
    TooManyRequests     429 5  "too many requests";
    InvalidRequest      400 6  "invalid request";
    BodyTooLarge        413 6  "body too large";
    NotFound            404 7  "object not found";
    StoreWrite          500 8  "the store refused the change";
    StoreRead           500 9  "the store could not be read";
    Timeout             503 11 "the request took too long";
    NotEnoughFilter     400 12 "a filter is missing";
    DuplicateName       400 13 "the name is taken";
    WeakPassword        400 14 "the password is too weak";
    InvalidName         400 15 "invalid name";
    InUse               409 16 "the object is in use";
    Changed             409 19 "the object was changed meanwhile";
    NodeUnreachable     503 21 "the node does not answer";
    NotRunning          400 22 "the container is not running";
    Denied              403 25 "access denied";
    ScanFailed          500 26 "the scan failed";
    ReadOnly            403 46 "the object is read-only";
    Blocked             401 47 "the user is blocked";
    PasswordExpired     401 48 "the password has expired";
    Internal            500 8  "internal error";
}

impl ErrorKind {
    /// The table's line; the table is complete, which a test proves.
    pub fn line(self) -> &'static ErrorLine {
        ERRORS
            .iter()
            .find(|line| line.kind == self)
            .unwrap_or(&ERRORS[ERRORS.len() - 1])
    }
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Error {
    /// NeuVector's number for the kind of failure.
    pub code: u32,
    /// The kind in words.
    pub error: String,
    /// What exactly, and how to mend it.
    pub message: String,
    /// The rules a refused password must meet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_profile_basic: Option<PasswordProfileBasic>,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let line = kind.line();
        Self {
            code: line.code,
            error: line.error.to_owned(),
            message: message.into(),
            password_profile_basic: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_line_and_a_sane_status() {
        use ErrorKind::*;
        // The match makes the compiler name a kind that was added without thought for this test.
        let all = [
            UnknownPath,
            MethodNotAllowed,
            Unauthorized,
            OperationNotAllowed,
            TooManySessions,
            TooManyRequests,
            InvalidRequest,
            BodyTooLarge,
            NotFound,
            StoreWrite,
            StoreRead,
            Timeout,
            NotEnoughFilter,
            DuplicateName,
            WeakPassword,
            InvalidName,
            InUse,
            Changed,
            NodeUnreachable,
            NotRunning,
            Denied,
            ScanFailed,
            ReadOnly,
            Blocked,
            PasswordExpired,
            Internal,
        ];
        assert_eq!(all.len(), ERRORS.len());
        for kind in all {
            let lines: Vec<_> = ERRORS.iter().filter(|line| line.kind == kind).collect();
            assert_eq!(lines.len(), 1, "{kind:?}");
            assert!((400..600).contains(&lines[0].status), "{kind:?}");
            assert!((1..=55).contains(&lines[0].code), "{kind:?}");
        }
    }

    #[test]
    fn the_codes_real_clients_compare_are_neuvectors() {
        for (kind, status, code) in [
            (ErrorKind::UnknownPath, 404, 1),
            (ErrorKind::Unauthorized, 401, 3),
            (ErrorKind::NotFound, 404, 7),
            (ErrorKind::Denied, 403, 25),
            (ErrorKind::Blocked, 401, 47),
        ] {
            assert_eq!(
                (kind.line().status, kind.line().code),
                (status, code),
                "{kind:?}"
            );
        }
    }
}
