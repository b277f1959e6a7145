//! Policy groups.

use super::{envelope, policy::PolicyRule, workload::WorkloadBrief};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Criterion {
    /// `image`, `node`, `container`, `service`, `address`, `label`, `domain`, `application` or a
    /// label's name.
    pub key: String,
    pub value: String,
    /// `=`, `!=`, `contains`, `prefix`, `regex` or `!regex`.
    pub op: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupBrief {
    pub name: String,
    pub comment: String,
    pub learned: bool,
    pub reserved: bool,
    /// Absent for groups without a mode of their own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy_mode: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile_mode: String,
    pub not_scored: bool,
    pub domain: String,
    pub creater_domains: Vec<String>,
    /// `container`, `address`, `ip_service`, `node` or `external`.
    pub kind: String,
    pub platform_role: String,
    /// `learned`, `user_created`, `ground` or `federal`.
    pub cfg_type: String,
    pub baseline_profile: String,
    pub monitor_metric: bool,
    pub group_sess_cur: u32,
    pub group_sess_rate: u32,
    pub group_band_width: u32,
    /// With `with_cap=true` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_change_mode: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_scorable: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    #[serde(flatten)]
    pub brief: GroupBrief,
    pub criteria: Vec<Criterion>,
    pub members: Vec<WorkloadBrief>,
    /// Ids of the network rules it is an end of.
    pub policy_rules: Vec<u32>,
    pub response_rules: Vec<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupDetail {
    #[serde(flatten)]
    pub brief: GroupBrief,
    pub criteria: Vec<Criterion>,
    pub members: Vec<WorkloadBrief>,
    pub policy_rules: Vec<PolicyRule>,
    pub response_rules: Vec<u32>,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct GroupConfig {
    pub name: String,
    pub comment: Option<String>,
    pub criteria: Option<Vec<Criterion>>,
    pub cfg_type: Option<String>,
    pub monitor_metric: Option<bool>,
    pub group_sess_cur: Option<u32>,
    pub group_sess_rate: Option<u32>,
    pub group_band_width: Option<u32>,
}

envelope! {
    GroupsData { groups: Vec<Group> }
    GroupDetailData { group: GroupDetail }
    GroupConfigData { config: GroupConfig }
}
