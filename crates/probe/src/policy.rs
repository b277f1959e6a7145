//! What the kernel is told about a workload: its identity and its policy.

use crate::{Direction, FileId};
use rampart_model::{Mode, Protocol, Verdict};
use std::net::IpAddr;
use std::path::PathBuf;

/// Gives a container's cgroup a label. The label is chosen by the caller, never 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    pub label: u32,
    /// Inode of the cgroup v2 folder; 0 when the container has none of its own.
    pub cgroup_id: u64,
    /// A live process whose root is the container's; 0 to label the cgroup only. Needed for
    /// fanotify marks.
    pub pid: u32,
}

/// A path whose changes are reported ([`crate::Event::File`]), and which the judge is asked about
/// before it is opened if `ask` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProtectedPath {
    /// Absolute, from the container's root. The last component may hold `*`.
    pub path: PathBuf,
    /// A directory with everything below it.
    pub recursive: bool,
    /// Ask before every open, reads too: it costs a round trip each, so leave it unset where
    /// nothing would be denied.
    pub ask: bool,
}

/// One network rule, already resolved to addresses. The list is ordered; the first match decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetVerdict {
    pub direction: Direction,
    /// No protocol means every one.
    pub protocol: Option<Protocol>,
    /// Port of the serving end, both ends included; 0–65535 is any.
    pub port_low: u16,
    pub port_high: u16,
    pub peer: IpAddr,
    /// Bits of `peer` that count; 0 with an unspecified address is every address of both families.
    pub prefix: u8,
    pub verdict: Verdict,
    pub rule: u32,
}

/// The policy of one label, put in force by one atomic swap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelPolicy {
    pub process_mode: Mode,
    pub network_mode: Mode,
    /// Kill what the image did not ship (writable layer, memfd, tmpfs) at exec, when
    /// `process_mode` is Protect.
    pub drift_kill: bool,
    /// Executables that drift protection lets pass.
    pub exec_allow: Vec<FileId>,
    /// Executables killed at exec in Protect, whatever the judge says.
    pub exec_deny: Vec<FileId>,
    /// Ask the judge about every exec. It costs a round trip each, so leave it unset where nothing
    /// would be denied: execs are reported anyway.
    pub judge_exec: bool,
    pub protected: Vec<ProtectedPath>,
    pub verdicts: Vec<NetVerdict>,
    /// For flows no rule matches. `Deny` acts only when `network_mode` is Protect; it is
    /// `Violate` otherwise.
    pub default_verdict: Verdict,
    /// Drop everything but loopback.
    pub quarantined: bool,
}
