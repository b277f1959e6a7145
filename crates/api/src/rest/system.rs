//! The cluster at a glance.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemSummary {
    pub hosts: u32,
    pub controllers: u32,
    pub enforcers: u32,
    pub disconnected_enforcers: u32,
    pub domains: u32,
    pub workloads: u32,
    pub running_workloads: u32,
    pub running_pods: u32,
    pub services: u32,
    pub policy_rules: u32,
    pub scanners: u32,
    pub platform: String,
    pub kube_version: String,
    pub openshift_version: String,
    /// A number in text; `0.000` while there is no vulnerability database.
    pub cvedb_version: String,
    pub cvedb_create_time: String,
    pub component_versions: Vec<String>,
    /// Rampart.
    pub groups: u32,
    /// Rampart: services by network mode.
    pub discover_services: u32,
    pub monitor_services: u32,
    pub protect_services: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpgradeInfo {
    pub version: String,
    pub release_date: String,
    pub tag: String,
}

/// Rampart sends nothing anywhere; the fields are there because clients read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TelemetryStatus {
    pub telemetry_url: String,
    pub current_version: String,
    pub telemetry_freq: u32,
    pub last_telemetry_upload_time: String,
    pub min_upgrade_version: UpgradeInfo,
    pub max_upgrade_version: UpgradeInfo,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemUsage {
    pub reported_at: String,
    pub reported_timestamp: i64,
    pub platform: String,
    pub hosts: u32,
    pub cores: u32,
    pub cvedb_version: String,
    pub domains: u32,
    pub running_pods: u32,
    pub running_containers: u32,
    pub registries: u32,
    pub policy_rules: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemAlert {
    pub id: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemAlertGroup {
    #[serde(rename = "type")]
    pub kind: String,
    pub data: Vec<SystemAlert>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptableAlerts {
    /// Lost events, nodes that are gone, weak tiers.
    pub other_alerts: SystemAlertGroup,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unquarantine {
    /// Group whose members are released; absent is every quarantined workload.
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub response_rule: Option<u32>,
}

/// Body of `POST /v1/system/request`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SystemRequest {
    /// Both modes of every service.
    pub policy_mode: Option<String>,
    pub profile_mode: Option<String>,
    pub baseline_profile: Option<String>,
    pub unquarantine: Option<Unquarantine>,
}

envelope! {
    SystemSummaryData { summary: SystemSummary }
    SystemUsageData { usage: Vec<SystemUsage>, telemetry_status: TelemetryStatus }
    SystemAlertsData { acceptable_alerts: AcceptableAlerts, accepted_alerts: Vec<String> }
    SystemRequestData { request: SystemRequest }
}
