//! Users and every change of them.
//!
//! Limits: [`MAX_USERS`] users; a name has 1 to 64 characters; [`MAX_DOMAINS`] domains in all.

use super::{Access, Auth, AuthError, Role, encode};
use rampart_model::Timestamp;
use rampart_store::Txn;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

pub(super) const PREFIX: &str = "config/user/";
pub const ADMIN: &str = "admin";
pub const MAX_USERS: usize = 10_000;
pub const MAX_DOMAINS: usize = 1000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    pub name: String,
    /// PHC string.
    pub hash: String,
    /// Earlier hashes, newest first.
    pub history: Vec<String>,
    pub role: Role,
    /// Role to the domains it is held in.
    pub role_domains: BTreeMap<String, Vec<String>>,
    pub email: String,
    pub locale: String,
    /// Idle seconds; 0 is the profile's.
    pub timeout: u32,
    /// The password was made at installation and nobody has signed in with it.
    pub bootstrap: bool,
    /// The password must be changed at the next sign-in.
    pub must_reset: bool,
    pub password_at: Timestamp,
    pub created_at: Timestamp,
    pub last_login_at: Timestamp,
    pub login_count: u32,
    pub blocked_until: Timestamp,
}

impl User {
    pub fn access(&self) -> Access {
        Access::new(self.role, &self.role_domains)
    }

