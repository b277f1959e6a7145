//! Process profiles, and processes as they run.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessProfileEntry {
    pub name: String,
    pub path: String,
    /// Empty is any.
    pub user: String,
    pub uid: i32,
    /// `allow` or `deny`.
    pub action: String,
    pub cfg_type: String,
    pub uuid: String,
    /// The group it comes from, when listed for a workload.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The file may be updated without counting as drift.
    pub allow_update: bool,
    pub created_timestamp: i64,
    pub last_modified_timestamp: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessProfile {
    pub group: String,
    #[serde(default)]
    pub alert_disabled: bool,
    #[serde(default)]
    pub hash_enabled: bool,
    /// `basic` or `zero-drift`.
    pub baseline: String,
    pub mode: String,
    pub process_list: Vec<ProcessProfileEntry>,
}

/// Name, path and user tell entries apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ProcessProfileEntryConfig {
    pub name: String,
    pub path: String,
    pub user: Option<String>,
    pub action: String,
    pub group: Option<String>,
    pub allow_update: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ProcessProfileConfig {
    pub group: String,
    pub alert_disabled: Option<bool>,
    pub hash_enabled: Option<bool>,
    pub baseline: Option<String>,
    pub process_change_list: Option<Vec<ProcessProfileEntryConfig>>,
    pub process_delete_list: Option<Vec<ProcessProfileEntryConfig>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessRuleUse {
    /// 1 while the rule is in the group's profile.
    pub active: u32,
    pub group: String,
    pub rule: ProcessProfileEntry,
}

/// One process of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Process {
    pub name: String,
    pub pid: u32,
    pub parent: u32,
    /// Process group.
    pub group: u32,
    pub session: u32,
    pub cmdline: String,
    /// Started by the runtime, not by another process of the container.
    pub root: bool,
    pub user: String,
    pub status: String,
    pub start_timestamp: i64,
    /// What the profile says: `allow`, or `deny` for one that is not in it.
    pub action: String,
    /// Rampart: the real path of the executable inside the container.
    pub path: String,
    /// Rampart.
    pub cwd: String,
    /// Rampart: RFC 3339.
    pub started_at: String,
    /// Rampart.
    pub uid: u32,
    /// Rampart: effective.
    pub euid: u32,
    /// Rampart: has a terminal.
    pub tty: bool,
}

envelope! {
    ProcessProfilesData { process_profiles: Vec<ProcessProfile> }
    ProcessProfileData { process_profile: ProcessProfile }
    ProcessProfileConfigData { process_profile_config: ProcessProfileConfig }
    ProcessListData { process_list: Vec<ProcessProfileEntry> }
    ProcessRulesData { process_rules: Vec<ProcessRuleUse> }
    ProcessesData { processes: Vec<Process> }
}
