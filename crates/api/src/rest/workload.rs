//! Containers, flat (v1) and nested (v2).

use super::envelope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IpAddress {
    pub ip: String,
    pub ip_prefix: u8,
    pub gateway: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadPort {
    pub ip_proto: u8,
    pub port: u16,
    pub host_ip: String,
    pub host_port: u16,
}

/// The last vulnerability scan of something; an empty status is "not scanned".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanBrief {
    pub status: String,
    pub critical: u32,
    pub high: u32,
    pub medium: u32,
    /// Rampart.
    pub low: u32,
    /// Rampart: of all that count, how many have a fix, are known to be exploited, are in use.
    pub fixable: u32,
    pub exploited: u32,
    pub in_use: u32,
    /// Rampart: left out of the counts: accepted by a profile, VEX or an ignore file.
    pub accepted: u32,
    pub result: String,
    pub scanned_timestamp: i64,
    pub scanned_at: String,
    pub base_os: String,
    pub scanner_version: String,
    pub cvedb_create_time: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadBrief {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub pod_name: String,
    pub host_name: String,
    pub host_id: String,
    pub image: String,
    pub image_id: String,
    pub image_digest: Vec<String>,
    pub image_created_at: String,
    pub image_reg_scanned: bool,
    /// `core`, `addon` or empty.
    pub platform_role: String,
    pub domain: String,
    /// `discover`, `monitor`, `protect`, `quarantined`, `exit` or `unmanaged`.
    pub state: String,
    /// Service and domain, such as `web.shop`.
    pub service: String,
    pub author: String,
    /// The learned group, such as `nv.web.shop`.
    pub service_group: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub share_ns_with: String,
    pub cap_sniff: bool,
    pub cap_quarantine: bool,
    pub cap_change_mode: bool,
    pub policy_mode: String,
    pub profile_mode: String,
    pub baseline_profile: String,
    pub scan_summary: Option<ScanBrief>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub quarantine_reason: String,
    pub service_mesh: bool,
    pub service_mesh_sidecar: bool,
    pub privileged: bool,
    pub run_as_root: bool,
    /// Containers that share this one's network.
    #[schema(no_recursion)]
    pub children: Vec<WorkloadBrief>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workload {
    #[serde(flatten)]
    pub brief: WorkloadBrief,
    pub enforcer_id: String,
    pub enforcer_name: String,
    pub network_mode: String,
    pub created_at: String,
    pub started_at: String,
    pub finished_at: String,
    pub running: bool,
    /// When its policy was in force in the kernel; empty until then.
    pub secured_at: String,
    pub exit_code: i32,
    pub interfaces: BTreeMap<String, Vec<IpAddress>>,
    pub ports: Vec<WorkloadPort>,
    pub labels: BTreeMap<String, String>,
    pub applications: Vec<String>,
    pub memory_limit: u64,
    pub cpus: String,
    pub service_account: String,
    /// Rampart: what runs it, such as `containerd`.
    pub runtime: String,
    /// Rampart: first process, in the host's numbering; 0 once stopped.
    pub pid: u32,
    /// Rampart.
    pub mounts: Vec<WorkloadMount>,
}

/// Rampart: a folder of the host or a volume, seen inside the container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadMount {
    pub source: String,
    pub destination: String,
    pub read_only: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadDetail {
    #[serde(flatten)]
    pub workload: Workload,
    /// Every group it is a member of.
    pub groups: Vec<String>,
    /// Port to application, such as `tcp/80` to `HTTP`.
    pub app_ports: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadBriefV2 {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub host_name: String,
    pub host_id: String,
    pub image: String,
    pub image_id: String,
    pub image_digest: Vec<String>,
    pub image_created_at: String,
    pub image_reg_scanned: bool,
    pub domain: String,
    pub state: String,
    pub service: String,
    pub author: String,
    pub service_group: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadSecurityV2 {
    pub cap_sniff: bool,
    pub cap_quarantine: bool,
    pub cap_change_mode: bool,
    pub service_mesh: bool,
    pub service_mesh_sidecar: bool,
    pub policy_mode: String,
    pub profile_mode: String,
    pub baseline_profile: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub quarantine_reason: String,
    pub scan_summary: Option<ScanBrief>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadRuntimeV2 {
    pub pod_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub share_ns_with: String,
    pub privileged: bool,
    pub run_as_root: bool,
    pub labels: BTreeMap<String, String>,
    pub memory_limit: u64,
    pub cpus: String,
    pub service_account: String,
    pub network_mode: String,
    pub interfaces: BTreeMap<String, Vec<IpAddress>>,
    pub ports: Vec<WorkloadPort>,
    pub applications: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadV2 {
    pub brief: WorkloadBriefV2,
    pub security: WorkloadSecurityV2,
    pub rt_attributes: WorkloadRuntimeV2,
    #[schema(no_recursion)]
    pub children: Vec<WorkloadV2>,
    pub enforcer_id: String,
    pub enforcer_name: String,
    pub platform_role: String,
    pub created_at: String,
    pub started_at: String,
    pub finished_at: String,
    pub running: bool,
    pub secured_at: String,
    pub exit_code: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadMiscV2 {
    pub groups: Vec<String>,
    pub app_ports: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadDetailV2 {
    #[serde(flatten)]
    pub workload: WorkloadV2,
    pub misc: WorkloadMiscV2,
}

/// How a container's traffic is handled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadConfig {
    pub wire: String,
    pub quarantine: bool,
    #[serde(default)]
    pub quarantine_reason: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct WorkloadConfigPatch {
    pub wire: Option<String>,
    pub quarantine: Option<bool>,
    pub quarantine_reason: Option<String>,
}

/// Body of `POST /v2/workload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadIds {
    pub ids: Vec<String>,
}

envelope! {
    WorkloadsData { workloads: Vec<Workload> }
    WorkloadDetailData { workload: WorkloadDetail }
    WorkloadsDataV2 { workloads: Vec<WorkloadV2> }
    WorkloadDetailDataV2 { workload: WorkloadDetailV2 }
    WorkloadConfigData { config: WorkloadConfig }
    WorkloadConfigPatchData { config: WorkloadConfigPatch }
}
