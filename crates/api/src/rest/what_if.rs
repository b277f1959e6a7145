//! Rampart: what if a group's policy were another.

use super::{
    envelope, file::FileFilterConfig, policy::PolicyRuleConfig, process::ProcessProfileEntryConfig,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A change to be tried out; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WhatIfConfig {
    pub group: String,
    /// Both modes at once.
    pub mode: Option<String>,
    pub policy_mode: Option<String>,
    pub profile_mode: Option<String>,
    pub baseline: Option<String>,
    pub process_change_list: Vec<ProcessProfileEntryConfig>,
    pub process_delete_list: Vec<ProcessProfileEntryConfig>,
    pub add_filters: Vec<FileFilterConfig>,
    pub delete_filters: Vec<FileFilterConfig>,
    /// Network rules put first in the list.
    pub add_rules: Vec<PolicyRuleConfig>,
    /// Ids of network rules taken out.
    pub delete_rules: Vec<u32>,
}

/// A recorded act that would be alerted or denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhatIfAct {
    /// `process`, `file` or `connection`.
    pub kind: String,
    /// The executable, the file, or the peer with its port.
    pub what: String,
    /// The user, the program that touched the file, or the direction.
    pub detail: String,
    /// Containers that did it; 16 at the most.
    pub workloads: Vec<String>,
    pub count: u64,
    /// `allow`, `learn`, `violate` or `deny`.
    pub before: String,
    pub after: String,
    pub reason: String,
    /// The rule that would decide; empty if none would.
    pub rule: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    pub group: String,
    pub members: u32,
    /// Different acts that were judged.
    pub judged: u32,
    pub allowed: u32,
    pub alerted: u32,
    pub denied: u32,
    /// Denied then, and not now.
    pub newly_denied: u32,
    /// The denied first; 1,000 at the most.
    pub acts: Vec<WhatIfAct>,
    /// Nodes whose processes could not be asked for.
    pub not_asked: Vec<String>,
    /// Nothing was left out for its number.
    pub complete: bool,
}

envelope! {
    WhatIfConfigData { config: WhatIfConfig }
    WhatIfData { what_if: WhatIf }
}
