//! What is kept: one record per thing that happened.

use crate::{
    Action, GroupName, Mechanism, NodeId, Protocol, RuleId, Timestamp, Verdict, WorkloadId,
    mode::names,
};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// A kept record. `uid` is made by whoever saw it first, so that a report sent twice is kept once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    pub uid: String,
    pub at: Timestamp,
    pub level: LogLevel,
    /// NeuVector's event name, such as `Container.Suspicious.Process` or `User.Login`.
    pub name: String,
    pub message: String,
    pub node: NodeId,
    pub node_name: String,
    pub workload: Option<WorkloadRef>,
    pub body: LogBody,
}

/// Enough of a workload to show the record after the workload is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkloadRef {
    pub id: WorkloadId,
    pub name: String,
    pub domain: String,
    pub service: String,
    pub image: String,
    pub group: GroupName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// System and user activity.
    Event,
    Incident,
    Violation,
    Threat,
    Audit,
}

names!(LogKind {
    Event = "event",
    Incident = "incident",
    Violation = "violation",
    Threat = "threat",
    Audit = "audit",
});

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Debug,
    #[default]
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

names!(LogLevel {
    Debug = "Debug",
    Info = "Info",
    Notice = "Notice",
    Warning = "Warning",
    Error = "Error",
    Critical = "Critical",
    Alert = "Alert",
    Emergency = "Emergency",
});

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum LogBody {
    Event(Activity),
    Incident(Box<Incident>),
    Violation(Box<Violation>),
    Threat(Box<Threat>),
    Audit(Audit),
}

impl LogBody {
    pub fn kind(&self) -> LogKind {
        match self {
            Self::Event(_) => LogKind::Event,
            Self::Incident(_) => LogKind::Incident,
            Self::Violation(_) => LogKind::Violation,
            Self::Threat(_) => LogKind::Threat,
            Self::Audit(_) => LogKind::Audit,
        }
    }
}

/// Something the system or a user did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// `Agent`, `Controller`, `User`, `Container`, `Group`, `Rule`, …
    pub category: String,
    pub user: String,
    pub user_roles: Vec<String>,
    pub user_addr: String,
    pub user_session: String,
    pub rest_method: String,
    pub rest_request: String,
    /// Body of the request with secrets removed.
    pub rest_body: String,
}

/// A process or file act against policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Incident {
    pub group: GroupName,
    /// UUID of the process rule that decided, or of the built-in reason.
    pub rule_id: String,
    /// NeuVector's word: `deny`, `violate` or empty.
    pub action: String,
    pub verdict: Verdict,
    pub mechanism: Option<Mechanism>,
    pub process: Subject,
    pub parent: Subject,
    pub file_path: String,
    /// `open-write`, `rename`, `unlink`, `exec`, `setuid`, … what was tried.
    pub operation: String,
    pub aggregation_from: Timestamp,
    pub count: u32,
    /// Ends of a connection, for reverse shells and the like.
    pub remote: Option<Peer>,
}

/// A process in a record. Strings are as the kernel gave them, lossily UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subject {
    pub pid: u32,
    pub name: String,
    pub path: String,
    pub cmdline: String,
    /// The command line was longer than what is kept.
    pub truncated: bool,
    pub cwd: String,
    pub user: String,
    pub uid: u32,
    pub euid: u32,
    pub tty: bool,
    /// Names of the parents, nearest first.
    pub ancestors: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    pub address: IpAddr,
    pub port: u16,
    pub protocol: Protocol,
    pub local_port: u16,
    pub ingress: bool,
}

/// A network conversation against policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    pub client: End,
    pub server: End,
    pub server_port: u16,
    pub client_port: u16,
    pub protocol: Protocol,
    pub applications: Vec<String>,
    pub sessions: u32,
    pub bytes: u64,
    pub action: Action,
    pub verdict: Verdict,
    pub rule: RuleId,
    pub mechanism: Option<Mechanism>,
    pub process: Option<Subject>,
    pub fqdn: String,
}

/// One end of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Workload id, `external`, `Host:<node>:<ip>`: the id in the network map.
    pub id: String,
    pub name: String,
    pub address: IpAddr,
    pub domain: String,
    pub service: String,
    pub image: String,
    pub group: GroupName,
}

/// Traffic that matched a threat signature or detector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threat {
    pub threat_id: u32,
    pub client: End,
    pub server: End,
    pub server_port: u16,
    pub client_port: u16,
    pub protocol: Protocol,
    pub application: String,
    /// `client` or `server`.
    pub target: String,
    pub severity: LogLevel,
    pub action: String,
    pub count: u32,
    /// Up to 2 KiB of the packet, base64.
    pub packet: String,
}

/// The result of a check: scan, compliance, admission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audit {
    pub items: Vec<String>,
    pub image: String,
    pub registry: String,
    pub critical: u32,
    pub high: u32,
    pub medium: u32,
    pub user: String,
    pub count: u32,
}
