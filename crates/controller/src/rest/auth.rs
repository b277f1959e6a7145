//! Signing in and out.

use super::{
    Rest,
    activity::{AUTH, Activity, actor, stranger},
    answer::{Answer, done},
    call::{Body, From, Who},
    error::Failure,
    user,
};
use crate::auth::{AuthError, Login, LoginOutcome, SignedIn};
use axum::{Json, extract::State};
use rampart_api::rest::{
    Empty,
    auth::{AuthData, Token, TokenData},
};
use rampart_model::LogLevel;
use std::net::IpAddr;

pub(super) async fn login(
    State(rest): State<Rest>,
    From(peer): From,
    Body(body): Body<AuthData>,
) -> Answer<TokenData> {
    let Some(password) = &body.password else {
        return Err(Failure::invalid(
            "`password` with `username` and `password` is needed",
        ));
    };
    let address = address_of(peer, &body.client_ip).to_string();
    let login = Login {
        user: &password.username,
        password: &password.password.0,
        new_password: password
            .new_password
            .as_ref()
            .map(|secret| secret.0.as_str()),
        address: &address,
    };
    match rest.auth().login(login).await {
        Ok(LoginOutcome::SignedIn(signed_in)) => {
            note(
                &rest,
                "User.Login",
                LogLevel::Info,
                "signed in",
                &actor(&signed_in.caller),
            )
            .await;
            Ok(Json(token_data(&rest, signed_in)))
        }
        Ok(LoginOutcome::MustReset) => Ok(Json(TokenData {
            need_to_reset_password: true,
            ..TokenData::default()
        })),
        Err(error) => {
            note_failure(&rest, &error, &password.username, &address).await;
            Err(error.into())
        }
    }
}

/// A console on this machine signs people in from elsewhere and says from where; others are
/// believed about nothing but their own address.
fn address_of(peer: IpAddr, claimed: &str) -> IpAddr {
    match claimed.parse() {
        Ok(claimed) if peer.is_loopback() => claimed,
        _ => peer,
    }
}

fn token_data(rest: &Rest, signed_in: SignedIn) -> TokenData {
    let SignedIn {
        token,
        caller,
        user,
    } = signed_in;
    let (days, hours) = user::expiry(rest, &user);
    let (global_permissions, domain_permissions) = user::permissions(&caller.access);
    TokenData {
        token: Some(Token {
            token,
            global_permissions,
            domain_permissions,
            user: user::wire(rest, &user, true),
        }),
        password_days_until_expire: days,
        password_hours_until_expire: hours,
        need_to_reset_password: false,
    }
}

/// Only failures that cost a hash are noted, and those are bounded: a flood of attempts on a
/// blocked name leaves one record.
async fn note_failure(rest: &Rest, error: &AuthError, user: &str, address: &str) {
    let (name, what) = match error {
        AuthError::Unauthenticated => ("User.Login.Failed", "failed to sign in"),
        AuthError::Blocked { just_now: true } => {
            ("User.Login.Blocked", "was blocked after too many failures")
        }
        AuthError::TooManySessions => ("User.Login.Failed", "has too many sessions"),
        _ => return,
    };
    note(
        rest,
        name,
        LogLevel::Warning,
        what,
        &stranger(user, address),
    )
    .await;
}

async fn note(
    rest: &Rest,
    name: &'static str,
    level: LogLevel,
    what: &str,
    actor: &crate::app::Actor,
) {
    let message = format!("{} {what} from {}", actor.user, actor.addr);
    rest.note(
        actor,
        Activity {
            name,
            category: AUTH,
            level,
            message,
            call: None,
        },
    )
    .await;
}

/// The guard has kept the session alive already.
pub(super) async fn refresh(_: Who) -> Answer<Empty> {
    done()
}

pub(super) async fn logout(State(rest): State<Rest>, Who(caller): Who) -> Answer<Empty> {
    let Some(fingerprint) = caller.fingerprint() else {
        return Err(Failure::unsupported(
            "an API key has no session to end; delete it instead",
        ));
    };
    rest.auth().end(fingerprint).await?;
    note(
        &rest,
        "User.Logout",
        LogLevel::Info,
        "signed out",
        &actor(&caller),
    )
    .await;
    done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_machine_speaks_for_others() {
        for (peer, claimed, expected) in [
            ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("::1", "2001:db8::7", "2001:db8::7"),
            ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
            ("127.0.0.1", "nonsense", "127.0.0.1"),
            ("127.0.0.1", "", "127.0.0.1"),
        ] {
            assert_eq!(
                address_of(peer.parse().unwrap(), claimed).to_string(),
                expected
            );
        }
    }
}
