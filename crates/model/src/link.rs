//! What an enforcer and a controller say to each other.
//!
//! Up go reports, acknowledged once stored; down goes the whole policy as one snapshot with a
//! revision, from which the enforcer compiles each workload's rules, so that a container the
//! controller has not heard of yet is judged by the right group from its first exec.

use crate::{
    Act, Conversation, DetectionRule, Endpoint, FileBehavior, Group, GroupName, LogRecord,
    NetworkRule, Node, NodeStats, ProcessInfo, Timestamp, Workload, WorkloadId, settings::Settings,
};
use serde::{Deserialize, Serialize};

/// From the enforcer. Order is kept; a batch may come twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "report", content = "body", rename_all = "snake_case")]
pub enum Report {
    /// First report of a connection; repeated when something about the node changes.
    Node(Box<Node>),
    Stats(NodeStats),
    /// Every detection rule that is loaded; after `Node`, on each connection.
    DetectionRules(Vec<DetectionRule>),
    /// Seen for the first time, or changed.
    Workload(Box<Workload>),
    Stopped {
        workload: WorkloadId,
        at: Timestamp,
        exit_code: i32,
    },
    /// Every workload that runs; those of this node that are not listed have stopped.
    Inventory(Vec<WorkloadId>),
    LearnedProcess {
        group: GroupName,
        name: String,
        path: String,
        user: String,
    },
    LearnedFile {
        group: GroupName,
        filter: String,
        behavior: FileBehavior,
        application: String,
    },
    LearnedAct {
        group: GroupName,
        act: Act,
    },
    Conversations(Vec<Conversation>),
    Record(Box<LogRecord>),
}

/// To the enforcer: all it needs to decide alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicySnapshot {
    /// Grows with every change.
    pub revision: u64,
    pub groups: Vec<Group>,
    /// In the order they are matched.
    pub rules: Vec<NetworkRule>,
    pub endpoints: Vec<Endpoint>,
    /// Workloads cut off from the network.
    pub quarantined: Vec<WorkloadId>,
    pub settings: Settings,
}

/// Asked of an enforcer, answered at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    Processes(WorkloadId),
    /// Processes that have ended, newest first.
    ProcessHistory(WorkloadId),
    Stats,
    ProbeSummary,
    /// Files the container was seen executing or mapping as programs; the host's for the empty id.
    Executed(WorkloadId),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Processes(Vec<ProcessInfo>),
    Stats(NodeStats),
    ProbeSummary(ProbeSummary),
    /// Paths inside the container, each once.
    Executed(Vec<String>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProbeSummary {
    pub containers: u32,
    pub processes: u32,
    pub policy_revision: u64,
}
