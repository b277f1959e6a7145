//! Password rules.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordProfile {
    pub name: String,
    pub comment: String,
    pub active: bool,
    pub min_len: u32,
    pub min_uppercase_count: u32,
    pub min_lowercase_count: u32,
    pub min_digit_count: u32,
    pub min_special_count: u32,
    pub enable_password_expiration: bool,
    pub password_expire_after_days: u32,
    pub enable_password_history: bool,
    pub password_keep_history_count: u32,
    pub enable_block_after_failed_login: bool,
    pub block_after_failed_login_count: u32,
    pub block_minutes: u32,
    /// Seconds a session may be idle, for users without a time of their own.
    pub session_timeout: u32,
}

/// The part shown to someone whose password was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordProfileBasic {
    pub min_len: u32,
    pub min_uppercase_count: u32,
    pub min_lowercase_count: u32,
    pub min_digit_count: u32,
    pub min_special_count: u32,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PasswordProfileConfig {
    pub name: String,
    pub active: Option<bool>,
    pub comment: Option<String>,
    pub min_len: Option<u32>,
    pub min_uppercase_count: Option<u32>,
    pub min_lowercase_count: Option<u32>,
    pub min_digit_count: Option<u32>,
    pub min_special_count: Option<u32>,
    pub enable_password_expiration: Option<bool>,
    pub password_expire_after_days: Option<u32>,
    pub enable_password_history: Option<bool>,
    pub password_keep_history_count: Option<u32>,
    pub enable_block_after_failed_login: Option<bool>,
    pub block_after_failed_login_count: Option<u32>,
    pub block_minutes: Option<u32>,
    pub session_timeout: Option<u32>,
}

envelope! {
    PasswordProfilesData { pwd_profiles: Vec<PasswordProfile>, active_profile_name: String }
    PasswordProfileData { pwd_profile: PasswordProfile }
    PasswordProfileConfigData { config: PasswordProfileConfig }
}
