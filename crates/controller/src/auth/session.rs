//! Sessions: opaque tokens of 256 random bits, of which only the fingerprint is kept.
//!
//! Limits: [`MAX_PER_USER`] a user, [`LIFETIME_MS`] in all; idle time is the user's. When a
//! session was last used is written to the store every [`SAVE_MS`] or quarter of its idle time,
//! whichever is less: after a crash a session may end that much early, never late.

use super::{Access, Auth, AuthError, User, encode, load, random};
use rampart_model::Timestamp;
use rampart_store::{Store, Txn};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

pub(super) const PREFIX: &str = "session/";
pub const MAX_PER_USER: usize = 32;
pub const LIFETIME_MS: i64 = 6 * 3600 * 1000;
const SAVE_MS: i64 = 30_000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    fingerprint: String,
    /// Public name, for the activity log.
    id: String,
    user: String,
    address: String,
    created_at: Timestamp,
    seen_at: Timestamp,
    /// Milliseconds.
    idle: i64,
}

struct Session {
    record: Record,
    seen_at: AtomicI64,
    saved_at: AtomicI64,
}

impl Session {
    fn new(record: Record) -> Self {
        let seen = record.seen_at.ms();
        Self {
            record,
            seen_at: AtomicI64::new(seen),
            saved_at: AtomicI64::new(seen),
        }
    }

    fn alive(&self, now: Timestamp) -> bool {
        let idle = now.since(Timestamp(self.seen_at.load(Ordering::Relaxed)));
        idle < self.record.idle && now.since(self.record.created_at) < LIFETIME_MS
    }

    fn key(&self) -> String {
        format!("{PREFIX}{}", self.record.fingerprint)
    }
}

