//! Network rules: an ordered list.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRule {
    pub id: u32,
    pub comment: String,
    /// Group names.
    pub from: String,
    pub to: String,
    /// `any`, or a list such as `tcp/80,udp/53-60,icmp`.
    pub ports: String,
    /// `allow` or `deny`.
    pub action: String,
    /// `any`, or names.
    pub applications: Vec<String>,
    pub learned: bool,
    pub disable: bool,
    pub created_timestamp: i64,
    pub last_modified_timestamp: i64,
    pub cfg_type: String,
    pub priority: u32,
    pub match_counter: u64,
    pub last_match_timestamp: i64,
}

/// A rule as clients send it; id 0 asks for the next free one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PolicyRuleConfig {
    pub id: u32,
    pub comment: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub ports: Option<String>,
    pub action: Option<String>,
    pub applications: Option<Vec<String>>,
    pub disable: Option<bool>,
    pub cfg_type: Option<String>,
    pub priority: Option<u32>,
}

/// `after`: absent is last, 0 is first, n is after rule n, -n before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PolicyRuleInsert {
    pub after: Option<i64>,
    pub rules: Vec<PolicyRuleConfig>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PolicyRuleMove {
    pub after: Option<i64>,
    pub id: u32,
}

/// One edit of the list; exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PolicyRuleAction {
    #[serde(rename = "move")]
    pub relocate: Option<PolicyRuleMove>,
    pub insert: Option<PolicyRuleInsert>,
    /// The whole list anew.
    pub rules: Option<Vec<PolicyRuleConfig>>,
    pub delete: Option<Vec<u32>>,
}

envelope! {
    PolicyRulesData { rules: Vec<PolicyRule> }
    PolicyRuleData { rule: PolicyRule }
    PolicyRuleConfigData { config: PolicyRuleConfig }
}
