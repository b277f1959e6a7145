//! Cluster-wide settings.

use crate::{Baseline, Mode};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Mode of groups that appear from now on.
    pub new_service_policy_mode: Mode,
    pub new_service_profile_mode: Mode,
    pub new_service_baseline: Baseline,
    /// One network mode for every group, overriding their own.
    pub network_mode_override: Option<Mode>,
    pub network_policy_disabled: bool,
    /// Two groups meet: the stricter mode decides instead of the laxer one.
    pub strict_group_mode: bool,
    pub unused_group_aging_hours: u32,
    /// Discover → Monitor and Monitor → Protect after quiet time; 0 is off.
    pub auto_monitor_after_secs: u64,
    pub auto_protect_after_secs: u64,
    /// Refuse what cannot be judged in time (a stopped listener) instead of letting it pass.
    pub fail_closed: bool,
    pub cluster_name: String,
    pub xff_enabled: bool,
    pub event_retention_days: u32,
    pub event_retention_max_records: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            new_service_policy_mode: Mode::Discover,
            new_service_profile_mode: Mode::Discover,
            new_service_baseline: Baseline::Basic,
            network_mode_override: None,
            network_policy_disabled: false,
            strict_group_mode: false,
            unused_group_aging_hours: 24,
            auto_monitor_after_secs: 0,
            auto_protect_after_secs: 0,
            fail_closed: false,
            cluster_name: "cluster.local".to_owned(),
            xff_enabled: true,
            event_retention_days: 90,
            event_retention_max_records: 10_000_000,
        }
    }
}
