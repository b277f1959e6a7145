//! Work for scanners: the queue's jobs, what a scanner is told and tells, and what is kept of a
//! scan for lists and counts.
//!
//! A job is leased to one scanner at a time. Whoever holds the lease may report; a lease that ran
//! out lets another scanner take the job, and the first one's report is refused from then on.

use crate::{
    NodeId, Severity, Timestamp, WorkloadId,
    mode::names,
    registry::{RegistryAuth, RegistryImage, RegistryKind},
    scan::{DatabaseInfo, ScanReport},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Where a registry is and how to sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistryAccess {
    pub kind: RegistryKind,
    pub url: String,
    pub auth: RegistryAuth,
    pub ignore_proxy: bool,
}

/// What is to be scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "snake_case")]
pub enum JobTarget {
    /// Find out which images a configured registry holds.
    Listing {
        registry: String,
    },
    /// An image of a configured registry, by digest.
    Image {
        registry: String,
        image: RegistryImage,
    },
    /// An image somebody asks for, with their own way to sign in.
    Repository(Box<RepositoryRequest>),
    Workload {
        workload: WorkloadId,
        node: NodeId,
    },
    Host {
        node: NodeId,
    },
    /// The orchestrator itself, by name and version.
    Platform {
        name: String,
        version: String,
    },
}

/// `POST /v1/scan/repository`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepositoryRequest {
    pub access: RegistryAccess,
    pub repository: String,
    pub tag: String,
    pub base_image: String,
    pub scan_layers: bool,
    /// Equal requests are one job; it is a digest of the request.
    pub id: String,
}

impl JobTarget {
    /// One job for one thing: the name a job is queued under.
    pub fn key(&self) -> String {
        match self {
            Self::Listing { registry } => format!("listing/{registry}"),
            Self::Image { image, .. } => format!("image/{}", image.digest),
            Self::Repository(request) => format!("repository/{}", request.id),
            Self::Workload { workload, .. } => format!("workload/{workload}"),
            Self::Host { node } => format!("host/{node}"),
            Self::Platform { .. } => "platform/platform".to_owned(),
        }
    }

    pub fn kind(&self) -> ScanKind {
        match self {
            Self::Listing { .. } | Self::Image { .. } => ScanKind::Image,
            Self::Repository(_) => ScanKind::Repository,
            Self::Workload { .. } => ScanKind::Workload,
            Self::Host { .. } => ScanKind::Host,
            Self::Platform { .. } => ScanKind::Platform,
        }
    }

    /// The node that alone can do it.
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Workload { node, .. } | Self::Host { node } => Some(node),
            _ => None,
        }
    }
}

/// What a result is of.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ScanKind {
    #[default]
    Image,
    /// An image somebody asked for by name.
    Repository,
    Workload,
    Host,
    Platform,
}

names!(ScanKind {
    Image = "image",
    Repository = "repository",
    Workload = "workload",
    Host = "host",
    Platform = "platform",
});

/// Who is served first; higher first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Matching again what was read before.
    Rematch,
    #[default]
    Routine,
    /// New workloads.
    Runtime,
    /// Somebody waits.
    Asked,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Made anew each time the job is taken.
    pub id: String,
    pub scanner: String,
    /// Of that scanner, the process: what an earlier one left is free at once.
    pub session: String,
    pub until: Timestamp,
}

/// One entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanJob {
    pub id: String,
    pub target: JobTarget,
    /// Packages are known from the last scan: only match them with the newer database.
    #[serde(default)]
    pub rematch: bool,
    #[serde(default)]
    pub priority: Priority,
    /// Times it was taken.
    #[serde(default)]
    pub attempts: u32,
    pub queued_at: Timestamp,
    /// Not taken before: the pause after a failure.
    #[serde(default)]
    pub not_before: Timestamp,
    #[serde(default)]
    pub lease: Option<Lease>,
    /// What went wrong last.
    #[serde(default)]
    pub error: String,
}

/// What a scanner says of itself each time it asks for work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScannerInfo {
    pub id: String,
    pub name: String,
    pub version: String,
    /// The node it runs on, whose containers and file system it can read; empty if none.
    pub node: NodeId,
    pub database: Option<DatabaseInfo>,
    /// Why there is no database, or what is wrong with it.
    pub database_error: String,
    /// Made anew each time its process starts.
    pub session: String,
    /// Jobs it works on at a time.
    pub capacity: u32,
    pub cache: CacheStat,
    /// Filled in by the controller.
    pub joined_at: Timestamp,
    pub last_seen: Timestamp,
    /// Results by kind, since it joined.
    pub scanned: BTreeMap<ScanKind, u64>,
    pub failed: u64,
}

/// The layer cache of a scanner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CacheStat {
    pub records: u64,
    pub size_bytes: u64,
    pub hits: u64,
    pub misses: u64,
    /// The newest of them.
    pub layers: Vec<CacheRecord>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CacheRecord {
    pub layer: String,
    pub size_bytes: u64,
    pub references: u32,
    pub last_used: Timestamp,
}

