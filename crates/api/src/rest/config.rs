//! System settings, flat (v1) and in parts (v2).
//!
//! Settings of what Rampart does not have (syslog, webhooks, proxies, telemetry, IBM SA) are
//! answered with the value that is true, "off", and refused when set to anything else.

use super::envelope;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Proxy {
    pub url: String,
    pub username: String,
    pub password: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScannerAutoscale {
    pub strategy: String,
    pub min_pods: u32,
    pub max_pods: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewService {
    pub new_service_policy_mode: String,
    pub new_service_profile_mode: String,
    pub new_service_profile_baseline: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Syslog {
    pub syslog_ip: String,
    pub syslog_ip_proto: u8,
    pub syslog_port: u16,
    pub syslog_level: String,
    pub syslog_status: bool,
    pub syslog_categories: Vec<String>,
    pub syslog_in_json: bool,
    pub single_cve_per_syslog: bool,
    pub syslog_cve_in_layers: bool,
    pub syslog_server_cert: String,
    pub output_event_to_logs: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuthSettings {
    pub auth_order: Vec<String>,
    pub auth_by_platform: bool,
    pub rancher_ep: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MiscSettings {
    pub configured_internal_subnets: Vec<String>,
    /// Hours after which a learned group without members is deleted; 0 is never.
    pub unused_group_aging: u32,
    pub cluster_name: String,
    pub controller_debug: Vec<String>,
    pub monitor_service_mesh: bool,
    pub xff_enabled: bool,
    pub no_telemetry_report: bool,
    pub allow_ns_user_export_net_policy: bool,
    pub cfg_type: String,
    /// Rampart: refuse what cannot be judged in time instead of letting it pass.
    pub fail_closed: bool,
    /// Rampart.
    pub event_retention_days: u32,
    /// Rampart.
    pub event_retention_max_records: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProxySettings {
    pub registry_http_proxy_status: bool,
    pub registry_https_proxy_status: bool,
    pub registry_http_proxy: Proxy,
    pub registry_https_proxy: Proxy,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IbmSettings {
    pub ibmsa_ep_enabled: bool,
    pub ibmsa_ep_start: u32,
    pub ibmsa_ep_dashboard_url: String,
    pub ibmsa_ep_connected_at: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NetService {
    /// One network mode for all is in force.
    pub net_service_status: bool,
    pub net_service_policy_mode: String,
    pub disable_net_policy: bool,
    pub detect_unmanaged_wl: bool,
    pub strict_group_mode: bool,
}

/// Promotion after quiet time; durations in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModeAuto {
    pub mode_auto_d2m: bool,
    pub mode_auto_d2m_duration: i64,
    pub mode_auto_m2p: bool,
    pub mode_auto_m2p_duration: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TlsSettings {
    pub enable_tls_verification: bool,
    pub cacerts: Vec<String>,
}

/// Everything side by side, as v1 has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemConfig {
    #[serde(flatten)]
    pub new_svc: NewService,
    #[serde(flatten)]
    pub syslog: Syslog,
    #[serde(flatten)]
    pub auth: AuthSettings,
    #[serde(flatten)]
    pub misc: MiscSettings,
    #[serde(flatten)]
    pub proxy: ProxySettings,
    #[serde(flatten)]
    pub ibmsa: IbmSettings,
    #[serde(flatten)]
    pub net_svc: NetService,
    #[serde(flatten)]
    pub mode_auto: ModeAuto,
    pub webhooks: Vec<Value>,
    pub scanner_autoscale: ScannerAutoscale,
    pub enable_tls_verification: bool,
    pub remote_repositories: Vec<Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemConfigV2 {
    pub new_svc: NewService,
    pub syslog: Syslog,
    pub auth: AuthSettings,
    pub misc: MiscSettings,
    pub webhooks: Vec<Value>,
    pub proxy: ProxySettings,
    pub ibmsa: IbmSettings,
    pub net_svc: NetService,
    pub mode_auto: ModeAuto,
    pub scanner_autoscale: ScannerAutoscale,
    pub remote_repositories: Vec<Value>,
    pub tls_cfg: TlsSettings,
}

/// Body of `PATCH /v1/system/config`. Keys are those of the answer; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SystemConfigPatch {
    pub config: Option<serde_json::Map<String, Value>>,
    pub net_config: Option<serde_json::Map<String, Value>>,
    pub atmo_config: Option<serde_json::Map<String, Value>>,
}

/// Body of `PATCH /v2/system/config`: inside `config_v2`, parts named `svc_cfg`, `misc_cfg`, ….
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SystemConfigPatchV2 {
    pub config_v2: Option<serde_json::Map<String, Value>>,
    pub net_config: Option<serde_json::Map<String, Value>>,
    pub atmo_config: Option<serde_json::Map<String, Value>>,
}

envelope! {
    SystemConfigData { config: SystemConfig }
    SystemConfigDataV2 { config: SystemConfigV2 }
}
