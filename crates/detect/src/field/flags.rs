//! Numbers the kernel passes, as the text rules compare them with.

/// A set of named bits, or of values, of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagSet {
    Open,
    Mode,
    /// With the type of file in it, as `mknod` takes it.
    Node,
    Clone,
    Exec,
    Mount,
    /// What a socket is made of: its type, and how its descriptor is opened.
    SocketType,
}

/// Writes the names of the bits, joined by `|`; `0` if there are none.
pub(crate) fn write(set: FlagSet, bits: u64, text: &mut Vec<u8>) {
    let names: &[(u64, &str)] = match set {
        FlagSet::Open => {
            text.extend_from_slice(match bits & 3 {
                0 => b"O_RDONLY",
                1 => b"O_WRONLY",
                _ => b"O_RDWR",
            });
            OPEN
        }
        FlagSet::Mode => MODE,
        FlagSet::Node => {
            let kind = NODE.iter().find(|(kind, _)| bits & 0o170_000 == *kind);
            text.extend_from_slice(kind.map_or("S_IFREG", |(_, name)| name).as_bytes());
            MODE
        }
        FlagSet::SocketType => {
            let kind = SOCKET.iter().find(|(kind, _)| bits & 0xf == *kind);
            text.extend_from_slice(kind.map_or("SOCK_NONE", |(_, name)| name).as_bytes());
            SOCKET_FLAGS
        }
        FlagSet::Mount => MOUNT,
        FlagSet::Clone => CLONE,
        FlagSet::Exec => EXEC,
    };
    for (mask, name) in names {
        // O_SYNC and O_TMPFILE are several bits.
        if bits & mask == *mask {
            if !text.is_empty() {
                text.push(b'|');
            }
            text.extend_from_slice(name.as_bytes());
        }
    }
    if text.is_empty() {
        text.push(b'0');
    }
}

const OPEN: &[(u64, &str)] = &[
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o4000, "O_NONBLOCK"),
    (0o10000, "O_DSYNC"),
    (0o40000, "O_DIRECT"),
    (0o100_000, "O_LARGEFILE"),
    (0o200_000, "O_DIRECTORY"),
    (0o400_000, "O_NOFOLLOW"),
    (0o2_000_000, "O_CLOEXEC"),
    (0o4_010_000, "O_SYNC"),
    (0o10_000_000, "O_PATH"),
    (0o20_200_000, "O_TMPFILE"),
];

const MODE: &[(u64, &str)] = &[
    (0o1, "S_IXOTH"),
    (0o2, "S_IWOTH"),
    (0o4, "S_IROTH"),
    (0o10, "S_IXGRP"),
    (0o20, "S_IWGRP"),
    (0o40, "S_IRGRP"),
    (0o100, "S_IXUSR"),
    (0o200, "S_IWUSR"),
    (0o400, "S_IRUSR"),
    (0o1000, "S_ISVTX"),
    (0o2000, "S_ISGID"),
    (0o4000, "S_ISUID"),
];

const NODE: &[(u64, &str)] = &[
    (0o010_000, "S_IFIFO"),
    (0o020_000, "S_IFCHR"),
    (0o040_000, "S_IFDIR"),
    (0o060_000, "S_IFBLK"),
    (0o100_000, "S_IFREG"),
    (0o140_000, "S_IFSOCK"),
];

const SOCKET: &[(u64, &str)] = &[
    (1, "SOCK_STREAM"),
    (2, "SOCK_DGRAM"),
    (3, "SOCK_RAW"),
    (4, "SOCK_RDM"),
    (5, "SOCK_SEQPACKET"),
    (6, "SOCK_DCCP"),
    (10, "SOCK_PACKET"),
];

const SOCKET_FLAGS: &[(u64, &str)] = &[(0o4000, "SOCK_NONBLOCK"), (0o2_000_000, "SOCK_CLOEXEC")];

const MOUNT: &[(u64, &str)] = &[
    (0x1, "MS_RDONLY"),
    (0x2, "MS_NOSUID"),
    (0x4, "MS_NODEV"),
    (0x8, "MS_NOEXEC"),
    (0x10, "MS_SYNCHRONOUS"),
    (0x20, "MS_REMOUNT"),
    (0x40, "MS_MANDLOCK"),
    (0x80, "MS_DIRSYNC"),
    (0x400, "MS_NOATIME"),
    (0x800, "MS_NODIRATIME"),
    (0x1000, "MS_BIND"),
    (0x2000, "MS_MOVE"),
    (0x4000, "MS_REC"),
    (0x8000, "MS_SILENT"),
    (0x10000, "MS_POSIXACL"),
    (0x20000, "MS_UNBINDABLE"),
    (0x40000, "MS_PRIVATE"),
    (0x80000, "MS_SLAVE"),
    (0x10_0000, "MS_SHARED"),
    (0x20_0000, "MS_RELATIME"),
];

