//! The nouns of Rampart and their invariants.
//!
//! Everything else speaks in these types: engines take them and return verdicts, edges produce
//! them, components carry them. Nothing here does I/O, reads a clock or knows a wire format.
//! They derive serde for one reason only: the store and the agent link persist them as they are
//! (`docs/decisions/20261124-model-serde.md`). The REST API has its own types.

pub mod detection;
pub mod endpoint;
pub mod event;
pub mod file;
pub mod group;
pub mod id;
pub mod link;
pub mod mode;
pub mod network;
pub mod node;
pub mod package;
pub mod process;
pub mod registry;
pub mod response;
pub mod scan;
pub mod scan_job;
pub mod settings;
pub mod time;
pub mod workload;

pub use detection::{DetectionRule, DetectionStats, RuleState};
pub use endpoint::Endpoint;
pub use event::{LogBody, LogKind, LogLevel, LogRecord};
pub use file::{FileBehavior, FileRule};
pub use group::{Act, Criterion, CriterionOp, Group, GroupKind, ProcessProfile};
pub use id::{GroupName, NodeId, RuleId, WorkloadId};
pub use link::{PolicySnapshot, Query, Reply, Report};
pub use mode::{Action, Baseline, ConfigSource, Mode, Verdict};
pub use network::{Conversation, NetworkRule, PortRange, Protocol};
pub use node::{Mechanism, Node, NodeStats, Tier};
pub use package::{Distro, Package, PackageKind};
pub use process::{ProcessInfo, ProcessRule};
pub use registry::{Hidden, Registry, RegistryImage, RegistryKind, ScheduleKind};
pub use response::{Condition, ConditionKind, ResponseAction, ResponseEvent, ResponseRule};
pub use scan::{ScanReport, Severity, Vulnerability};
pub use time::Timestamp;
pub use workload::Workload;
