//! Keys of the store, and how values are written: JSON of the model's types.

use crate::AppError;
use rampart_store::{Entry, StoreError};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) const CONFIG: &str = "config/";
pub(crate) const GROUP: &str = "config/group/";
pub(crate) const RULE: &str = "config/rule/";
pub(crate) const RULE_ORDER: &str = "config/rule_order";
/// The whole list, in order.
pub(crate) const RESPONSES: &str = "config/response_rules";
pub(crate) const SETTINGS: &str = "config/settings";
pub(crate) const DOMAIN: &str = "config/domain/";
pub(crate) const ENDPOINT: &str = "config/endpoint/";
pub(crate) const NODE: &str = "state/node/";
pub(crate) const WORKLOAD: &str = "state/workload/";
pub(crate) const QUARANTINE: &str = "state/quarantine/";
pub(crate) const CONVERSATION: &str = "state/conversation/";
pub(crate) const ACTIVITY: &str = "state/activity";
pub(crate) const RULE_HITS: &str = "state/rule_hits";
pub(crate) const POLICY_REVISION: &str = "state/policy_revision";

/// What holds credentials: registries, and jobs that were asked for with some.
pub const SECRET: &[&str] = &[super::scan::REGISTRY, super::scan::JOB];

/// Longest id taken from outside: of a workload, a node, a group.
pub(crate) const MAX_ID: usize = 450;

pub(crate) fn rule(id: rampart_model::RuleId) -> String {
    format!("{RULE}{:06}", id.0)
}

pub(crate) fn of(prefix: &str, name: impl AsRef<str>) -> String {
    format!("{prefix}{}", name.as_ref())
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, AppError> {
    serde_json::to_vec(value).map_err(|error| AppError::Unavailable {
        what: format!("writing a value ({error})"),
    })
}

/// A value that cannot be read stops the start: it is never dropped in silence.
pub(crate) fn decode<T: DeserializeOwned>(entry: &Entry) -> Result<T, AppError> {
    serde_json::from_slice(&entry.value).map_err(|error| {
        AppError::Store(StoreError::Corrupt {
            path: entry.key.clone().into(),
            detail: format!("value of revision {}: {error}", entry.revision),
        })
    })
}

/// The name after a prefix.
pub(crate) fn name<'a>(entry: &'a Entry, prefix: &str) -> &'a str {
    entry.key.strip_prefix(prefix).unwrap_or(&entry.key)
}