/// Sessions by fingerprint.
pub(super) struct Sessions {
    all: RwLock<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    pub(super) async fn load(store: &dyn Store, now: Timestamp) -> Result<Self, AuthError> {
        let records: Vec<Record> = load(store, PREFIX).await?;
        let (alive, ended): (Vec<_>, Vec<_>) = records
            .into_iter()
            .map(Session::new)
            .partition(|session| session.alive(now));
        if !ended.is_empty() {
            store
                .commit(
                    ended
                        .iter()
                        .fold(Txn::new(), |txn, session| txn.delete(session.key())),
                )
                .await?;
        }
        let all = alive
            .into_iter()
            .map(|s| (s.record.fingerprint.clone(), Arc::new(s)))
            .collect();
        Ok(Self {
            all: RwLock::new(all),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.all
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    fn find(&self, fingerprint: &str) -> Option<Arc<Session>> {
        self.all
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(fingerprint)
            .cloned()
    }

    fn take(&self, pick: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.extract_if(|_, session| pick(session))
            .map(|(_, session)| session)
            .collect()
    }
}

/// What a request carries.
#[derive(Clone, Debug)]
pub enum Credential {
    /// `X-Auth-Token`.
    Token(String),
    /// `X-Auth-Apikey: name:secret`.
    ApiKey(String),
}

/// Who makes a request.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: String,
    pub access: Access,
    /// Public name of the session; empty for an API key.
    pub session: String,
    pub address: String,
    fingerprint: String,
}

impl Caller {
    pub(super) fn key(name: &str, access: Access, address: &str) -> Self {
        Self {
            user: name.to_owned(),
            access,
            session: String::new(),
            address: address.to_owned(),
            fingerprint: String::new(),
        }
    }

    /// The session this request came with; `None` for an API key.
    pub fn fingerprint(&self) -> Option<&str> {
        (!self.fingerprint.is_empty()).then_some(self.fingerprint.as_str())
    }
}

impl Auth {
    /// Begins a session and returns its token, the only copy there is.
    pub(super) async fn begin(
        &self,
        user: &User,
        address: &str,
    ) -> Result<(String, Caller), AuthError> {
        let now = self.0.clock.now();
        let _writing = self.0.writing.lock().await;
        self.drop_ended(now).await?;
        let held = {
            let all = self
                .0
                .sessions
                .all
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            all.values().filter(|s| s.record.user == user.name).count()
        };
        if held >= MAX_PER_USER {
            return Err(AuthError::TooManySessions);
        }
        let token = random::token()?;
        let record = Record {
            fingerprint: random::fingerprint(&token),
            id: uuid::Uuid::now_v7().to_string(),
            user: user.name.clone(),
            address: address.to_owned(),
            created_at: now,
            seen_at: now,
            idle: i64::from(self.timeout(user)) * 1000,
        };
        let session = Arc::new(Session::new(record));
        self.0
            .store
            .commit(Txn::new().put(session.key(), encode(&session.record)?))
            .await?;
        let caller = caller_of(&session, user, address);
        let mut all = self
            .0
            .sessions
            .all
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.insert(session.record.fingerprint.clone(), session);
        Ok((token, caller))
    }

    /// Who makes the request; using a session keeps it alive.
    pub async fn authenticate(
        &self,
        credential: &Credential,
        address: &str,
    ) -> Result<Caller, AuthError> {
        let token = match credential {
            Credential::ApiKey(text) => return self.authenticate_key(text, address),
            Credential::Token(token) => token,
        };
        let session = self
            .0
            .sessions
            .find(&random::fingerprint(token))
            .ok_or(AuthError::Unauthenticated)?;
        let now = self.0.clock.now();
        let user = self.find(&session.record.user);
        let (Some(user), true) = (user, session.alive(now)) else {
            self.end(&session.record.fingerprint).await?;
            return Err(AuthError::Unauthenticated);
        };
        session.seen_at.fetch_max(now.ms(), Ordering::Relaxed);
        self.save_seen(&session, now).await;
        Ok(caller_of(&session, &user, address))
    }

    /// Whether a session still lives, without keeping it alive: for streams.
    pub fn still_valid(&self, caller: &Caller) -> bool {
        let now = self.0.clock.now();
        match caller.fingerprint() {
            Some(fingerprint) => self
                .0
                .sessions
                .find(fingerprint)
                .is_some_and(|s| s.alive(now)),
            None => self.key_is_valid(&caller.user, now),
        }
    }

    /// Ends a session; one that is gone already is no error.
    pub async fn end(&self, fingerprint: &str) -> Result<(), AuthError> {
        let ended = self
            .0
            .sessions
            .take(|s| s.record.fingerprint == fingerprint);
        self.forget(&ended).await
    }

    /// Ends a user's sessions, all but `keep`.
    pub async fn end_sessions(&self, user: &str, keep: Option<&str>) -> Result<(), AuthError> {
        let ended = self
            .0
            .sessions
            .take(|s| s.record.user == user && Some(s.record.fingerprint.as_str()) != keep);
        self.forget(&ended).await
    }

    async fn drop_ended(&self, now: Timestamp) -> Result<(), AuthError> {
        let ended = self.0.sessions.take(|s| !s.alive(now));
        self.forget(&ended).await
    }

    async fn forget(&self, ended: &[Arc<Session>]) -> Result<(), AuthError> {
        if !ended.is_empty() {
            let txn = ended
                .iter()
                .fold(Txn::new(), |txn, session| txn.delete(session.key()));
            self.0.store.commit(txn).await?;
        }
        Ok(())
    }

    async fn save_seen(&self, session: &Session, now: Timestamp) {
        let saved = session.saved_at.load(Ordering::Relaxed);
        let due = SAVE_MS.min(session.record.idle / 4);
        let mine = now.ms() - saved >= due
            && session
                .saved_at
                .compare_exchange(saved, now.ms(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !mine {
            return;
        }
        let record = Record {
            seen_at: now,
            ..session.record.clone()
        };
        let Ok(value) = encode(&record) else { return };
        // Only the time after a crash suffers, so a full disk does not refuse the request.
        if let Err(error) = self
            .0
            .store
            .commit(Txn::new().put(session.key(), value))
            .await
        {
            tracing::warn!(%error, "could not save when a session was last used");
        }
    }
}

fn caller_of(session: &Session, user: &User, address: &str) -> Caller {
    Caller {
        user: user.name.clone(),
        access: user.access(),
        session: session.record.id.clone(),
        address: address.to_owned(),
        fingerprint: session.record.fingerprint.clone(),
    }
}
