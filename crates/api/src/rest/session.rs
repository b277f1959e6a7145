//! Network sessions, as the debug commands of NeuVector's clients list them.

use super::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Sessions of one conversation entry; packets and ages a node does not report are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    pub id: u64,
    pub workload_id: String,
    pub ether_type: u16,
    pub application: String,
    pub client_mac: String,
    pub server_mac: String,
    pub client_ip: String,
    pub server_ip: String,
    pub client_port: u16,
    pub server_port: u16,
    pub ip_proto: u8,
    pub client_pkts: u32,
    pub server_pkts: u32,
    pub client_bytes: u64,
    pub server_bytes: u64,
    pub age: u32,
    /// Seconds since it was last seen.
    pub idle: u32,
    pub life: u32,
    pub ingress: bool,
    pub tap: bool,
    pub mid_stream: bool,
    pub policy_id: u32,
    pub policy_action: String,
    pub xff_ip: String,
    pub xff_app: String,
    pub xff_port: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionSummary {
    pub cur_sessions: u32,
    pub cur_tcp_sessions: u32,
    pub cur_udp_sessions: u32,
    pub cur_icmp_sessions: u32,
    pub cur_ip_sessions: u32,
}

envelope! {
    SessionsData { sessions: Vec<Session> }
    SessionSummaryData { summary: SessionSummary }
}
