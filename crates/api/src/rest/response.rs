//! Response rules: what is done by itself about an event.

use super::envelope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// There are no operators: a condition is a type and a value, and all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseCondition {
    #[serde(rename = "type")]
    pub kind: String,
    pub value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponseRule {
    pub id: u32,
    /// `security-event`, `event` or `cve-report`.
    pub event: String,
    pub comment: String,
    /// Empty is every group.
    pub group: String,
    pub conditions: Vec<ResponseCondition>,
    /// `quarantine`, `suppress-log`.
    pub actions: Vec<String>,
    pub webhooks: Vec<String>,
    pub disable: bool,
    /// `user_created`, `ground` or `federal`.
    pub cfg_type: String,
    /// Rampart: records it matched since the controller started.
    pub match_counter: u64,
    /// Rampart: when it last matched; 0 is never.
    pub last_match_timestamp: i64,
}

/// A rule as clients send it; id 0 asks for the next free one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ResponseRuleConfig {
    pub id: u32,
    pub event: Option<String>,
    pub comment: Option<String>,
    pub group: Option<String>,
    pub conditions: Option<Vec<ResponseCondition>>,
    pub actions: Option<Vec<String>>,
    pub webhooks: Option<Vec<String>>,
    pub disable: Option<bool>,
    pub cfg_type: Option<String>,
}

/// `after`: absent is last, 0 is first, n is after rule n.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ResponseRuleInsert {
    pub after: Option<u32>,
    pub rules: Vec<ResponseRuleConfig>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ResponseRuleMove {
    pub after: Option<u32>,
    pub id: u32,
}

/// One edit of the list; exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ResponseRuleAction {
    pub insert: Option<ResponseRuleInsert>,
    /// Rampart: puts a rule elsewhere.
    #[serde(rename = "move")]
    pub relocate: Option<ResponseRuleMove>,
    /// Rampart: deletes several rules at once.
    pub delete: Option<Vec<u32>>,
}

/// What a rule for one kind of event may hold. Entries of `name` and `level` are conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponseRuleOptions {
    pub types: Vec<String>,
    pub name: Vec<String>,
    pub level: Vec<String>,
}

envelope! {
    ResponseRulesData { rules: Vec<ResponseRule> }
    ResponseRuleData { rule: ResponseRule }
    ResponseRuleConfigData { config: ResponseRuleConfig }
    ResponseRuleOptionsData {
        response_rule_options: BTreeMap<String, ResponseRuleOptions>,
        webhooks: Vec<String>,
    }
}
