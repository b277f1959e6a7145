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
    /// Drift protection holds for libraries too, where the kernel has BPF-LSM. Programs that bring
    /// their own (some Java ones do) do not start under it.
    pub drift_code: bool,
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
    /// Judge loopback traffic by the rules that match it; the default never does. Needs BPF-LSM.
    pub loopback: bool,
    /// What the kernel refuses by itself where it has BPF-LSM; nothing elsewhere.
    pub guard: Guard,
}

/// Acts the LSM programs refuse with EPERM, whether or not an agent runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// The first rule that matches a file decides.
    pub files: Vec<GuardedPath>,
    /// Programs that may run; none restricts them.
    pub profile: Option<Profile>,
    /// Acts that are let through and told once, as [`crate::Denied::watched`].
    pub watch: Watch,
    /// Every new mount.
    pub mount: bool,
    /// Tracing other processes of the same workload. Those of others are never reached.
    pub ptrace: bool,
    /// Every use of bpf(2). Rampart's own programs and maps are never reached.
    pub bpf: bool,
    /// Kernel modules and kexec images.
    pub module: bool,
    /// New user namespaces.
    pub user_namespace: bool,
    /// Becoming root: by set*uid and by setuid programs.
    pub setuid: bool,
    /// Raising capabilities.
    pub capset: bool,
    /// Raw and packet sockets.
    pub raw_socket: bool,
    /// Listening for connections.
    pub listen: bool,
    /// Code in memory that holds no file. It stops just-in-time compilers too.
    pub anonymous_exec: bool,
}

/// Acts whose first use is told though nothing forbids it: what a workload does while it is learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    pub mount: bool,
    pub ptrace: bool,
    pub bpf: bool,
    pub module: bool,
    pub user_namespace: bool,
    pub setuid: bool,
    pub capset: bool,
    /// Code is mapped of files that the image did not ship.
    pub drift_code: bool,
}

/// Which programs may run; every other exec gets EPERM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The first rule that fits decides; those for children of a parent are tried after the rest.
    pub rules: Vec<ProgramRule>,
    /// An allowed program must be the image's own unless its rule says that it may change.
    pub zero_drift: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramRule {
    pub programs: Programs,
    /// User ids as the host sees them; none is every user.
    pub uids: Vec<u32>,
    pub deny: bool,
    /// The file may be another than the image's, as after an update.
    pub may_change: bool,
    /// Allowed is what these programs start, and they themselves.
    pub parent: bool,
}

/// Programs a rule is about. Paths are absolute, from the container's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Programs {
    #[default]
    Any,
    File(PathBuf),
    /// A file name, wherever it is.
    Name(String),
    /// Somewhere below a directory, of a name or of any.
    Below(PathBuf, Option<String>),
}

/// A file that is refused by what it is on disk, whatever name, mount or root leads to it.
///
/// What may not run may not be read either: a copy, an interpreter or a loader would run it.
/// Refusing writes covers removing, renaming, linking, attributes, and mounting over it; and what
/// leads to a guarded file is not renamed or removed. Files that come to match a pattern later are
/// refused by their names, if it has one `*` and its directory no more than eight patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuardedPath {
    /// Absolute, from the container's root. The last component may hold `*`.
    pub path: PathBuf,
    /// A directory with everything below it.
    pub recursive: bool,
    pub deny_read: bool,
    pub deny_write: bool,
    pub deny_exec: bool,
    /// Programs that may read and write all the same, by path; told by their files.
    pub programs: Vec<PathBuf>,
}
