//! Detection rules as an enforcer has loaded them, and what they matched.

use crate::{Timestamp, mode::names};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Rules an enforcer may report; a controller keeps no more of one node.
pub const MAX_RULES: usize = 10_000;

/// Whether a rule can match on a node.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// Turned off where it is written, or less severe than what is evaluated.
    #[default]
    Off,
    /// Loaded, but nothing it waits for is seen there.
    Silent,
    /// Evaluated on what happens.
    Live,
}

names!(RuleState {
    Off = "off",
    Silent = "silent",
    Live = "live",
});

/// One rule that an enforcer has loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DetectionRule {
    pub name: String,
    pub description: String,
    /// Falco's word: `Emergency`, … `Debug`.
    pub priority: String,
    pub tags: Vec<String>,
    /// As it is written, with names of macros and lists.
    pub condition: String,
    pub output: String,
    pub file: String,
    pub line: u32,
    /// Types of events it may match; the first of them if there are very many.
    pub events: Vec<String>,
    pub state: RuleState,
    /// Why it is not live, or what it cannot see; empty if neither.
    pub reason: String,
}

/// How often a rule matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleHits {
    pub count: u64,
    pub last: Timestamp,
}

/// What detection did on a node since its enforcer started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DetectionStats {
    /// Events that rules were evaluated on.
    pub events: u64,
    /// The same by type of event.
    pub kinds: BTreeMap<String, u64>,
    /// Matches by priority, those that were not told again included.
    pub matched: BTreeMap<String, u64>,
    /// By rule; one that never matched is not listed.
    pub hits: BTreeMap<String, RuleHits>,
}
