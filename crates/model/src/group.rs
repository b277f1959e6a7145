//! Policy groups and process profiles.

use crate::{
    Baseline, ConfigSource, FileRule, GroupName, Mode, ProcessRule, Timestamp, mode::names,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// A set of workloads (or addresses) that share a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    pub name: GroupName,
    pub comment: String,
    pub kind: GroupKind,
    pub source: ConfigSource,
    /// `external`, `nodes`, `containers` and their like: cannot be changed or deleted.
    pub reserved: bool,
    /// Domain of a learned group.
    pub domain: String,
    /// All must hold for membership, except that criteria of the same key are alternatives
    /// when positive (`=`, `contains`, `prefix`, `regex`).
    pub criteria: Vec<Criterion>,
    /// Network mode; `None` for groups without one (custom, reserved except `nodes`).
    pub policy_mode: Option<Mode>,
    /// Process and file mode; `None` as above.
    pub profile_mode: Option<Mode>,
    pub profile: ProcessProfile,
    pub files: Vec<FileRule>,
    /// Left out of the security score.
    pub not_scored: bool,
    pub monitor_metric: bool,
    pub session_limit: u32,
    pub session_rate_limit: u32,
    pub bandwidth_limit_mbps: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessProfile {
    pub baseline: Baseline,
    pub hash_enabled: bool,
    /// First match decides; none means "not in the profile".
    pub rules: Vec<ProcessRule>,
    /// Acts of a privileged kind that were seen while the group learned.
    pub acts: BTreeSet<Act>,
}

/// What most workloads never do, so that those that did not may be kept from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// None at all: somebody looked, so that what is not here was not done.
    Watched,
    Mount,
    Ptrace,
    Bpf,
    Module,
    UserNamespace,
    SetUid,
    CapSet,
    /// Code was mapped of files that the image did not ship.
    DriftCode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    #[default]
    Container,
    Address,
    IpService,
    Node,
    External,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// `image`, `node`, `container`, `service`, `address`, `label`, `domain`, `application`,
    /// or any label's name.
    pub key: String,
    pub op: CriterionOp,
    pub value: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriterionOp {
    #[default]
    Equal,
    NotEqual,
    Contains,
    Prefix,
    Regex,
    NotRegex,
}

names!(GroupKind {
    Container = "container",
    Address = "address",
    IpService = "ip_service",
    Node = "node",
    External = "external",
});
names!(CriterionOp {
    Equal = "=",
    NotEqual = "!=",
    Contains = "contains",
    Prefix = "prefix",
    Regex = "regex",
    NotRegex = "!regex",
});

impl Group {
    /// The prefix of learned groups.
    pub const LEARNED_PREFIX: &str = "nv.";
    pub const EXTERNAL: &str = "external";
    pub const NODES: &str = "nodes";
    pub const CONTAINERS: &str = "containers";

    pub fn is_learned(&self) -> bool {
        self.source == ConfigSource::Learned
    }
}
