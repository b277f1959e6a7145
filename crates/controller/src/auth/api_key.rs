//! API keys: credentials of programs. The secret has 256 random bits, so its SHA-256 is kept and
//! compared; hashing it slowly would only slow the program down.
//!
//! Limits: [`MAX_KEYS`] keys.

use super::{
    Access, Auth, AuthError, Caller, Role, encode, random, user::check_name,
    user::check_role_domains,
};
use rampart_model::Timestamp;
use rampart_store::Txn;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};
use subtle::ConstantTimeEq;

pub(super) const PREFIX: &str = "config/apikey/";
pub const MAX_KEYS: usize = 1000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiKey {
    pub name: String,
    pub description: String,
    pub fingerprint: String,
    pub role: Role,
    pub role_domains: BTreeMap<String, Vec<String>>,
    /// `never`, `onehour`, …
    pub expiration_type: String,
    pub expiration_hours: u32,
    /// Unknown: never.
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    pub created_by: String,
}

pub struct NewApiKey {
    pub name: String,
    pub description: String,
    pub role: Role,
    pub role_domains: BTreeMap<String, Vec<String>>,
    pub expiration_type: String,
    pub expiration_hours: u32,
}

impl Auth {
    pub fn api_keys(&self) -> Vec<Arc<ApiKey>> {
        self.0
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    pub fn api_key(&self, name: &str) -> Result<Arc<ApiKey>, AuthError> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(name)
            .cloned()
            .ok_or_else(|| AuthError::not_found("API key", name))
    }

    /// Makes a key and returns its secret, the only copy there is.
    pub async fn create_api_key(&self, new: NewApiKey, by: &str) -> Result<String, AuthError> {
        check_name(&new.name)?;
        if new.name.contains(':') {
            return Err(AuthError::invalid("the name of an API key has no colon"));
        }
        check_role_domains(&new.role_domains)?;
        if new.description.len() > 256 {
            return Err(AuthError::invalid("description has 256 bytes at the most"));
        }
        let now = self.0.clock.now();
        let hours = life(&new.expiration_type, new.expiration_hours)?;
        let secret = random::token()?;
        let key = ApiKey {
            fingerprint: random::fingerprint(&secret),
            role: new.role,
            role_domains: new.role_domains,
            expires_at: hours.map_or(Timestamp::UNKNOWN, |h| {
                Timestamp(now.ms() + i64::from(h) * 3_600_000)
            }),
            expiration_type: new.expiration_type,
            expiration_hours: hours.unwrap_or(0),
            created_at: now,
            created_by: by.to_owned(),
            name: new.name,
            description: new.description,
        };
        let _writing = self.0.writing.lock().await;
        if self.api_key(&key.name).is_ok() {
            return Err(AuthError::Exists {
                kind: "API key",
                name: key.name,
            });
        }
        if self.api_keys().len() >= MAX_KEYS {
            return Err(AuthError::invalid(format!(
                "there are {MAX_KEYS} API keys already"
            )));
        }
        self.0
            .store
            .commit(Txn::new().put(format!("{PREFIX}{}", key.name), encode(&key)?))
            .await?;
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.name.clone(), Arc::new(key));
        Ok(secret)
    }

    pub async fn delete_api_key(&self, name: &str) -> Result<(), AuthError> {
        let _writing = self.0.writing.lock().await;
        self.api_key(name)?;
        self.0
            .store
            .commit(Txn::new().delete(format!("{PREFIX}{name}")))
            .await?;
        self.0
            .keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        Ok(())
    }

    pub(super) fn authenticate_key(&self, text: &str, address: &str) -> Result<Caller, AuthError> {
        let (name, secret) = text.split_once(':').ok_or(AuthError::Unauthenticated)?;
        let given = random::fingerprint(secret);
        let key = self.api_key(name).map_err(|_| AuthError::Unauthenticated)?;
        let same = bool::from(key.fingerprint.as_bytes().ct_eq(given.as_bytes()));
        if !same || !self.key_is_valid(name, self.0.clock.now()) {
            return Err(AuthError::Unauthenticated);
        }
        Ok(Caller::key(
            name,
            Access::new(key.role, &key.role_domains),
            address,
        ))
    }

    pub(super) fn key_is_valid(&self, name: &str, now: Timestamp) -> bool {
        self.api_key(name)
            .is_ok_and(|key| !key.expires_at.is_known() || key.expires_at > now)
    }
}

/// Hours a key lives; `None` is for ever.
fn life(kind: &str, hours: u32) -> Result<Option<u32>, AuthError> {
    match kind {
        "never" => Ok(None),
        "onehour" => Ok(Some(1)),
        "oneday" => Ok(Some(24)),
        "onemonth" => Ok(Some(30 * 24)),
        "oneyear" => Ok(Some(365 * 24)),
        "hours" if (1..=365 * 24).contains(&hours) => Ok(Some(hours)),
        "hours" => Err(AuthError::invalid("expiration_hours is 1 to 8760")),
        _ => Err(AuthError::invalid(
            "expiration_type is never, onehour, oneday, onemonth, oneyear or hours",
        )),
    }
}
