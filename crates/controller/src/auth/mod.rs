//! Who may do what: users, passwords, sessions, API keys and permissions.
//!
//! Everything lives in the store (`config/user/`, `config/apikey/`, `config/password_profile`,
//! `session/`) and is served from memory; this process is the only writer.
//!
//! What an outsider can make it spend is bounded: password hashing is two at a time with a short
//! queue ([`password::Hasher`]), a user is blocked after a few failures and an address after some
//! more ([`guard::Guard`]), and both cost a table look-up once blocked. A name nobody has costs
//! and answers the same as one somebody has.

pub mod api_key;
pub mod error;
pub mod guard;
mod login;
pub mod password;
pub mod profile;
mod random;
pub mod role;
pub mod session;
pub mod user;

pub use api_key::{ApiKey, NewApiKey};
pub use error::AuthError;
pub use login::{Bootstrap, Login, LoginOutcome, SignedIn};
pub use profile::PasswordProfile;
pub use role::{Access, Permission, Role};
pub use session::{Caller, Credential};
pub use user::{NewUser, User, UserPatch};

use crate::app::Clock;
use guard::Guard;
use password::Hasher;
use rampart_store::{Entry, Store, Txn};
use serde::{Serialize, de::DeserializeOwned};
use session::Sessions;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

const EULA_KEY: &str = "config/eula";
const PROFILE_KEY: &str = "config/password_profile";

/// What the rim decides.
#[derive(Clone, Default)]
pub struct AuthConfig {
    /// First password of `admin`, for automation; a random one if absent.
    pub bootstrap_password: Option<String>,
}

/// Users, sessions and keys. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
    guard: Guard,
    users: RwLock<BTreeMap<String, Arc<User>>>,
    keys: RwLock<BTreeMap<String, Arc<ApiKey>>>,
    profile: RwLock<Arc<PasswordProfile>>,
    sessions: Sessions,
    eula: AtomicBool,
    /// Held while something is changed, so that what was checked still holds when it is written.
    writing: tokio::sync::Mutex<()>,
}

impl Auth {
    /// Loads everything, and makes the first administrator if there is none. Sessions that ended
    /// meanwhile are deleted.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        config: AuthConfig,
    ) -> Result<(Self, Bootstrap), AuthError> {
        let users: Vec<User> = load(store.as_ref(), user::PREFIX).await?;
        let keys: Vec<ApiKey> = load(store.as_ref(), api_key::PREFIX).await?;
        let profile = match store.get(PROFILE_KEY).await? {
            Some(entry) => decode(&entry)?,
            None => PasswordProfile::default(),
        };
        let sessions = Sessions::load(store.as_ref(), clock.now()).await?;
        let eula = store.get(EULA_KEY).await?.is_some();
        let guard = Guard::default();
        for user in &users {
            guard.restore(&user.name, user.blocked_until);
        }
        let auth = Self(Arc::new(Inner {
            store,
            clock,
            hasher: Hasher::default(),
            guard,
            users: RwLock::new(
                users
                    .into_iter()
                    .map(|u| (u.name.clone(), Arc::new(u)))
                    .collect(),
            ),
            keys: RwLock::new(
                keys.into_iter()
                    .map(|k| (k.name.clone(), Arc::new(k)))
                    .collect(),
            ),
            profile: RwLock::new(Arc::new(profile)),
            sessions,
            eula: AtomicBool::new(eula),
            writing: tokio::sync::Mutex::new(()),
        }));
        let bootstrap = auth.bootstrap(config.bootstrap_password.as_deref()).await?;
        Ok((auth, bootstrap))
    }

    pub fn profile(&self) -> Arc<PasswordProfile> {
        self.0
            .profile
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the password rules; they hold from the next password on.
    pub async fn set_profile(&self, profile: PasswordProfile) -> Result<(), AuthError> {
        profile.check()?;
        let _writing = self.0.writing.lock().await;
        self.put(PROFILE_KEY, &profile).await?;
        *self
            .0
            .profile
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(profile);
        Ok(())
    }

    pub fn eula_accepted(&self) -> bool {
        self.0.eula.load(Ordering::Relaxed)
    }

    pub async fn set_eula(&self, accepted: bool) -> Result<(), AuthError> {
        let txn = Txn::new();
        let txn = if accepted {
            txn.put(EULA_KEY, "true")
        } else {
            txn.delete(EULA_KEY)
        };
        self.0.store.commit(txn).await?;
        self.0.eula.store(accepted, Ordering::Relaxed);
        Ok(())
    }

    /// Passwords hashed since the start: what wrong logins cost.
    pub fn hashes(&self) -> u64 {
        self.0.hasher.count()
    }

    /// Sessions that have not ended.
    pub fn session_count(&self) -> usize {
        self.0.sessions.len()
    }

    async fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), AuthError> {
        self.0
            .store
            .commit(Txn::new().put(key, encode(value)?))
            .await?;
        Ok(())
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, AuthError> {
    serde_json::to_vec(value).map_err(|source| AuthError::Encoding {
        key: String::new(),
        source,
    })
}

fn decode<T: DeserializeOwned>(entry: &Entry) -> Result<T, AuthError> {
    serde_json::from_slice(&entry.value).map_err(|source| AuthError::Encoding {
        key: entry.key.clone(),
        source,
    })
}

async fn load<T: DeserializeOwned>(store: &dyn Store, prefix: &str) -> Result<Vec<T>, AuthError> {
    store
        .list(prefix)
        .await?
        .entries
        .iter()
        .map(decode)
        .collect()
}
