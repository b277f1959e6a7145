//! Kept records: events, incidents, violations, threats and audits.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The header every record has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogHeader {
    pub id: String,
    pub name: String,
    /// `Debug`, `Info`, `Notice`, `Warning`, `Error`, `Critical`, `Alert` or `Emergency`.
    pub level: String,
    /// Seconds since the epoch.
    pub reported_timestamp: i64,
    pub reported_at: String,
    /// Rampart: milliseconds since the epoch.
    pub reported_ms: i64,
    pub cluster_name: String,
    pub response_rule_id: u32,
    pub host_id: String,
    pub host_name: String,
    pub enforcer_id: String,
    pub enforcer_name: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogWorkload {
    pub workload_id: String,
    pub workload_name: String,
    pub workload_domain: String,
    pub workload_image: String,
    pub workload_service: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    #[serde(flatten)]
    pub header: LogHeader,
    #[serde(flatten)]
    pub workload: LogWorkload,
    pub controller_id: String,
    pub controller_name: String,
    pub category: String,
    pub user: String,
    /// Domain to role; the empty domain is the whole cluster.
    pub user_roles: BTreeMap<String, String>,
    pub user_addr: String,
    pub user_session: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rest_method: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rest_request: String,
    /// Secrets are removed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rest_body: String,
}

/// A process or file act against policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    #[serde(flatten)]
    pub header: LogHeader,
    #[serde(flatten)]
    pub workload: LogWorkload,
    pub remote_workload_id: String,
    pub remote_workload_name: String,
    pub remote_workload_domain: String,
    pub remote_workload_image: String,
    pub remote_workload_service: String,
    pub proc_name: String,
    pub proc_path: String,
    pub proc_cmd: String,
    pub proc_real_uid: u32,
    pub proc_effective_uid: u32,
    pub proc_real_user: String,
    pub proc_effective_user: String,
    pub file_path: String,
    pub file_name: Vec<String>,
    pub client_ip: String,
    pub server_ip: String,
    pub client_port: u16,
    pub server_port: u16,
    pub server_conn_port: u16,
    pub ether_type: u16,
    pub ip_proto: u8,
    pub conn_ingress: bool,
    pub proc_parent_name: String,
    pub proc_parent_path: String,
    pub action: String,
    pub group: String,
    pub rule_id: String,
    pub aggregation_from: i64,
    pub count: u32,
    /// Rampart: `allow`, `learn`, `violate` or `deny`.
    pub verdict: String,
    /// Rampart: what stopped it, such as `fanotify`; empty if nothing did.
    pub mechanism: String,
    /// Rampart: what was tried, such as `exec` or `open-write`.
    pub operation: String,
    /// Rampart.
    pub proc_pid: u32,
    /// Rampart.
    pub proc_cwd: String,
    /// Rampart: `proc_cmd` is cut.
    pub proc_cmd_truncated: bool,
    /// Rampart: names of the parents, nearest first.
    pub proc_ancestors: Vec<String>,
}

/// A network conversation against policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Violation {
    #[serde(flatten)]
    pub header: LogHeader,
    pub client_id: String,
    pub client_name: String,
    pub client_domain: String,
    pub client_image: String,
    pub client_service: String,
    pub server_id: String,
    pub server_name: String,
    pub server_domain: String,
    pub server_image: String,
    pub server_service: String,
    pub server_port: u16,
    pub ip_proto: u8,
    pub applications: Vec<String>,
    pub servers: Vec<String>,
    pub sessions: u32,
    pub policy_action: String,
    pub policy_id: u32,
    pub client_ip: String,
    pub server_ip: String,
    pub fqdn: String,
    pub xff: bool,
    pub bytes: u64,
    /// Rampart.
    pub client_port: u16,
    /// Rampart.
    pub client_group: String,
    /// Rampart.
    pub server_group: String,
    /// Rampart: what stopped it, such as `cgroup-sock`; empty if nothing did.
    pub mechanism: String,
    /// Rampart: the process that connected, when known.
    pub proc_name: String,
    /// Rampart.
    pub proc_path: String,
    /// Rampart.
    pub proc_cmd: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Threat {
    #[serde(flatten)]
    pub header: LogHeader,
    pub threat_id: u32,
    pub client_workload_id: String,
    pub client_workload_name: String,
    pub client_workload_domain: String,
    pub client_workload_image: String,
    pub client_workload_service: String,
    pub server_workload_id: String,
    pub server_workload_name: String,
    pub server_workload_domain: String,
    pub server_workload_image: String,
    pub server_workload_service: String,
    pub severity: String,
    pub action: String,
    pub count: u32,
    pub ether_type: u16,
    pub client_port: u16,
    pub server_port: u16,
    pub server_conn_port: u16,
    pub icmp_code: u8,
    pub icmp_type: u8,
    pub ip_proto: u8,
    pub client_ip: String,
    pub server_ip: String,
    pub application: String,
    pub sensor: String,
    pub group: String,
    pub target: String,
    pub monitor: bool,
    pub cap_len: u16,
    /// Base64; shown for one threat only.
    pub packet: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    #[serde(flatten)]
    pub header: LogHeader,
    #[serde(flatten)]
    pub workload: LogWorkload,
    pub image: String,
    pub image_id: String,
    pub registry: String,
    pub registry_name: String,
    pub repository: String,
    pub tag: String,
    pub base_os: String,
    pub high_vul_cnt: u32,
    pub medium_vul_cnt: u32,
    pub cvedb_version: String,
    pub user: String,
    pub error: String,
    pub aggregation_from: i64,
    pub count: u32,
    pub items: Vec<String>,
    pub platform: String,
    pub platform_version: String,
}

/// Rampart: where the next page begins, and how many records there are in all, if asked for with
/// `total=true`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogMore {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Goes into `cursor=` of the next request; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

macro_rules! pages {
    ($($name:ident { $key:ident : $ty:ty })+) => {$(
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
        pub struct $name {
            pub $key: Vec<$ty>,
            #[serde(flatten)]
            pub more: LogMore,
        }
    )+};
}

pages! {
    EventsData { events: Event }
    IncidentsData { incidents: Incident }
    ViolationsData { violations: Violation }
    ThreatsData { threats: Threat }
    AuditsData { audits: Audit }
}

/// Incidents, threats and violations of one page of all three, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SecurityData {
    pub threats: Vec<Threat>,
    pub incidents: Vec<Incident>,
    pub violations: Vec<Violation>,
    #[serde(flatten)]
    pub more: LogMore,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ViolationWorkload {
    pub workload: super::workload::WorkloadBrief,
    pub count: u64,
}

/// Rampart: how many records of a kind and level began in one bucket of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistogramBar {
    /// Start of the bucket, seconds since the epoch.
    pub timestamp: i64,
    /// `event`, `incident`, `violation`, `threat` or `audit`.
    pub kind: String,
    pub level: String,
    pub count: u64,
}

super::envelope! {
    ThreatData { threat: Threat }
    IncidentData { incident: Incident }
    ViolationData { violation: Violation }
    ViolationWorkloadsData { violation_workloads: Vec<ViolationWorkload> }
    HistogramData { bucket: u32, bars: Vec<HistogramBar> }
}
