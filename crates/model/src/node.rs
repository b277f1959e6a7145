//! A node: its machine, what it can enforce, and its counters.

use crate::{DetectionStats, NodeId, Timestamp, mode::names};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    pub id: NodeId,
    pub name: String,
    pub os: String,
    pub kernel: String,
    pub arch: String,
    pub runtime: String,
    pub runtime_version: String,
    pub cpus: u32,
    pub memory_bytes: u64,
    pub interfaces: BTreeMap<String, Vec<crate::workload::InterfaceAddress>>,
    pub version: String,
    pub started_at: Timestamp,
    pub joined_at: Timestamp,
    pub last_seen: Timestamp,
    pub tier: Tier,
    /// What each rule kind is enforced with here, and what is missing.
    pub capabilities: Vec<Capability>,
    /// Why the tier is not higher and what is left out, one sentence each.
    pub reasons: Vec<String>,
}

/// How strong prevention is on a node; chosen by trying, never downgraded silently.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Nothing can be seen or stopped: no privilege, no BTF.
    #[default]
    None,
    /// Events, and kill after the fact.
    Detect,
    /// fanotify permission events, cgroup programs, kill before the first instruction.
    Fanotify,
    /// BPF-LSM: every hook answers with an error code.
    Lsm,
}

names!(Tier { None = "none", Detect = "detect", Fanotify = "fanotify", Lsm = "bpf-lsm" });

/// What stopped an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// BPF-LSM hook returned EPERM.
    Lsm,
    /// fanotify permission event answered with deny.
    Fanotify,
    /// Signal from the exec tracepoint, before the first instruction.
    KillAtExec,
    /// cgroup sock_addr program refused connect or sendmsg.
    CgroupSock,
    /// cgroup skb program dropped the packet.
    CgroupSkb,
    /// Killed after the fact.
    Kill,
}

names!(Mechanism {
    Lsm = "bpf-lsm",
    Fanotify = "fanotify",
    KillAtExec = "kill-at-exec",
    CgroupSock = "cgroup-sock",
    CgroupSkb = "cgroup-skb",
    Kill = "kill",
});

/// One ability of a node, for the console's node page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capability {
    /// `exec`, `file-write`, `drift`, `connect`, `packet`, `setuid`, …
    pub name: String,
    pub mechanism: Option<Mechanism>,
    /// `deny` (the caller gets an error), `kill`, `detect` or `none`.
    pub strength: String,
    /// Why it is not stronger, in words an operator can act on.
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    EventsReceived,
    /// Lost in the kernel because the ring was full.
    EventsDropped,
    /// Lost from the reserved ring for critical events.
    CriticalDropped,
    ExecsJudged,
    ExecsDenied,
    FilesJudged,
    FilesDenied,
    /// Mounts, traces, sockets, changes of ids and other acts an LSM program refused.
    ActsDenied,
    ConnectsDenied,
    PacketsDropped,
    KilledAtExec,
    /// Permission events, and held processes, let through because nobody answered in time.
    FailedOpen,
    /// Permission events, and held processes, refused because nobody answered in time.
    FailedClosed,
    /// Times the listener of permission events was found stopped or hung.
    ListenerStops,
    /// Permission events the watchdog answered in the listener's place, by the fail mode.
    WatchdogAnswers,
    /// Times a queue of file events overflowed, or an event of it could not be read.
    QueueOverflows,
    /// Processes held at their first exec.
    Held,
    /// Times a kernel program did not run because it was already running on that CPU.
    ProgramsMissed,
    /// Reports waiting for the controller.
    Spooled,
}

names!(Counter {
    EventsReceived = "events_received",
    EventsDropped = "events_dropped",
    CriticalDropped = "critical_dropped",
    ExecsJudged = "execs_judged",
    ExecsDenied = "execs_denied",
    FilesJudged = "files_judged",
    FilesDenied = "files_denied",
    ActsDenied = "acts_denied",
    ConnectsDenied = "connects_denied",
    PacketsDropped = "packets_dropped",
    KilledAtExec = "killed_at_exec",
    FailedOpen = "failed_open",
    FailedClosed = "failed_closed",
    ListenerStops = "listener_stops",
    WatchdogAnswers = "watchdog_answers",
    QueueOverflows = "queue_overflows",
    Held = "held",
    ProgramsMissed = "programs_missed",
    Spooled = "spooled",
});

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeStats {
    pub at: Timestamp,
    /// Share of one core used by Rampart on the node, 0 to 1 per core.
    pub cpu: f64,
    pub memory_bytes: u64,
    pub workloads: u32,
    pub processes: u32,
    /// By [`Counter::name`].
    pub counters: BTreeMap<String, u64>,
    pub detection: DetectionStats,
}
