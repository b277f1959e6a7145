//! What the kernel reports. Strings are as the kernel gave them, lossily UTF-8, with a flag
//! where bytes were replaced or cut. Sizes are bounded by `bpf/intf.h`.

use rampart_model::{Protocol, Timestamp, Verdict};
use std::net::{IpAddr, SocketAddr};

/// One fact from the kernel. Label 0 is the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Fork(Fork),
    Exec(Box<Exec>),
    Exit(Exit),
    Cred(Cred),
    File(Box<FileAct>),
    Socket(Socket),
    /// A system call that [`crate::CallFilter`] asks for.
    Call(Box<crate::Call>),
    /// A flow or connection attempt against policy; one per flow and policy revision, never one
    /// per packet.
    Verdict(NetEvent),
    /// An exec in a container's cgroup that has no label yet. When `held`, the process is stopped
    /// before its first instruction until [`crate::Control::release`] or
    /// [`crate::Control::kill`].
    FirstExec(Box<FirstExec>),
    /// Killed at exec, before its first instruction.
    Killed(Box<Killed>),
    /// Refused by an LSM program: it did not happen.
    Denied(Box<Denied>),
    CgroupCreated {
        id: u64,
        path: String,
    },
    CgroupRemoved {
        id: u64,
        path: String,
    },
    /// Records lost since the last such event because `ring` was full.
    Dropped {
        ring: Ring,
        count: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ring {
    Events,
    /// Execs in labelled workloads, denials, kills, uid and capability changes.
    Critical,
}

/// The task behind an event, as it was at that moment. Ids are in the host's namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    pub pid: u32,
    pub tid: u32,
    pub ppid: u32,
    pub label: u32,
    pub cgroup_id: u64,
    pub uid: u32,
    pub euid: u32,
    pub gid: u32,
    pub egid: u32,
    /// Nanoseconds after boot: with `pid`, a key that is never reused.
    pub start_ns: u64,
    /// Inode of the mount namespace.
    pub mount_ns: u32,
    /// Inode of the pid namespace.
    pub pid_ns: u32,
    /// Pid inside its own pid namespace.
    pub ns_pid: u32,
    /// Effective capabilities.
    pub caps: u64,
    pub comm: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    pub at: Timestamp,
    pub parent: Task,
    pub child_pid: u32,
    pub child_label: u32,
    pub child_cgroup_id: u64,
    pub child_start_ns: u64,
}

/// A file as the kernel knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// `st_dev` as user space writes it.
    pub dev: u64,
    pub ino: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    pub at: Timestamp,
    pub task: Task,
    /// Path of the executable from the task's own root.
    pub path: String,
    /// The path is longer or deeper than what is kept, or not UTF-8.
    pub path_truncated: bool,
    /// What was asked for (`bprm->filename`): `/dev/fd/N` for fexecve, the script for `#!`.
    pub filename: String,
    pub file: FileId,
    /// File mode bits, setuid among them.
    pub mode: u32,
    /// From the writable layer of an overlay: not in the image as it was shipped.
    pub upper: bool,
    /// Has no name: memfd, or deleted before it ran.
    pub unlinked: bool,
    /// On another file system than the task's root: a volume, a tmpfs.
    pub foreign: bool,
    /// The task's root is an overlay, so `upper` is known.
    pub overlay: bool,
    /// Complete unless `argv_truncated`: then the head, an `…` argument, and the tail.
    pub argv: Vec<String>,
    pub argv_truncated: bool,
    /// Bytes of the complete argument block.
    pub argv_bytes: u64,
    pub cwd: String,
    /// Controlling terminal as a device number; 0 is none.
    pub tty: u32,
    /// Executable of the task before this exec had other ids: setuid or file capabilities.
    pub gained: bool,
    pub prev_uid: u32,
    pub prev_euid: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    pub at: Timestamp,
    pub task: Task,
    /// As `wait` gives it: exit status in bits 8–15, signal in bits 0–6.
    pub status: u32,
}

impl Exit {
    /// 128 + signal for a killed process, as a shell shows it.
    pub fn code(&self) -> u32 {
        match self.status & 0x7f {
            0 => (self.status >> 8) & 0xff,
            signal => 128 + signal,
        }
    }
}

/// A process whose ids or capabilities grew or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cred {
    pub at: Timestamp,
    /// With the new ids.
    pub task: Task,
    pub old_uid: u32,
    pub old_euid: u32,
    pub old_caps: u64,
    pub cause: CredCause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredCause {
    /// The exec itself: a setuid file or file capabilities.
    Exec,
    /// A system call between execs; also what a kernel exploit looks like.
    Changed,
    /// A capability to change ids was used (`CAP_SETUID`, `CAP_SETGID`, `CAP_SETPCAP`);
    /// a `Changed` event follows if the ids do change.
    Attempt { capability: u8, granted: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileOp {
    Create,
    Modify,
    CloseWrite,
    Delete,
    Rename,
    /// Mode, owner, times, links.
    Attrib,
}

impl FileOp {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Modify => "modify",
            Self::CloseWrite => "close-write",
            Self::Delete => "delete",
            Self::Rename => "rename",
            Self::Attrib => "attrib",
        }
    }
}

