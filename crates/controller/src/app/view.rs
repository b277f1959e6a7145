//! What the read model shows: plain data, ready for any outside format.

use rampart_model::{
    Baseline, ConfigSource, Criterion, DetectionRule, FileRule, Group, GroupName, LogLevel, Mode,
    Node, NodeId, NodeStats, ProcessInfo, ProcessRule, Protocol, RuleId, Timestamp, Verdict,
    Workload, WorkloadId,
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// Who this controller is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControllerInfo {
    pub id: String,
    pub name: String,
    pub version: String,
    pub host_name: String,
    pub cluster_ip: String,
    pub started_at: Timestamp,
}

/// Something changed; listeners read it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// `workload`, `group`, `policy`, `conversation`, `log`, `node` or `system`.
    pub kind: &'static str,
    /// Of the thing, or the kind of record for `log`; empty when many changed.
    pub id: String,
}

/// NeuVector's words for how a workload stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkloadState {
    #[default]
    Discover,
    Monitor,
    Protect,
    Quarantined,
    Exit,
    Unmanaged,
}

impl WorkloadState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Monitor => "monitor",
            Self::Protect => "protect",
            Self::Quarantined => "quarantined",
            Self::Exit => "exit",
            Self::Unmanaged => "unmanaged",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct WorkloadView {
    pub workload: Workload,
    /// Its learned group.
    pub group: GroupName,
    /// Every group it is a member of, the learned one first.
    pub groups: Vec<GroupName>,
    pub policy_mode: Mode,
    pub profile_mode: Mode,
    pub baseline: Baseline,
    pub state: WorkloadState,
    /// Why it is cut off; `None` if it is not.
    pub quarantine: Option<String>,
    pub applications: Vec<String>,
    /// `web.shop`: the learned group without its prefix.
    pub service_name: String,
}

#[derive(Clone, Debug, Default)]
pub struct GroupView {
    pub group: Group,
    /// Running and recently stopped members.
    pub members: Vec<WorkloadId>,
    pub running_members: usize,
    /// Network rules that name the group at either end, in order.
    pub rules: Vec<RuleId>,
    pub applications: Vec<String>,
    pub not_scored: bool,
}

/// A learned group as NeuVector's service endpoints show it.
#[derive(Clone, Debug, Default)]
pub struct ServiceView {
    pub name: String,
    pub domain: String,
    pub group: GroupName,
    pub comment: String,
    pub source: ConfigSource,
    pub policy_mode: Mode,
    pub profile_mode: Mode,
    pub baseline: Baseline,
    pub not_scored: bool,
    pub members: Vec<WorkloadId>,
    pub running_members: usize,
    pub rules: Vec<RuleId>,
    pub applications: Vec<String>,
    /// Conversations with `external` in either direction were seen.
    pub ingress_exposed: bool,
    pub egress_exposed: bool,
}

/// Rules in force for one workload, from all its groups.
#[derive(Clone, Debug, Default)]
pub struct EffectiveProfile {
    pub group: GroupName,
    pub mode: Mode,
    pub baseline: Baseline,
    /// In matching order, each with its group set.
    pub rules: Vec<ProcessRule>,
    pub files: Vec<FileRule>,
}

#[derive(Clone, Debug, Default)]
pub struct NodeView {
    pub node: Node,
    pub stats: NodeStats,
    /// Detection rules loaded there.
    pub rules: Arc<Vec<DetectionRule>>,
    pub connected: bool,
    /// Since when it is not connected; unknown while it is.
    pub lost_at: Timestamp,
    /// Running workloads.
    pub workloads: Vec<WorkloadId>,
    pub pods: usize,
    /// Groups with a running member here, counted by their network mode.
    pub groups_by_mode: BTreeMap<Mode, usize>,
    /// Mode of the group `nodes`.
    pub policy_mode: Mode,
    pub profile_mode: Mode,
}

#[derive(Clone, Debug, Default)]
pub struct DomainView {
    pub name: String,
    pub workloads: usize,
    pub running_workloads: usize,
    pub running_pods: usize,
    pub services: usize,
    pub tags: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub hosts: usize,
    pub controllers: usize,
    pub enforcers: usize,
    pub disconnected_enforcers: usize,
    pub workloads: usize,
    pub running_workloads: usize,
    pub running_pods: usize,
    pub services: usize,
    pub groups: usize,
    pub policy_rules: usize,
    pub domains: usize,
    /// `Docker`, `containerd`, … or `Kubernetes` where pods are seen.
    pub platform: String,
    /// Policy revision last pushed.
    pub policy_revision: u64,
}

// --- the network map ---

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndpointKind {
    #[default]
    Container,
    Host,
    External,
    /// An address group, or an address inside the cluster that nobody claims.
    Address,
}

