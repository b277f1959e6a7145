//! Rampart: detection rules, as the nodes have loaded them, and what they found.

use super::{envelope, log::Incident};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rule on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionRuleNode {
    pub id: String,
    pub name: String,
    /// `live`, `silent` or `off`.
    pub state: String,
    /// Why it is not live there, or what it cannot see.
    pub reason: String,
    /// Matches since the enforcer started, those that were not told again included.
    pub hits: u64,
}

/// Rules of one name on all nodes are one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DetectionRule {
    pub name: String,
    /// `Emergency`, `Alert`, `Critical`, `Error`, `Warning`, `Notice`, `Informational` or `Debug`.
    pub priority: String,
    pub tags: Vec<String>,
    /// Techniques of MITRE ATT&CK among the tags.
    pub techniques: Vec<String>,
    /// The file it was loaded from, and the line there.
    pub file: String,
    pub line: u32,
    /// Types of events it may match.
    pub events: Vec<String>,
    /// It is evaluated where its events are seen; `false` is off.
    pub enabled: bool,
    /// The best of the nodes: `live`, `silent` or `off`.
    pub state: String,
    /// Why it is not live anywhere, or what it cannot see.
    pub reason: String,
    /// Matches on all nodes since their enforcers started.
    pub hits: u64,
    /// Incidents of this rule among the newest 10,000 that are kept of all rules.
    pub incidents: u64,
    /// When it last matched; empty for never.
    pub last_seen_at: String,
    pub last_seen_timestamp: i64,
    pub nodes: Vec<DetectionRuleNode>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DetectionRuleDetail {
    #[serde(flatten)]
    pub rule: DetectionRule,
    pub description: String,
    /// As it is written.
    pub condition: String,
    pub output: String,
    /// The newest incidents of the rule that the caller may see.
    pub recent: Vec<Incident>,
}

envelope! {
    DetectionRulesData { rules: Vec<DetectionRule> }
    DetectionRuleData { rule: DetectionRuleDetail }
}
