//! Signing in, and the first administrator.

use super::{
    Auth, AuthError, Caller, Role, User,
    guard::Gate,
    random,
    user::{ADMIN, check_name},
};
use rampart_model::Timestamp;
use std::sync::Arc;

/// An attempt to sign in.
pub struct Login<'a> {
    pub user: &'a str,
    pub password: &'a str,
    /// Set before the session begins.
    pub new_password: Option<&'a str>,
    pub address: &'a str,
}

pub enum LoginOutcome {
    SignedIn(SignedIn),
    /// The password is right but must be changed: sign in again with a new one.
    MustReset,
}

pub struct SignedIn {
    pub token: String,
    pub caller: Caller,
    pub user: Arc<User>,
}

/// What [`Auth::open`] did about the first administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bootstrap {
    /// `admin` has a password of their own.
    Kept,
    /// `admin` was made with the password given. It was chosen by the operator, for automation, so
    /// no change is demanded.
    Given,
    /// `admin` was made with this one-time password, to be shown once; it must be changed at the
    /// first sign-in.
    Generated(String),
}

impl Auth {
    /// Makes the user `admin` if nobody has signed in as it yet, with the password given or a
    /// random one. Until it has been used, every start makes a new one, so that a lost first
    /// print costs nothing.
    pub(super) async fn bootstrap(&self, given: Option<&str>) -> Result<Bootstrap, AuthError> {
        if self.find(ADMIN).is_some_and(|admin| !admin.bootstrap) {
            return Ok(Bootstrap::Kept);
        }
        let (password, outcome) = match given {
            Some(given) => {
                self.profile().admit(given, ADMIN)?;
                (given.to_owned(), Bootstrap::Given)
            }
            None => {
                let password = random::password()?;
                (password.clone(), Bootstrap::Generated(password))
            }
        };
        let now = self.0.clock.now();
        let hash = self
            .0
            .hasher
            .hash(self.0.hasher.turn().await?, &password)
            .await?;
        let _writing = self.0.writing.lock().await;
        self.save(User {
            name: ADMIN.to_owned(),
            hash,
            role: Role::Admin,
            bootstrap: true,
            must_reset: matches!(outcome, Bootstrap::Generated(_)),
            created_at: now,
            password_at: now,
            ..User::default()
        })
        .await?;
        self.0.guard.clear(ADMIN);
        Ok(outcome)
    }

    /// The one-time password has not been changed yet.
    pub fn awaits_first_login(&self) -> bool {
        self.find(ADMIN).is_none_or(|admin| admin.bootstrap)
    }

    /// Signs in. The cost of a failure does not depend on whether the user exists.
    pub async fn login(&self, login: Login<'_>) -> Result<LoginOutcome, AuthError> {
        let user = self.prove(&login).await?;
        let expired = self.is_expired(&user);
        match login.new_password {
            Some(new) => {
                self.set_password(&user.name, new, false).await?;
                self.end_sessions(&user.name, None).await?;
            }
            None if user.must_reset => return Ok(LoginOutcome::MustReset),
            None if expired => return Err(AuthError::PasswordExpired),
            None => {}
        }
        let user = self.user(&user.name)?;
        let (token, caller) = self.begin(&user, login.address).await?;
        let now = self.0.clock.now();
        self.change(&user.name, |user| {
            // From here on it is theirs: no start makes another.
            user.bootstrap = false;
            user.last_login_at = now;
            user.login_count = user.login_count.saturating_add(1);
            user.blocked_until = Timestamp::UNKNOWN;
            Ok(())
        })
        .await?;
        Ok(LoginOutcome::SignedIn(SignedIn {
            token,
            caller,
            user: self.user(&user.name)?,
        }))
    }

    /// The user whose password it is.
    async fn prove(&self, login: &Login<'_>) -> Result<Arc<User>, AuthError> {
        // A name no user can have still counts and costs, under one name for all such.
        let name = if check_name(login.user).is_ok() {
            login.user
        } else {
            "?"
        };
        self.pass(name, login.address)?;
        let turn = self.0.hasher.turn().await?;
        // Others may have failed for this name while it waited.
        self.pass(name, login.address)?;
        let user = self.find(name);
        let hash = user.as_ref().map(|user| user.hash.as_str());
        if self.0.hasher.verify(turn, login.password, hash).await?
            && let Some(user) = user
        {
            self.0.guard.clear(name);
            return Ok(user);
        }
        let now = self.0.clock.now();
        let Some(until) = self
            .0
            .guard
            .failed(name, login.address, now, &self.profile())
        else {
            return Err(AuthError::Unauthenticated);
        };
        if self.find(name).is_some() {
            self.change(name, |user| {
                user.blocked_until = until;
                Ok(())
            })
            .await?;
        }
        Err(AuthError::Blocked { just_now: true })
    }

    fn pass(&self, name: &str, address: &str) -> Result<(), AuthError> {
        match self.0.guard.gate(name, address, self.0.clock.now()) {
            Gate::Open => Ok(()),
            Gate::Blocked => Err(AuthError::Blocked { just_now: false }),
            Gate::Busy => Err(AuthError::Busy),
        }
    }
}