impl EndpointKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Host => "host",
            Self::External => "external",
            Self::Address => "address",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct MapNode {
    /// Workload id, `external`, or `Host:<node id>`.
    pub id: String,
    pub kind: EndpointKind,
    pub name: String,
    /// What an operator calls it; `name` if they did not say.
    pub display_name: String,
    pub domain: String,
    /// `web.shop`; empty for others than containers.
    pub service: String,
    pub group: GroupName,
    pub state: WorkloadState,
    pub policy_mode: Option<Mode>,
    pub applications: Vec<String>,
    pub node: NodeId,
    pub running: bool,
}

#[derive(Clone, Debug, Default)]
pub struct MapEdge {
    pub from: String,
    pub to: String,
    pub bytes: u64,
    pub sessions: u64,
    pub applications: Vec<String>,
    /// `tcp/80`, …
    pub ports: Vec<String>,
    /// The worst of its entries.
    pub action: Verdict,
    /// Of the worst threat or violation; `None` if there is none.
    pub severity: Option<LogLevel>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub entries: usize,
}

/// One port and application between two ends.
#[derive(Clone, Debug)]
pub struct MapEntry {
    pub application: String,
    pub protocol: Protocol,
    pub port: u16,
    pub mapped_port: u16,
    pub client_ip: IpAddr,
    pub server_ip: IpAddr,
    pub client_port: u16,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub sessions: u64,
    pub verdict: Verdict,
    pub rule: RuleId,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub mechanism: Option<rampart_model::Mechanism>,
    pub process: Option<Box<ProcessInfo>>,
}

impl MapEntry {
    pub fn bytes(&self) -> u64 {
        self.bytes_in.saturating_add(self.bytes_out)
    }
}

#[derive(Clone, Debug, Default)]
pub struct ConversationGraph {
    pub endpoints: Vec<MapNode>,
    pub edges: Vec<MapEdge>,
}

/// Empty fields do not filter. A conversation stays if either end fits.
#[derive(Clone, Debug, Default)]
pub struct ConversationFilter {
    pub group: Option<GroupName>,
    pub domain: Option<String>,
    /// Domains the caller may see; `None` is all.
    pub visible_domains: Option<Vec<String>>,
    pub since: Option<Timestamp>,
    pub verdicts: Vec<Verdict>,
    /// Endpoints that take part in no conversation are left out.
    pub connected_only: bool,
}

// --- changes ---

/// `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct GroupPatch {
    pub comment: Option<String>,
    pub criteria: Option<Vec<Criterion>>,
    pub policy_mode: Option<Mode>,
    pub profile_mode: Option<Mode>,
    pub monitor_metric: Option<bool>,
    pub session_limit: Option<u32>,
    pub session_rate_limit: Option<u32>,
    pub bandwidth_limit_mbps: Option<u32>,
}

#[derive(Clone, Debug, Default)]
pub struct ProfilePatch {
    pub baseline: Option<Baseline>,
    pub mode: Option<Mode>,
    pub hash_enabled: Option<bool>,
    /// Added, or put in place of the rule with the same name, path and user.
    pub change: Vec<ProcessRule>,
    /// Found by name, path and user, or by uuid where one is given.
    pub delete: Vec<ProcessRule>,
}

/// Rules are found by their filter.
#[derive(Clone, Debug, Default)]
pub struct FilePatch {
    pub add: Vec<FileRule>,
    pub update: Vec<FileRule>,
    pub delete: Vec<FileRule>,
}

#[derive(Clone, Debug, Default)]
pub struct ServiceChange {
    pub policy_mode: Option<Mode>,
    pub profile_mode: Option<Mode>,
    pub baseline: Option<Baseline>,
    pub not_scored: Option<bool>,
}

/// A change of the ordered rule list. `after`: `Some(0)` is the head of the user's rules, `None`
/// their tail, another number the rule it comes after.
#[derive(Clone, Debug)]
pub enum RuleEdit {
    /// Rules with id 0 get a free one.
    Insert {
        after: Option<u32>,
        rules: Vec<rampart_model::NetworkRule>,
    },
    Move {
        after: Option<u32>,
        id: RuleId,
    },
    /// The user's and learned rules become these, in this order; an entry with only an id keeps
    /// the rule of that id.
    Replace(Vec<rampart_model::NetworkRule>),
    Delete(Vec<RuleId>),
    Update(Box<rampart_model::NetworkRule>),
}

/// Who did it, for the activity log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    pub user: String,
    pub roles: Vec<String>,
    pub addr: String,
    pub session: String,
}

/// The REST call behind an activity; `body` with secrets removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestCall {
    pub method: String,
    pub path: String,
    pub body: String,
}

/// Shared view lists.
pub type List<T> = Vec<Arc<T>>;

/// The worse of two verdicts; a denial is the worst.
pub(crate) fn worse(a: Verdict, b: Verdict) -> Verdict {
    a.max(b)
}
