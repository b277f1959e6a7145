//! API keys: a name and a secret for programs, sent as `X-Auth-Apikey: name:secret`.

use super::envelope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    pub apikey_name: String,
    pub description: String,
    /// `never`, `onehour`, `oneday`, `onemonth`, `oneyear` or `hours`.
    pub expiration_type: String,
    pub expiration_hours: u32,
    /// 0: never.
    pub expiration_timestamp: i64,
    pub created_timestamp: i64,
    pub created_by_entity: String,
    pub role: String,
    pub role_domains: BTreeMap<String, Vec<String>>,
    pub blocked_for_failed_login: bool,
    pub blocked_for_password_expired: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyCreate {
    pub apikey_name: String,
    #[serde(default)]
    pub description: String,
    pub expiration_type: String,
    #[serde(default)]
    pub expiration_hours: u32,
    #[serde(default)]
    pub role: String,
    #[serde(default)]
    pub role_domains: Option<BTreeMap<String, Vec<String>>>,
}

/// The only time the secret is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyGenerated {
    pub apikey_name: String,
    pub apikey_secret: String,
}

envelope! {
    ApiKeysData { apikeys: Vec<ApiKey>, global_roles: Vec<String>, domain_roles: Vec<String> }
    ApiKeyData { apikey: ApiKey }
    ApiKeyCreateData { apikey: ApiKeyCreate }
    ApiKeyGeneratedData { apikey: ApiKeyGenerated }
}
