//! System calls that somebody asks for, told after they returned, and which those are.
//!
//! Limits: paths come from the file that was opened when there is one, else from the caller's
//! memory after the call, where another thread may have changed them; strings are bounded by
//! `bpf/intf.h`.

pub(crate) mod decode;
pub(crate) mod table;
pub(crate) mod watch;

use crate::event::{FileId, Task};
use rampart_model::Timestamp;
use std::{collections::BTreeSet, net::SocketAddr};

/// One system call of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub at: Timestamp,
    pub task: Task,
    /// As the kernel's x86-64 table names it, also when it was made through the 32-bit table or
    /// through io_uring.
    pub name: &'static str,
    pub via: Via,
    /// A descriptor, a count, 0, or a negative error number.
    pub result: i64,
    /// Registers as the caller set them. Pointers among them mean nothing here.
    pub args: [u64; 6],
    /// The descriptor that the call is about: the new one of `open`, `socket` and `dup`, else the
    /// one given to it.
    pub fd: Option<CallFd>,
    /// From the caller's root, absolute. Empty when the call has none.
    pub path: String,
    /// Of an open, as the caller wrote it, if that is not `path`: relative, with links or `..` in it.
    pub given: String,
    /// The other path of a rename or link, the target of a mount.
    pub other_path: String,
    /// The kernel walked `path` itself: no link, no `..` is left in it.
    pub resolved: bool,
    pub truncated: bool,
    /// What `connect`, `bind` and the sends were given, or the peer a connected socket has.
    pub address: Option<Address>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Via {
    #[default]
    Native,
    /// `int 0x80` and other 32-bit entries.
    Compat,
    IoUring,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFd {
    pub number: i32,
    pub kind: CallFdKind,
    pub file: FileId,
    /// File type and permission bits.
    pub mode: u32,
    /// `O_*` the descriptor was opened with.
    pub flags: u32,
    /// The open made the file.
    pub created: bool,
    /// From the writable layer of an overlay.
    pub upper: bool,
    /// Name of the file, or path of a unix socket. From the task's root.
    pub path: String,
    /// IP protocol number of a socket.
    pub protocol: u8,
    /// Address family and type of a socket (`AF_*`, `SOCK_*`).
    pub family: u16,
    pub socket_type: u16,
    pub local: Option<SocketAddr>,
    pub peer: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CallFdKind {
    File,
    Directory,
    Character,
    Block,
    Pipe,
    Inet,
    Unix,
    /// Netlink, packet and other families.
    Socket,
    /// No name: memfd, or deleted.
    Unlinked,
    #[default]
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Inet(SocketAddr),
    /// Path, or `@` and the abstract name.
    Unix(String),
    Other {
        family: u16,
    },
}

/// Which calls are told. Calls of processes that belong to no workload are told when `host` says
/// so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Names of the x86-64 table. Unknown names are refused.
    pub calls: BTreeSet<&'static str>,
    pub host: bool,
    /// Opens for reading are told only for these; `None` tells all of them. Opens that write or
    /// create are always told, and opens by handle.
    pub reads: Option<PathFilter>,
    /// Failed calls are told too.
    pub failed: bool,
}

/// Any of the three is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathFilter {
    /// Of the absolute path: `/etc/shadow`, `/root/.ssh/`.
    pub prefixes: BTreeSet<String>,
    /// Last components, whole: `id_rsa`.
    pub names: BTreeSet<String>,
    /// Components anywhere, whole: `.aws`.
    pub components: BTreeSet<String>,
}

impl CallFilter {
    /// Every call that can be asked for.
    pub fn known() -> impl Iterator<Item = &'static str> {
        table::ALL.iter().map(|row| row.name)
    }
}
