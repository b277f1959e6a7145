//! One event, as an enforcer or a test fills it in: typed facts that borrow what they can.
//!
//! All text is bytes, because the kernel's is: a path or an argument need not be UTF-8. Whatever
//! is unknown is left empty or `None`; a field without a value makes its comparison false.

use super::{
    event_type::EventType,
    flags::FlagSet,
    table::{Argument, Field, FieldRef},
};
use std::net::IpAddr;

/// The longest line of ancestors that is looked at.
pub const MAX_LINEAGE: usize = 64;

#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Counts from one.
    pub number: u64,
    /// Nanoseconds since 1970.
    pub time_ns: i64,
    pub kind: EventType,
    /// The name of a type that is not in the table.
    pub other_kind: &'a [u8],
    pub source: &'a [u8],
    pub cpu: Option<i64>,
    /// What the system call returned.
    pub result: Option<i64>,
    /// The process, then its parent, and so on; at most [`MAX_LINEAGE`] are looked at.
    pub lineage: &'a [Process<'a>],
    pub user: User<'a>,
    pub fd: Option<Fd<'a>>,
    /// `None` for the host.
    pub container: Option<&'a Container<'a>>,
    pub args: &'a [Arg<'a>],
    pub buffer: Option<&'a [u8]>,
    /// Values by name, which go before the typed facts.
    pub given: &'a [Given<'a>],
}

impl Default for Event<'_> {
    fn default() -> Self {
        Self {
            number: 1,
            time_ns: 0,
            kind: EventType::OTHER,
            other_kind: b"",
            source: b"syscall",
            cpu: None,
            result: None,
            lineage: &[],
            user: User::default(),
            fd: None,
            container: None,
            args: &[],
            buffer: None,
            given: &[],
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Process<'a> {
    pub pid: i64,
    pub vpid: Option<i64>,
    pub name: &'a [u8],
    /// The first argument as given.
    pub exe: &'a [u8],
    pub exepath: &'a [u8],
    /// Name, then the arguments, joined by blanks.
    pub cmdline: &'a [u8],
    pub cwd: &'a [u8],
    /// `NAME=value` with a NUL after each.
    pub env: &'a [u8],
    pub tty: Option<i64>,
    pub sid: Option<i64>,
    pub pgid: Option<i64>,
    pub vpgid: Option<i64>,
    /// Nanoseconds since 1970.
    pub started_ns: Option<i64>,
    pub exe_writable: bool,
    pub exe_upper_layer: bool,
    pub exe_lower_layer: bool,
    pub exe_from_memfd: bool,
    pub exe_ino: Option<i64>,
    pub exe_ctime_ns: Option<i64>,
    pub exe_mtime_ns: Option<i64>,
    pub cap_effective: Option<u64>,
    pub cap_permitted: Option<u64>,
    pub cap_inheritable: Option<u64>,
}

impl Process<'_> {
    /// What follows the name in the command line.
    pub(crate) fn arguments(&self) -> &[u8] {
        let rest = self
            .cmdline
            .strip_prefix(self.name)
            .filter(|_| !self.name.is_empty());
        match rest.and_then(|rest| rest.strip_prefix(b" ")) {
            Some(arguments) => arguments,
            None => match self.cmdline.iter().position(|b| *b == b' ') {
                Some(at) => &self.cmdline[at + 1..],
                None => b"",
            },
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct User<'a> {
    pub uid: Option<i64>,
    pub name: &'a [u8],
    pub homedir: &'a [u8],
    pub shell: &'a [u8],
    pub loginuid: Option<i64>,
    pub loginname: &'a [u8],
    pub gid: Option<i64>,
    pub group: &'a [u8],
}

/// What a descriptor refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdKind {
    File,
    Directory,
    Ipv4,
    Ipv6,
    Unix,
    Pipe,
    Event,
    Signal,
    Epoll,
    Inotify,
    Timer,
    Netlink,
    Memfd,
    Pidfd,
    Bpf,
    Userfault,
    IoUring,
    Other,
}

/// Kind, `fd.type`, `fd.typechar`, in the order of [`FdKind`].
pub const FD_KINDS: &[(FdKind, &str, &str)] = &[
    (FdKind::File, "file", "f"),
    (FdKind::Directory, "directory", "d"),
    (FdKind::Ipv4, "ipv4", "4"),
    (FdKind::Ipv6, "ipv6", "6"),
    (FdKind::Unix, "unix", "u"),
    (FdKind::Pipe, "pipe", "p"),
    (FdKind::Event, "event", "e"),
    (FdKind::Signal, "signalfd", "s"),
    (FdKind::Epoll, "eventpoll", "l"),
    (FdKind::Inotify, "inotify", "i"),
    (FdKind::Timer, "timerfd", "t"),
    (FdKind::Netlink, "netlink", "n"),
    (FdKind::Memfd, "memfd", "m"),
    (FdKind::Pidfd, "pidfd", "P"),
    (FdKind::Bpf, "bpf", "b"),
    (FdKind::Userfault, "userfaultfd", "u"),
    (FdKind::IoUring, "iouring", "r"),
    (FdKind::Other, "unknown", "o"),
];

#[derive(Clone, Copy, Debug)]
pub struct Fd<'a> {
    pub number: Option<i64>,
    pub kind: FdKind,
    /// The path, or empty for a connection: its text is made of the ends.
    pub name: &'a [u8],
    /// The path as it was given.
    pub name_raw: &'a [u8],
    pub connection: Option<Connection<'a>>,
    pub dev: Option<i64>,
    pub ino: Option<i64>,
    pub upper_layer: bool,
    pub lower_layer: bool,
}

