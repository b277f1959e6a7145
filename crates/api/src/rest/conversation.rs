//! The network map.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A point of the map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationEndpoint {
    /// `container`, `node_ip`, `workload_ip`, `external`, `address` or `ip_service`.
    pub kind: String,
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub domain: String,
    pub state: String,
    pub service: String,
    pub service_group: String,
    pub policy_mode: String,
    pub platform_role: String,
    pub service_mesh: bool,
    pub service_mesh_sidecar: bool,
    pub applications: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationReportEntry {
    pub bytes: u64,
    pub sessions: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub port: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub application: String,
    pub policy_action: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server_ip: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fqdn: String,
}

/// Traffic of one pair of points.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationReport {
    pub bytes: u64,
    pub sessions: u64,
    /// Of the worst threat seen, or empty.
    pub severity: String,
    /// The worst verdict: `allow`, `learn`, `violate` or `deny`.
    pub policy_action: String,
    pub protocols: Vec<String>,
    pub applications: Vec<String>,
    /// Such as `tcp/80`.
    pub ports: Vec<String>,
    pub sidecar_proxy: bool,
    pub event_type: Vec<String>,
    pub xff_entry: bool,
    pub entries: Vec<ConversationReportEntry>,
    /// Crosses a namespace boundary.
    pub nbe: bool,
    /// Rampart: RFC 3339.
    pub last_seen_at: String,
}

/// Ends by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    pub from: String,
    pub to: String,
    #[serde(flatten)]
    pub report: ConversationReport,
}

/// Ends in full: with `verbose=true`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationVerbose {
    pub from: ConversationEndpoint,
    pub to: ConversationEndpoint,
    #[serde(flatten)]
    pub report: ConversationReport,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationEntry {
    pub bytes: u64,
    pub sessions: u64,
    pub port: String,
    pub mapped_port: String,
    pub application: String,
    #[serde(rename = "Server")]
    pub server: String,
    pub threat_name: String,
    pub severity: String,
    pub policy_action: String,
    /// 0: no rule, the implicit end of the list.
    pub policy_id: u32,
    pub last_seen_at: String,
    pub client_ip: String,
    pub server_ip: String,
    pub fqdn: String,
    pub xff: bool,
    pub to_sidecar: bool,
    pub nbe: bool,
    /// Rampart: the process behind it, when known.
    pub process: String,
    /// Rampart: how it was stopped, or empty.
    pub mechanism: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationDetail {
    pub from: ConversationEndpoint,
    pub to: ConversationEndpoint,
    pub bytes: u64,
    pub sessions: u64,
    pub severity: String,
    pub policy_action: String,
    pub protocols: Vec<String>,
    pub applications: Vec<String>,
    pub ports: Vec<String>,
    pub entries: Vec<ConversationEntry>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ConversationEndpointConfig {
    pub id: String,
    /// An alias; empty gives the original name back.
    pub display_name: Option<String>,
}

envelope! {
    ConversationsData {
        endpoints: Vec<ConversationEndpoint>,
        conversations: Vec<Conversation>,
    }
    ConversationDetailData { conversation: ConversationDetail }
    ConversationEndpointsData { endpoints: Vec<ConversationEndpoint> }
    ConversationEndpointConfigData { config: ConversationEndpointConfig }
}
