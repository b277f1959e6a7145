//! Controllers, enforcers and the hosts they run on.

use super::{
    envelope,
    workload::{IpAddress, ScanBrief},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Rampart: one thing a node can prevent, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capability {
    /// `exec`, `file-write`, `drift`, `connect`, `packet`, `setuid`, …
    pub name: String,
    /// `bpf-lsm`, `fanotify`, `kill-at-exec`, `cgroup-sock`, `cgroup-skb`, `kill` or empty.
    pub mechanism: String,
    /// `deny`, `kill`, `detect` or `none`.
    pub strength: String,
    /// Why it is not stronger, and what to do about it.
    pub note: String,
}

/// Rampart: what a node enforces with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Protection {
    /// `none`, `detect`, `fanotify` or `bpf-lsm`.
    pub tier: String,
    pub capabilities: Vec<Capability>,
    /// Why the tier is not higher and what is left out.
    pub reasons: Vec<String>,
    /// Events seen, dropped, denied, … since the enforcer started.
    pub counters: BTreeMap<String, u64>,
}

/// What the enforcer holds right now, asked of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeSummary {
    pub containers: u32,
    pub pids: u32,
    /// Rampart: revision of the policy the enforcer has put in force.
    pub policy_revision: u64,
    /// Rampart: newest revision of the controller.
    pub policy_newest: u64,
    /// Rampart: the two are the same.
    pub policy_in_force: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Enforcer {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub host_name: String,
    pub host_id: String,
    pub version: String,
    pub labels: BTreeMap<String, String>,
    pub domain: String,
    pub pid_mode: String,
    pub network_mode: String,
    pub created_at: String,
    pub started_at: String,
    pub joined_at: String,
    pub memory_limit: u64,
    pub cpus: String,
    pub cluster_ip: String,
    /// `connected` or `disconnected`.
    pub connection_state: String,
    pub disconnected_at: String,
    pub nv_protect: bool,
    #[serde(flatten)]
    pub protection: Protection,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Controller {
    pub id: String,
    pub name: String,
    pub display_name: String,
    pub host_name: String,
    pub host_id: String,
    pub version: String,
    pub labels: BTreeMap<String, String>,
    pub domain: String,
    pub created_at: String,
    pub started_at: String,
    pub joined_at: String,
    pub memory_limit: u64,
    pub cpus: String,
    pub cluster_ip: String,
    pub leader: bool,
    pub connection_state: String,
    pub disconnected_at: String,
    pub orch_conn_status: String,
    pub orch_conn_last_error: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Host {
    pub name: String,
    pub id: String,
    pub runtime: String,
    pub runtime_version: String,
    pub runtime_api_version: String,
    pub platform: String,
    pub os: String,
    pub kernel: String,
    pub cpus: i64,
    /// Bytes.
    pub memory: u64,
    pub cgroup_version: i32,
    pub containers: u32,
    pub interfaces: BTreeMap<String, Vec<IpAddress>>,
    pub state: String,
    pub cap_docker_bench: bool,
    pub cap_kube_bench: bool,
    pub policy_mode: String,
    pub profile_mode: String,
    pub scan_summary: Option<ScanBrief>,
    pub storage_driver: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    pub protection: Protection,
    /// Rampart: `x86_64`, `aarch64`, …
    pub arch: String,
    /// Rampart: when the enforcer there was last heard of.
    pub last_seen_at: String,
}

/// Debugging of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComponentConfig {
    pub debug: Vec<String>,
    pub log_level: String,
}

envelope! {
    EnforcersData { enforcers: Vec<Enforcer> }
    EnforcerData { enforcer: Enforcer }
    ProbeSummaryData { summary: ProbeSummary }
    ControllersData { controllers: Vec<Controller> }
    ControllerData { controller: Controller }
    HostsData { hosts: Vec<Host> }
    HostData { host: Host }
    ComponentConfigData { config: ComponentConfig }
}
