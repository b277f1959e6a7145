//! Response rules: what is done by itself about an event.
//!
//! Events, conditions and actions are NeuVector's, and each has its name here even where Rampart
//! cannot serve it yet, so that it can be refused by name.

use crate::{ConfigSource, GroupName, RuleId, Timestamp, mode::names};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Every rule that matches acts; the order is for people, and for who reads the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseRule {
    pub id: RuleId,
    pub event: ResponseEvent,
    pub comment: String,
    /// Empty is every group, and what has none.
    pub group: GroupName,
    /// All must hold.
    pub conditions: Vec<Condition>,
    pub actions: Vec<ResponseAction>,
    pub disabled: bool,
    pub source: ConfigSource,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    pub kind: ConditionKind,
    pub value: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseEvent {
    /// Incidents, violations and threats.
    #[default]
    SecurityEvent,
    /// What users and the system did.
    Event,
    /// Results of scans.
    CveReport,
    Compliance,
    AdmissionControl,
    Serverless,
}

names!(ResponseEvent {
    SecurityEvent = "security-event",
    Event = "event",
    CveReport = "cve-report",
    Compliance = "compliance",
    AdmissionControl = "admission-control",
    Serverless = "serverless",
});

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConditionKind {
    Name,
    Level,
    Process,
    CveName,
    CveCritical,
    /// Critical and high together.
    CveHigh,
    CveHighOnly,
    CveMedium,
    CveCriticalWithFix,
    CveHighWithFix,
    Number,
}

names!(ConditionKind {
    Name = "name",
    Level = "level",
    Process = "process",
    CveName = "cve-name",
    CveCritical = "cve-critical",
    CveHigh = "cve-high",
    CveHighOnly = "cve-high-only",
    CveMedium = "cve-medium",
    CveCriticalWithFix = "cve-critical-with-fix",
    CveHighWithFix = "cve-high-with-fix",
    Number = "number",
});

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseAction {
    /// Cut the container off from the network.
    Quarantine,
    /// Do not keep the record.
    SuppressLog,
    Webhook,
    /// Not among NeuVector's.
    Kill,
}

names!(ResponseAction {
    Quarantine = "quarantine",
    SuppressLog = "suppress-log",
    Webhook = "webhook",
    Kill = "kill",
});