impl<'a> Fd<'a> {
    #[must_use]
    pub fn file(number: i64, name: &'a [u8]) -> Self {
        Self {
            number: Some(number),
            kind: FdKind::File,
            name,
            name_raw: name,
            connection: None,
            dev: None,
            ino: None,
            upper_layer: false,
            lower_layer: false,
        }
    }

    #[must_use]
    pub fn socket(number: i64, connection: Connection<'a>) -> Self {
        let v6 = [connection.local, connection.remote]
            .iter()
            .any(|end| end.is_some_and(|(ip, _)| ip.is_ipv6()));
        Self {
            kind: if v6 { FdKind::Ipv6 } else { FdKind::Ipv4 },
            name: b"",
            name_raw: b"",
            connection: Some(connection),
            ..Self::file(number, b"")
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Connection<'a> {
    /// `tcp`, `udp`, `icmp` or `raw`.
    pub protocol: &'a [u8],
    pub local: Option<(IpAddr, u16)>,
    pub remote: Option<(IpAddr, u16)>,
    /// The process accepted it, or listens.
    pub is_server: bool,
    pub connected: Option<bool>,
    pub name_changed: Option<bool>,
}

impl Connection<'_> {
    pub(crate) fn client(&self) -> Option<(IpAddr, u16)> {
        if self.is_server {
            self.remote
        } else {
            self.local
        }
    }

    pub(crate) fn server(&self) -> Option<(IpAddr, u16)> {
        if self.is_server {
            self.local
        } else {
            self.remote
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Container<'a> {
    pub id: &'a [u8],
    pub full_id: &'a [u8],
    pub name: &'a [u8],
    /// As it was asked for, with its tag.
    pub image: &'a [u8],
    pub image_id: &'a [u8],
    pub repository: &'a [u8],
    pub tag: &'a [u8],
    pub digest: &'a [u8],
    pub runtime: &'a [u8],
    pub privileged: Option<bool>,
    pub started_ns: Option<i64>,
    pub ip: &'a [u8],
    pub host_pid: Option<bool>,
    pub host_network: Option<bool>,
    pub host_ipc: Option<bool>,
    pub mounts: &'a [Mount<'a>],
    pub labels: &'a [(&'a [u8], &'a [u8])],
    pub pod: &'a [u8],
    pub pod_uid: &'a [u8],
    pub namespace: &'a [u8],
    pub pod_labels: &'a [(&'a [u8], &'a [u8])],
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Mount<'a> {
    pub source: &'a [u8],
    pub dest: &'a [u8],
    pub mode: &'a [u8],
    pub writable: bool,
    pub propagation: &'a [u8],
}

/// An argument of the system call.
#[derive(Clone, Copy, Debug)]
pub struct Arg<'a> {
    pub name: &'a str,
    pub value: ArgValue<'a>,
}

#[derive(Clone, Copy, Debug)]
pub enum ArgValue<'a> {
    Text(&'a [u8]),
    Int(i64),
    Flags(FlagSet, u64),
}

/// A value, as a rule sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Missing,
    Text(&'a [u8]),
    Int(i64),
    Bool(bool),
    Ip(IpAddr),
}

/// A value by name.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub field: &'a FieldRef,
    pub values: &'a [Value<'a>],
    /// Several values, even if it is one.
    pub list: bool,
}

impl<'a> Event<'a> {
    pub(crate) fn given(&self, field: Field, argument: &Argument) -> Option<&'a Given<'a>> {
        self.given
            .iter()
            .find(|given| given.field.field == field && given.field.argument == *argument)
    }

    pub(crate) fn arg(&self, key: &[u8]) -> Option<ArgValue<'a>> {
        if let Some(arg) = self.args.iter().find(|arg| arg.name.as_bytes() == key) {
            return Some(arg.value);
        }
        let index: usize = std::str::from_utf8(key).ok()?.parse().ok()?;
        self.args.get(index).map(|arg| arg.value)
    }

    #[must_use]
    pub fn kind_name(&self) -> &'a [u8] {
        match self.kind {
            EventType::OTHER => self.other_kind,
            kind => kind.name().as_bytes(),
        }
    }
}