const CLONE: &[(u64, &str)] = &[
    (0x80, "CLONE_NEWTIME"),
    (0x100, "CLONE_VM"),
    (0x200, "CLONE_FS"),
    (0x400, "CLONE_FILES"),
    (0x800, "CLONE_SIGHAND"),
    (0x1_0000, "CLONE_THREAD"),
    (0x2_0000, "CLONE_NEWNS"),
    (0x4_0000, "CLONE_SYSVSEM"),
    (0x200_0000, "CLONE_NEWCGROUP"),
    (0x400_0000, "CLONE_NEWUTS"),
    (0x800_0000, "CLONE_NEWIPC"),
    (0x1000_0000, "CLONE_NEWUSER"),
    (0x2000_0000, "CLONE_NEWPID"),
    (0x4000_0000, "CLONE_NEWNET"),
];

/// What is known of the file of an exec.
pub(crate) const EXE_WRITABLE: u64 = 1;
pub(crate) const EXE_UPPER_LAYER: u64 = 2;
pub(crate) const EXE_FROM_MEMFD: u64 = 4;
pub(crate) const EXE_LOWER_LAYER: u64 = 8;

const EXEC: &[(u64, &str)] = &[
    (EXE_WRITABLE, "EXE_WRITABLE"),
    (EXE_UPPER_LAYER, "EXE_UPPER_LAYER"),
    (EXE_FROM_MEMFD, "EXE_FROM_MEMFD"),
    (EXE_LOWER_LAYER, "EXE_LOWER_LAYER"),
];

/// Capabilities by number.
pub(crate) const CAPABILITIES: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

pub(crate) fn write_capabilities(bits: u64, text: &mut Vec<u8>) {
    for (number, name) in CAPABILITIES.iter().enumerate() {
        if bits >> number & 1 == 1 {
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(name.as_bytes());
        }
    }
}

/// The name of an error number (positive).
#[must_use]
pub fn errno_name(number: i64) -> Option<&'static str> {
    ERRNO
        .iter()
        .find(|(known, _)| *known == number)
        .map(|(_, name)| *name)
}

#[must_use]
pub fn errno_number(name: &str) -> Option<i64> {
    ERRNO
        .iter()
        .find(|(_, known)| *known == name)
        .map(|(number, _)| *number)
}

const ERRNO: &[(i64, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (4, "EINTR"),
    (5, "EIO"),
    (6, "ENXIO"),
    (7, "E2BIG"),
    (8, "ENOEXEC"),
    (9, "EBADF"),
    (10, "ECHILD"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (15, "ENOTBLK"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (18, "EXDEV"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (21, "EISDIR"),
    (22, "EINVAL"),
    (23, "ENFILE"),
    (24, "EMFILE"),
    (25, "ENOTTY"),
    (26, "ETXTBSY"),
    (27, "EFBIG"),
    (28, "ENOSPC"),
    (29, "ESPIPE"),
    (30, "EROFS"),
    (31, "EMLINK"),
    (32, "EPIPE"),
    (33, "EDOM"),
    (34, "ERANGE"),
    (36, "ENAMETOOLONG"),
    (38, "ENOSYS"),
    (39, "ENOTEMPTY"),
    (40, "ELOOP"),
    (61, "ENODATA"),
    (62, "ETIME"),
    (71, "EPROTO"),
    (75, "EOVERFLOW"),
    (88, "ENOTSOCK"),
    (89, "EDESTADDRREQ"),
    (90, "EMSGSIZE"),
    (91, "EPROTOTYPE"),
    (92, "ENOPROTOOPT"),
    (93, "EPROTONOSUPPORT"),
    (94, "ESOCKTNOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
    (98, "EADDRINUSE"),
    (99, "EADDRNOTAVAIL"),
    (100, "ENETDOWN"),
    (101, "ENETUNREACH"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (106, "EISCONN"),
    (107, "ENOTCONN"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"),
    (113, "EHOSTUNREACH"),
    (114, "EALREADY"),
    (115, "EINPROGRESS"),
    (125, "ECANCELED"),
];