/// Work handed out, with all a scanner needs to do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Names the lease in what follows.
    pub lease: String,
    pub order: Order,
    /// The lease ends then unless it is renewed.
    pub lease_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    /// Which images does it hold?
    List {
        access: RegistryAccess,
        filters: Vec<String>,
        repo_limit: u32,
        tag_limit: u32,
    },
    /// Can one sign in, and what would be scanned? Steps are told as they happen.
    Test {
        access: RegistryAccess,
        filters: Vec<String>,
    },
    Image {
        access: RegistryAccess,
        image: RegistryImage,
        scan_layers: bool,
    },
    /// A running container of the scanner's node.
    Workload {
        workload: WorkloadId,
        /// First process, in the host's numbering, and where it must be: pids are used again.
        pid: u32,
        cgroup_path: String,
        image: String,
        image_digest: String,
        /// Files it was seen executing.
        executed: Vec<String>,
    },
    Host {
        node: NodeId,
        executed: Vec<String>,
    },
    Platform {
        name: String,
        version: String,
    },
    /// Match these packages again.
    Rematch {
        previous: Box<ScanReport>,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "body", rename_all = "snake_case")]
pub enum Outcome {
    Report(Box<ScanReport>),
    Listing(Listed),
    Tested(Vec<TestStep>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listed {
    pub images: Vec<RegistryImage>,
    /// What could not be listed, though the rest could.
    pub problems: Vec<String>,
}

/// A step of trying a registry out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestStep {
    /// `message`, `response`, `images` or `error`.
    pub kind: String,
    pub text: String,
}

/// Why a scanner could not do it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanFailure {
    /// For an operator: what failed and what to do.
    pub reason: String,
    /// The same may work later.
    pub retry: bool,
}

/// How the last scan of something went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanStatus {
    #[default]
    Finished,
    Failed,
    /// Nothing in it can be matched: an unknown distribution and no packages.
    Unsupported,
}

names!(ScanStatus {
    Finished = "finished",
    Failed = "failed",
    Unsupported = "unsupported",
});

/// What is kept of a scan beside the whole report: enough for lists, counts and search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanSummary {
    /// The job it came of: a report that comes twice is known by it.
    pub job: String,
    pub kind: ScanKind,
    pub status: ScanStatus,
    /// Why it failed.
    pub error: String,
    /// As people call it: `registry/repository:tag`, a container's or a node's name.
    pub name: String,
    pub registry: String,
    pub repository: String,
    pub tag: String,
    /// The digest it was asked for by, that of the platform's manifest, and the image id.
    pub asked_digest: String,
    pub digest: String,
    pub image_id: String,
    pub size_bytes: u64,
    pub author: String,
    pub created_at: String,
    pub run_as_root: bool,
    pub env: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub layers: Vec<String>,
    pub base_os: String,
    pub base_os_end_of_life: bool,
    pub packages: u32,
    pub secrets: u32,
    pub privileged: u32,
    pub config_issues: u32,
    pub problems: u32,
    pub findings: Vec<Finding>,
    pub database: Option<DatabaseInfo>,
    pub scanner: String,
    pub scanner_version: String,
    pub scanned_at: Timestamp,
    pub duration_ms: i64,
    /// Name of the stored report; empty if there is none.
    pub artifact: String,
}

/// A vulnerability in a list. Names are short: a host has thousands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    #[serde(rename = "i")]
    pub id: String,
    #[serde(rename = "p")]
    pub package: String,
    #[serde(rename = "v")]
    pub version: String,
    /// The first version without it; empty if there is none.
    #[serde(rename = "f", default, skip_serializing_if = "String::is_empty")]
    pub fixed: String,
    #[serde(rename = "s")]
    pub severity: Severity,
    /// CVSS times ten: version 3 or 4, and version 2; 0 is none.
    #[serde(rename = "c", default)]
    pub score_tenths: u8,
    #[serde(rename = "d", default)]
    pub score_v2_tenths: u8,
    /// Known to be exploited.
    #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
    pub exploited: bool,
    #[serde(rename = "e", default)]
    pub epss_ppm: u32,
    /// Seconds since the epoch; 0 is not known.
    #[serde(rename = "t", default)]
    pub published_secs: i64,
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    pub in_use: bool,
    /// The report itself says it does not count: VEX, an ignore file.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub suppressed: bool,
}

/// Which findings are accepted, until when and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VulnerabilityProfile {
    pub name: String,
    pub entries: Vec<AcceptedVulnerability>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AcceptedVulnerability {
    pub id: u32,
    /// A CVE, or one of [`Self::RECENT`] and [`Self::RECENT_WITHOUT_FIX`].
    pub name: String,
    pub comment: String,
    /// For the two special names: published at most so many days ago.
    pub days: u32,
    /// Where it holds: domains and images, with `*`; empty is everywhere.
    pub domains: Vec<String>,
    pub images: Vec<String>,
    /// It counts again from then on; unknown is never.
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    pub created_by: String,
}

impl AcceptedVulnerability {
    pub const RECENT: &'static str = "_RecentVuln";
    pub const RECENT_WITHOUT_FIX: &'static str = "_RecentVulnWithoutFix";
}

/// What is scanned without being asked for, and how many scanners there may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanConfig {
    pub auto_workloads: bool,
    pub auto_hosts: bool,
    pub autoscale: Autoscale,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Autoscale {
    pub strategy: ScaleStrategy,
    pub min: u32,
    pub max: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleStrategy {
    #[default]
    Off,
    /// Up as soon as there is more to do than scanners can begin.
    Immediate,
    /// Up when it has been so for a while.
    Delayed,
}

names!(ScaleStrategy { Off = "", Immediate = "immediate", Delayed = "delayed" });

// --- the link between controller and scanner ---

/// A scanner asks for work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TakeRequest {
    pub scanner: ScannerInfo,
    /// How long to wait for some.
    pub wait_ms: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    pub work: Option<Work>,
}

/// A scanner reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    pub scanner: String,
    pub outcome: Outcome,
}

/// A scanner gives up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GaveUp {
    pub scanner: String,
    pub failure: ScanFailure,
}