    fn key(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}

pub struct NewUser {
    pub name: String,
    pub password: String,
    pub role: Role,
    pub role_domains: BTreeMap<String, Vec<String>>,
    pub email: String,
    pub locale: String,
    pub timeout: u32,
}

/// `None` leaves as it is.
#[derive(Default)]
pub struct UserPatch {
    pub role: Option<Role>,
    pub role_domains: Option<BTreeMap<String, Vec<String>>>,
    pub email: Option<String>,
    pub locale: Option<String>,
    pub timeout: Option<u32>,
}

impl Auth {
    pub fn users(&self) -> Vec<Arc<User>> {
        self.0
            .users
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    pub fn user(&self, name: &str) -> Result<Arc<User>, AuthError> {
        self.find(name)
            .ok_or_else(|| AuthError::not_found("user", name))
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<User>> {
        self.0
            .users
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    pub fn is_blocked(&self, name: &str) -> bool {
        self.0.guard.is_blocked(name, self.0.clock.now())
    }

    /// Whether the password is too old to sign in with.
    pub fn is_expired(&self, user: &User) -> bool {
        self.expires_in(user).is_some_and(|ms| ms <= 0)
    }

    /// Milliseconds until the password expires; `None` is never.
    pub fn expires_in(&self, user: &User) -> Option<i64> {
        let profile = self.profile();
        let life = i64::from(profile.password_expire_after_days) * 86_400_000;
        profile
            .enable_password_expiration
            .then(|| user.password_at.ms() + life - self.0.clock.now().ms())
    }

    /// Idle seconds of a user's sessions.
    pub fn timeout(&self, user: &User) -> u32 {
        if user.timeout == 0 {
            self.profile().session_timeout
        } else {
            user.timeout
        }
    }

    pub async fn create_user(&self, new: NewUser) -> Result<(), AuthError> {
        check_name(&new.name)?;
        let now = self.0.clock.now();
        let mut user = User {
            name: new.name,
            role: new.role,
            role_domains: new.role_domains,
            email: new.email,
            locale: new.locale,
            timeout: new.timeout,
            created_at: now,
            password_at: now,
            ..User::default()
        };
        check_fields(&user)?;
        self.profile().admit(&new.password, &user.name)?;
        user.hash = self
            .0
            .hasher
            .hash(self.0.hasher.turn().await?, &new.password)
            .await?;
        let _writing = self.0.writing.lock().await;
        let users = self.users();
        if users.iter().any(|u| u.name == user.name) {
            return Err(AuthError::Exists {
                kind: "user",
                name: user.name,
            });
        }
        if users.len() >= MAX_USERS {
            return Err(AuthError::invalid(format!(
                "there are {MAX_USERS} users already"
            )));
        }
        self.save(user).await
    }

    pub async fn update_user(&self, name: &str, patch: UserPatch) -> Result<(), AuthError> {
        self.change(name, |user| {
            if user.name == ADMIN && patch.role.is_some_and(|role| role != Role::Admin) {
                return Err(AuthError::Refused {
                    what: "the user `admin` keeps the role admin".to_owned(),
                });
            }
            user.role = patch.role.unwrap_or(user.role);
            user.role_domains = patch
                .role_domains
                .unwrap_or(std::mem::take(&mut user.role_domains));
            user.email = patch.email.unwrap_or(std::mem::take(&mut user.email));
            user.locale = patch.locale.unwrap_or(std::mem::take(&mut user.locale));
            user.timeout = patch.timeout.unwrap_or(user.timeout);
            check_fields(user)
        })
        .await
    }

    /// Gives a role in exactly these domains.
    pub async fn set_role_domains(
        &self,
        name: &str,
        role: Role,
        domains: Vec<String>,
    ) -> Result<(), AuthError> {
        self.change(name, |user| {
            if role == Role::None {
                // As NeuVector's clients take domains away: the empty role there.
                user.role_domains
                    .values_mut()
                    .for_each(|held| held.retain(|d| !domains.contains(d)));
            } else if domains.is_empty() {
                user.role_domains.remove(role.name());
            } else {
                user.role_domains.insert(role.name().to_owned(), domains);
            }
            user.role_domains.retain(|_, held| !held.is_empty());
            check_fields(user)
        })
        .await
    }

    /// Deletes a user and ends their sessions. `admin` stays: somebody must be able to mend things.
    pub async fn delete_user(&self, name: &str) -> Result<(), AuthError> {
        if name == ADMIN {
            return Err(AuthError::Refused {
                what: "the user `admin` cannot be deleted".to_owned(),
            });
        }
        let _writing = self.0.writing.lock().await;
        let user = self.user(name)?;
        self.0.store.commit(Txn::new().delete(user.key())).await?;
        self.0
            .users
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        self.0.guard.clear(name);
        self.end_sessions(name, None).await
    }

    /// Sets a password without knowing the old one.
    pub async fn reset_password(
        &self,
        name: &str,
        password: &str,
        must_reset: bool,
    ) -> Result<(), AuthError> {
        self.set_password(name, password, must_reset).await?;
        self.end_sessions(name, None).await
    }

    /// Changes one's own password; the other sessions end.
    pub async fn change_password(
        &self,
        name: &str,
        old: &str,
        new: &str,
        keep: Option<&str>,
    ) -> Result<(), AuthError> {
        let user = self.user(name)?;
        if !self
            .0
            .hasher
            .verify(self.0.hasher.turn().await?, old, Some(&user.hash))
            .await?
        {
            return Err(AuthError::Refused {
                what: "the current password is wrong".to_owned(),
            });
        }
        self.set_password(name, new, false).await?;
        self.end_sessions(name, keep).await
    }

    /// Forgets failed sign-ins.
    pub async fn unblock(&self, name: &str) -> Result<(), AuthError> {
        self.change(name, |user| {
            user.blocked_until = Timestamp::UNKNOWN;
            Ok(())
        })
        .await?;
        self.0.guard.clear(name);
        Ok(())
    }

    pub(super) async fn set_password(
        &self,
        name: &str,
        password: &str,
        must_reset: bool,
    ) -> Result<(), AuthError> {
        let user = self.user(name)?;
        let profile = self.profile();
        profile.admit(password, name)?;
        self.refuse_repeat(&user, password).await?;
        let hash = self
            .0
            .hasher
            .hash(self.0.hasher.turn().await?, password)
            .await?;
        let now = self.0.clock.now();
        let keep = usize::try_from(profile.password_keep_history_count).unwrap_or(0);
        self.change(name, |user| {
            let old = std::mem::replace(&mut user.hash, hash);
            user.history.insert(0, old);
            user.history.truncate(keep);
            user.bootstrap = false;
            user.must_reset = must_reset;
            user.password_at = now;
            user.blocked_until = Timestamp::UNKNOWN;
            Ok(())
        })
        .await?;
        self.0.guard.clear(name);
        Ok(())
    }

    /// The password in use is never taken again, and none of the history if the profile says so.
    async fn refuse_repeat(&self, user: &User, password: &str) -> Result<(), AuthError> {
        let profile = self.profile();
        let history = if profile.enable_password_history {
            user.history.as_slice()
        } else {
            &[]
        };
        for hash in std::iter::once(&user.hash).chain(history) {
            if self
                .0
                .hasher
                .verify(self.0.hasher.turn().await?, password, Some(hash))
                .await?
            {
                let reason = "the password was used before".to_owned();
                return Err(AuthError::Weak { reason, profile });
            }
        }
        Ok(())
    }

    /// Changes a user and writes it, or changes nothing.
    pub(super) async fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut User) -> Result<(), AuthError>,
    ) -> Result<(), AuthError> {
        let _writing = self.0.writing.lock().await;
        let mut user = User::clone(self.user(name)?.as_ref());
        change(&mut user)?;
        self.save(user).await
    }

    pub(super) async fn save(&self, user: User) -> Result<(), AuthError> {
        self.0
            .store
            .commit(Txn::new().put(user.key(), encode(&user)?))
            .await?;
        let mut users = self.0.users.write().unwrap_or_else(PoisonError::into_inner);
        users.insert(user.name.clone(), Arc::new(user));
        Ok(())
    }
}

/// Letters and digits first, then also `. : _ - @` and spaces inside.
pub(super) fn check_name(name: &str) -> Result<(), AuthError> {
    let fits = (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with(' ')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".:_-@ ".contains(c));
    if fits {
        return Ok(());
    }
    Err(AuthError::invalid(
        "a name has 1 to 64 letters, digits or . : _ - @, the first a letter or digit",
    ))
}

fn check_fields(user: &User) -> Result<(), AuthError> {
    if user.timeout != 0 && !(30..=3600).contains(&user.timeout) {
        return Err(AuthError::invalid("timeout is 30 to 3600 seconds"));
    }
    if user.email.len() > 254 || user.locale.len() > 32 {
        return Err(AuthError::invalid(
            "email has 254 bytes and locale 32 at the most",
        ));
    }
    check_role_domains(&user.role_domains)
}

pub(super) fn check_role_domains(
    role_domains: &BTreeMap<String, Vec<String>>,
) -> Result<(), AuthError> {
    if role_domains.values().map(Vec::len).sum::<usize>() > MAX_DOMAINS {
        return Err(AuthError::invalid(format!(
            "more than {MAX_DOMAINS} domains"
        )));
    }
    for (role, domains) in role_domains {
        if !matches!(Role::parse(role), Some(Role::Admin | Role::Reader)) {
            return Err(AuthError::invalid(format!(
                "role `{role}` cannot be held in a domain; admin and reader can"
            )));
        }
        if let Some(bad) = domains
            .iter()
            .find(|d| d.is_empty() || d.len() > 253 || d.contains('*'))
        {
            return Err(AuthError::invalid(format!(
                "`{bad}` is not the name of a domain"
            )));
        }
    }
    Ok(())
}
