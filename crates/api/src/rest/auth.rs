//! Signing in and out.

use super::{Secret, role::RolePermission, user::User};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Body of `POST /v1/auth`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuthData {
    /// Address of the person, when a console signs in for them. Believed from loopback only.
    #[serde(default)]
    pub client_ip: String,
    #[serde(default)]
    pub password: Option<AuthPassword>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuthPassword {
    pub username: String,
    pub password: Secret,
    /// Given when the password must be changed before the first session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_password: Option<Secret>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenData {
    /// Null when `need_to_reset_password` is set.
    pub token: Option<Token>,
    /// Negative: it never expires.
    pub password_days_until_expire: i32,
    pub password_hours_until_expire: i32,
    /// Sign in again with `new_password`.
    #[serde(default)]
    pub need_to_reset_password: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Goes into the header `X-Auth-Token` of every further request.
    pub token: String,
    pub global_permissions: Vec<RolePermission>,
    /// By domain (namespace).
    pub domain_permissions: BTreeMap<String, Vec<RolePermission>>,
    #[serde(flatten)]
    pub user: User,
}