/// An act on a protected or watched path, after the fact. Opens are asked about through
/// [`crate::Judge`] before they happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAct {
    pub at: Timestamp,
    /// Workload whose watch matched.
    pub label: u32,
    /// 0 when it is not known: overlays before kernel 6.6 do not tell.
    pub pid: u32,
    /// Label of the process that acted; 0 when it came from the host or is not known.
    pub actor_label: u32,
    pub ops: Vec<FileOp>,
    /// From the container's root.
    pub path: String,
    /// New path of a rename, when it stays in watched directories.
    pub new_path: Option<String>,
    pub directory: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketOp {
    /// A connection attempt was sent.
    Connect,
    /// Our attempt was answered.
    Connected,
    /// A peer's connection was taken.
    Accept,
    Listen,
    Close,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    pub at: Timestamp,
    pub op: SocketOp,
    pub label: u32,
    pub cgroup_id: u64,
    /// Process that opened the socket or listens; 0 when not known.
    pub pid: u32,
    pub comm: String,
    pub local: SocketAddr,
    pub peer: SocketAddr,
    /// For `Close`: nanoseconds since the socket was connected.
    pub duration_ns: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The workload is the server.
    Ingress,
    #[default]
    Egress,
}

/// Who refused or flagged a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetHook {
    /// `connect` or `sendmsg` got EPERM.
    Sock,
    /// The packet was dropped.
    Packet,
    /// An LSM program.
    Lsm,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetEvent {
    pub at: Timestamp,
    pub label: u32,
    pub direction: Direction,
    /// IP protocol number.
    pub protocol: u8,
    pub local: SocketAddr,
    pub peer: SocketAddr,
    pub verdict: Verdict,
    pub rule: u32,
    pub hook: NetHook,
    /// Known for [`NetHook::Sock`], else 0.
    pub pid: u32,
    pub comm: String,
}

impl NetEvent {
    pub fn model_protocol(&self) -> Option<Protocol> {
        Protocol::from_number(self.protocol)
    }

    /// Port of the serving end.
    pub fn server_port(&self) -> u16 {
        match self.direction {
            Direction::Ingress => self.local.port(),
            Direction::Egress => self.peer.port(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstExec {
    pub held: bool,
    pub exec: Exec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KillReason {
    /// No name: memfd or unlinked.
    Fileless,
    /// From the writable layer.
    Dropped,
    /// From a tmpfs.
    Tmpfs,
    /// On the policy's deny list.
    Denied,
}

impl KillReason {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fileless => "fileless",
            Self::Dropped => "dropped",
            Self::Tmpfs => "tmpfs",
            Self::Denied => "denied",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Killed {
    pub reason: KillReason,
    pub exec: Exec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeniedOp {
    Exec,
    /// Code was to be mapped: by a dynamic loader, `dlopen`, or a program itself.
    MapExec,
    OpenRead,
    OpenWrite,
    Truncate,
    Unlink,
    Rename,
    Link,
    Create,
    Attrib,
    Mount,
    Unmount,
    Socket,
    Listen,
    SetUid,
    CapSet,
    Ptrace,
    Bpf,
    Module,
    UserNamespace,
    Kill,
}

impl DeniedOp {
    pub(crate) const ALL: [Self; 21] = [
        Self::Exec,
        Self::MapExec,
        Self::OpenRead,
        Self::OpenWrite,
        Self::Truncate,
        Self::Unlink,
        Self::Rename,
        Self::Link,
        Self::Create,
        Self::Attrib,
        Self::Mount,
        Self::Unmount,
        Self::Socket,
        Self::Listen,
        Self::SetUid,
        Self::CapSet,
        Self::Ptrace,
        Self::Bpf,
        Self::Module,
        Self::UserNamespace,
        Self::Kill,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::MapExec => "map-exec",
            Self::OpenRead => "open-read",
            Self::OpenWrite => "open-write",
            Self::Truncate => "truncate",
            Self::Unlink => "delete",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Create => "create",
            Self::Attrib => "attrib",
            Self::Mount => "mount",
            Self::Unmount => "unmount",
            Self::Socket => "socket",
            Self::Listen => "listen",
            Self::SetUid => "setuid",
            Self::CapSet => "capset",
            Self::Ptrace => "ptrace",
            Self::Bpf => "bpf",
            Self::Module => "module",
            Self::UserNamespace => "user-namespace",
            Self::Kill => "kill",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// The program is not of the image, or on the deny list.
    Exec(KillReason),
    /// A [`crate::GuardedPath`].
    Protected,
    /// The act itself is refused by the [`crate::Guard`].
    Guard,
    /// Code without a file.
    Anonymous,
    /// The [`crate::Profile`] denies the program, or does not list it.
    Profile,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub at: Timestamp,
    /// Who tried.
    pub task: Task,
    pub op: DeniedOp,
    pub reason: DenyReason,
    /// Place of the guarded path, or of the profile's rule, in its policy, from 1; 0 when none
    /// decided.
    pub rule: u32,
    /// It took place: the policy has [`crate::Watch`] tell of it, not refuse it.
    pub watched: bool,
    /// From the container's root, as far as it is known; empty for acts without a file.
    pub path: String,
    pub path_truncated: bool,
    pub file: FileId,
    /// A port, a capability mask, a pid, by `op`.
    pub detail: u64,
}

/// Traffic of one 5-tuple since the last drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    pub label: u32,
    /// Who began it.
    pub direction: Direction,
    /// IP protocol number.
    pub protocol: u8,
    pub local: IpAddr,
    pub local_port: u16,
    pub peer: IpAddr,
    pub peer_port: u16,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub packets_in: u64,
    pub packets_out: u64,
    /// Packets dropped or attempts refused.
    pub denied: u64,
    pub verdict: Verdict,
    /// Rule that decided; 0 is the default.
    pub rule: u32,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// First time it is reported.
    pub is_new: bool,
    /// TCP: FIN or RST was seen.
    pub closed: bool,
}
