//! What users did, for the activity log, under NeuVector's names.

use super::{Rest, redact::redact};
use crate::{
    app::{Actor, RestCall},
    auth::Caller,
};
use rampart_model::LogLevel;

pub(super) const AUTH: &str = "AUTH";
pub(super) const RESTFUL: &str = "RESTFUL";

/// One thing done.
pub(super) struct Activity<'a> {
    pub(super) name: &'static str,
    pub(super) category: &'static str,
    pub(super) level: LogLevel,
    pub(super) message: String,
    pub(super) call: Option<(&'a str, &'a str, &'a [u8])>,
}

pub(super) fn actor(caller: &Caller) -> Actor {
    Actor {
        user: caller.user.clone(),
        roles: caller.access.role_names(),
        addr: caller.address.clone(),
        session: caller.session.clone(),
    }
}

/// Who tried to sign in and was not let in.
pub(super) fn stranger(user: &str, address: &str) -> Actor {
    let user = user.chars().take(64).collect();
    Actor {
        user,
        addr: address.to_owned(),
        ..Actor::default()
    }
}

impl Rest {
    /// Keeps an activity. What was done stays done if the log cannot be written; the
    /// controller's own log then has it.
    pub(super) async fn note(&self, actor: &Actor, activity: Activity<'_>) {
        let call = activity.call.map(|(method, path, body)| RestCall {
            method: method.to_owned(),
            path: path.chars().take(2048).collect(),
            body: redact(body),
        });
        let message = activity.message.clone();
        let Activity {
            name,
            category,
            level,
            ..
        } = activity;
        if let Err(error) = self
            .app()
            .record_activity(actor, name, category, level, message.clone(), call)
            .await
        {
            tracing::error!(%error, user = actor.user, name, message, "an activity could not be kept");
        }
    }
}
