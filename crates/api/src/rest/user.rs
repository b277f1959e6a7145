//! Users.

use super::{Secret, envelope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct User {
    pub fullname: String,
    /// Empty for local users.
    pub server: String,
    pub username: String,
    /// Always empty in answers.
    pub password: Secret,
    pub email: String,
    /// `admin`, `reader`, `ciops` or empty for none.
    pub role: String,
    /// Seconds without a request after which a session ends, 30 to 3600.
    pub timeout: u32,
    pub locale: String,
    /// The password is still the one made at installation.
    pub default_password: bool,
    /// The password should be changed.
    pub modify_password: bool,
    /// Role to the domains it is held in.
    pub role_domains: BTreeMap<String, Vec<String>>,
    pub last_login_timestamp: i64,
    pub last_login_at: String,
    pub login_count: u32,
    pub blocked_for_failed_login: bool,
    pub blocked_for_password_expired: bool,
    /// Whether the caller may reset this user's password.
    pub password_resettable: bool,
}

/// Body of `POST /v1/user`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserCreate {
    #[serde(default)]
    pub fullname: String,
    #[serde(default)]
    pub username: String,
    pub password: Secret,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub timeout: Option<u32>,
    #[serde(default)]
    pub locale: Option<String>,
    #[serde(default)]
    pub role_domains: Option<BTreeMap<String, Vec<String>>>,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UserConfig {
    pub fullname: String,
    /// The current password, needed to change one's own.
    pub password: Option<Secret>,
    pub new_password: Option<Secret>,
    pub email: Option<String>,
    pub role: Option<String>,
    pub timeout: Option<u32>,
    pub locale: Option<String>,
    pub role_domains: Option<BTreeMap<String, Vec<String>>>,
}

/// An administrator's help for a user who cannot sign in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UserPasswordConfig {
    pub fullname: String,
    pub clear_failed_login: Option<bool>,
    pub new_password: Option<Secret>,
    /// `new_password` is set without knowing the old one.
    pub force_reset_password: Option<bool>,
    pub reset_password_in_next_login: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UserRoleDomainsConfig {
    pub fullname: String,
    pub role: String,
    pub domains: Vec<String>,
}

envelope! {
    UsersData {
        users: Vec<User>,
        global_roles: Vec<String>,
        domain_roles: Vec<String>,
    }
    UserData { user: User }
    UserCreateData { user: UserCreate }
    UserConfigData { config: UserConfig }
    UserPasswordConfigData { config: UserPasswordConfig }
    UserRoleDomainsConfigData { config: UserRoleDomainsConfig }
    SelfUserData {
        user: User,
        password_days_until_expire: i32,
        password_hours_until_expire: i32,
        global_permissions: Vec<super::role::RolePermission>,
        domain_permissions: BTreeMap<String, Vec<super::role::RolePermission>>,
    }
}
