//! The structures of `bpf/intf.h`, field for field. `layout_matches_the_object` proves it against
//! the type information of the built object.

use std::mem::size_of;

/// Plain old data: any bytes are a valid value and no byte is padding.
///
/// # Safety
/// The type must be `repr(C)`, hold integers and arrays of them only, and have no padding.
pub(crate) unsafe trait Pod: Copy {}

// SAFETY: four bytes, every value of which is valid.
unsafe impl Pod for u32 {}

// SAFETY: eight bytes, every value of which is valid.
unsafe impl Pod for u64 {}

/// Reads a value from the front of `bytes`.
pub(crate) fn read<T: Pod>(bytes: &[u8]) -> Option<T> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: there are enough bytes, the read is unaligned, and Pod takes any bytes.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// The bytes of a value, for map keys and values.
pub(crate) fn bytes_of<T: Pod>(value: &T) -> &[u8] {
    // SAFETY: Pod has no padding, so every byte is initialised; the borrow keeps the value alive.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }
}

/// All bits zero.
#[cfg(test)]
pub(crate) fn zeroed<T: Pod>() -> T {
    // SAFETY: Pod takes any bytes, zeros too.
    unsafe { std::mem::MaybeUninit::zeroed().assume_init() }
}

macro_rules! structures {
    ($($name:literal $ty:ident { $($field:ident: $fty:ty),+ $(,)? })+) => {
        $(
            #[repr(C)]
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            #[allow(dead_code, reason = "fields are the kernel's, read or not")]
            pub(crate) struct $ty { $(pub(crate) $field: $fty),+ }

            // SAFETY: repr(C), integers and arrays only; the size check leaves no padding.
            unsafe impl Pod for $ty {}

            const _: () = assert!(size_of::<$ty>() == 0 $(+ size_of::<$fty>())+);
        )+

        /// Name, size and field offsets of every structure, for the layout test.
        #[cfg(test)]
        pub(crate) fn layouts() -> Vec<(&'static str, usize, Vec<(&'static str, usize)>)> {
            vec![$((
                $name,
                size_of::<$ty>(),
                vec![$((stringify!($field), std::mem::offset_of!($ty, $field))),+],
            )),+]
        }
    };
}

structures! {
    "rp_head" Head { kind: u32, size: u32, at_ns: u64 }
    "rp_task" TaskRecord {
        pid: u32, tid: u32, ppid: u32, label: u32, cgroup_id: u64, start_ns: u64, caps: u64,
        uid: u32, euid: u32, gid: u32, egid: u32, mount_ns: u32, pid_ns: u32, ns_pid: u32,
        tty: u32, comm: [u8; 16],
    }
    "rp_fork" ForkRecord {
        head: Head, parent: TaskRecord, child_cgroup_id: u64, child_start_ns: u64,
        child_pid: u32, child_label: u32,
    }
    "rp_exit" ExitRecord { head: Head, task: TaskRecord, status: u32, pad: u32 }
    "rp_cred" CredRecord {
        head: Head, task: TaskRecord, old_caps: u64, old_uid: u32, old_euid: u32, cause: u8,
        capability: u8, granted: u8, pad: [u8; 5],
    }
    "rp_socket" SocketRecord {
        head: Head, cgroup_id: u64, duration_ns: u64, label: u32, pid: u32, local: [u8; 16],
        peer: [u8; 16], local_port: u16, peer_port: u16, op: u8, pad: [u8; 3], comm: [u8; 16],
    }
    "rp_net" NetRecord {
        head: Head, label: u32, pid: u32, rule: u32, verdict: u8, dir: u8, proto: u8, hook: u8,
        local: [u8; 16], peer: [u8; 16], local_port: u16, peer_port: u16, pad: u32,
        comm: [u8; 16],
    }
    "rp_config" ConfigValue {
        host_mount_ns: u32, host_pid_ns: u32, host_root_dev: u32, self_pid: u32, hold: u8,
        host_events: u8, pad: [u8; 6],
    }
    "rp_file_key" FileKey { set: u32, dev: u32, ino: u64, generation: u32, rule: u32 }
    "rp_file_rule" FileRule { flags: u32, rule: u32 }
    "rp_name_key" NameKey {
        set: u32, dev: u32, ino: u64, generation: u32, len: u32, hash: u64,
    }
    "rp_pattern" Pattern {
        flags: u32, rule: u32, prefix_len: u32, suffix_len: u32, prefix_hash: u64,
        suffix_hash: u64,
    }
    "rp_program_key" ProgramKey {
        set: u32, kind: u32, ino: u64, hash: u64, dev: u32, generation: u32, uid: u32, pad: u32,
    }
    "rp_program" Program { rank: u32, flags: u32 }
    "rp_identify" Identify { fd: u32, count: u32, keys: [FileKey; 2] }
    "rp_label" LabelValue { label: u32, flags: u32 }
    "rp_state" StateValue { label: u32, flags: u32, uid: u32, euid: u32, caps: u64 }
    "rp_policy" PolicyValue {
        flags: u32, set: u32, guard: u32, guard_set: u32, watch: u32, default_verdict: u8,
        pad: [u8; 3],
    }
    "rp_call_spec" CallSpec {
        call: u16, shape: u8, flags: u8, fd_arg: u8, path_arg: u8, dir_arg: u8, other_arg: u8,
        other_dir_arg: u8, address_arg: u8, pad: [u8; 2],
    }
    "rp_call_config" CallConfig {
        host: u8, filter_reads: u8, matching: u8, prefixes: u8, self_pid: u32,
    }
    "rp_call_prefix" CallPrefix { prefix_len: u32, path: [u8; 252] }
    "rp_call_name" CallName { name: [u8; 64] }
    "rp_exec_key" ExecKey { set: u32, dev: u32, ino: u64 }
    "rp_port_key" PortKey { prefix_len: u32, set: u32, proto: u8, dir: u8, port_be: [u8; 2] }
    "rp_rule_key" RuleKey {
        prefix_len: u32, set: u32, class: u16, dir: u8, pad: u8, peer: [u8; 16],
    }
    "rp_rule" RuleValue { rank: u32, rule: u32, verdict: u8, pad: [u8; 3] }
    "rp_flow_key" FlowKey {
        label: u32, local_port: u16, peer_port: u16, local: [u8; 16], peer: [u8; 16], proto: u8,
        pad: [u8; 3],
    }
    "rp_flow" FlowValue {
        first_ns: u64, last_ns: u64, bytes_in: u64, bytes_out: u64, packets_in: u64,
        packets_out: u64, denied: u64, set: u32, rule: u32, verdict: u8, dir: u8, flags: u8,
        pad: [u8; 5],
    }
}

/// The fixed part of `rp_exec`; `data` follows.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct ExecRecord {
    pub(crate) head: Head,
    pub(crate) task: TaskRecord,
    pub(crate) ino: u64,
    pub(crate) argv_bytes: u64,
    pub(crate) prev_caps: u64,
    pub(crate) dev: u32,
    pub(crate) mode: u32,
    pub(crate) flags: u32,
    pub(crate) reason: u32,
    pub(crate) prev_uid: u32,
    pub(crate) prev_euid: u32,
    pub(crate) path_len: u16,
    pub(crate) cwd_len: u16,
    pub(crate) filename_len: u16,
    pub(crate) argv_head_len: u16,
    pub(crate) argv_tail_len: u16,
    pub(crate) pad: [u16; 3],
}

// SAFETY: repr(C), integers and arrays only; the assertion below leaves no padding.
unsafe impl Pod for ExecRecord {}

const _: () = assert!(size_of::<ExecRecord>() == 16 + 88 + 24 + 24 + 16);
const _: () = assert!(size_of::<TaskRecord>() == 88);

/// The fixed part of `rp_cgroup`; the path follows.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct CgroupRecord {
    pub(crate) head: Head,
    pub(crate) id: u64,
    pub(crate) label: u32,
    pub(crate) path_len: u32,
}

// SAFETY: repr(C), integers only; the assertion below leaves no padding.
unsafe impl Pod for CgroupRecord {}

const _: () = assert!(size_of::<CgroupRecord>() == 32);

/// The fixed part of `rp_denied`; the path follows.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct DeniedRecord {
    pub(crate) head: Head,
    pub(crate) task: TaskRecord,
    pub(crate) ino: u64,
    pub(crate) detail: u64,
    pub(crate) dev: u32,
    pub(crate) rule: u32,
    pub(crate) op: u32,
    pub(crate) reason: u32,
    pub(crate) flags: u32,
    pub(crate) path_len: u32,
}

// SAFETY: repr(C), integers and arrays only; the assertion below leaves no padding.
unsafe impl Pod for DeniedRecord {}

const _: () = assert!(size_of::<DeniedRecord>() == 16 + 88 + 16 + 24);

/// The fixed part of `rp_call`; `data` follows.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct CallRecord {
    pub(crate) head: Head,
    pub(crate) task: TaskRecord,
    pub(crate) result: i64,
    pub(crate) args: [u64; 6],
    pub(crate) fd_ino: u64,
    pub(crate) flags: u32,
    pub(crate) fd: i32,
    pub(crate) fd_mode: u32,
    pub(crate) fd_flags: u32,
    pub(crate) fd_dev: u32,
    pub(crate) call: u16,
    pub(crate) via: u8,
    pub(crate) fd_kind: u8,
    pub(crate) family: u16,
    pub(crate) socket_type: u16,
    pub(crate) local_port: u16,
    pub(crate) peer_port: u16,
    pub(crate) local: [u8; 16],
    pub(crate) peer: [u8; 16],
    pub(crate) fd_path_len: u16,
    pub(crate) path_len: u16,
    pub(crate) base_len: u16,
    pub(crate) other_len: u16,
    pub(crate) other_base_len: u16,
    pub(crate) address_len: u16,
    pub(crate) protocol: u8,
    pub(crate) pad: [u8; 3],
}

// SAFETY: repr(C), integers and arrays only; the assertion below leaves no padding.
unsafe impl Pod for CallRecord {}

const _: () = assert!(size_of::<CallRecord>() == 16 + 88 + 64 + 24 + 8 + 32 + 12 + 4);

pub(crate) mod kind {
    pub(crate) const FORK: u32 = 1;
    pub(crate) const EXEC: u32 = 2;
    pub(crate) const EXIT: u32 = 3;
    pub(crate) const CRED: u32 = 4;
    pub(crate) const SOCKET: u32 = 5;
    pub(crate) const NET: u32 = 6;
    pub(crate) const FIRST_EXEC: u32 = 7;
    pub(crate) const KILLED: u32 = 8;
    pub(crate) const CGROUP_MADE: u32 = 9;
    pub(crate) const CGROUP_GONE: u32 = 10;
    pub(crate) const DENIED: u32 = 11;
    pub(crate) const CALL: u32 = 12;
}

/// Of system calls.
pub(crate) mod call {
    /// Where the parts of `call_table` begin, and its size.
    pub(crate) const COMPAT: u32 = 1024;
    pub(crate) const SOCKET: u32 = 2048;
    pub(crate) const URING: u32 = 2080;
    pub(crate) const CALLS: u32 = 2336;

    pub(crate) const ARG_CWD: u8 = 6;
    pub(crate) const ARG_RESULT: u8 = 7;
    pub(crate) const ARG_NONE: u8 = 255;

    pub(crate) mod shape {
        pub(crate) const PLAIN: u8 = 0;
        pub(crate) const OPEN: u8 = 1;
        pub(crate) const OPEN_HOW: u8 = 2;
        pub(crate) const FCNTL: u8 = 3;
        pub(crate) const CLONE: u8 = 4;
        pub(crate) const CLONE3: u8 = 5;
        pub(crate) const ADDRESS: u8 = 6;
        pub(crate) const SEND: u8 = 7;
        pub(crate) const RECEIVE: u8 = 8;
        pub(crate) const MESSAGE: u8 = 9;
    }

    pub(crate) mod spec_flag {
        pub(crate) const FAILED: u8 = 1;
        pub(crate) const CRITICAL: u8 = 2;
        pub(crate) const ONLY_FAILED: u8 = 4;
        pub(crate) const PENDING: u8 = 8;
    }

    pub(crate) mod matching {
        pub(crate) const NAME: u32 = 1;
        pub(crate) const COMPONENT: u32 = 2;
    }

    pub(crate) mod via {
        pub(crate) const COMPAT: u8 = 1;
        pub(crate) const URING: u8 = 2;
    }

    /// Bits of a record's `flags`.
    pub(crate) mod flag {
        pub(crate) const FD: u32 = 1;
        pub(crate) const CREATED: u32 = 4;
        pub(crate) const UPPER: u32 = 8;
        pub(crate) const RESOLVED: u32 = 16;
        pub(crate) const CUT: u32 = 32;
        pub(crate) const BASE: u32 = 64;
        pub(crate) const OTHER_BASE: u32 = 128;
    }
}

pub(crate) mod exec_flag {
    pub(crate) const UPPER: u32 = 1;
    pub(crate) const UNLINKED: u32 = 2;
    pub(crate) const FOREIGN: u32 = 4;
    pub(crate) const OVERLAY: u32 = 8;
    pub(crate) const PATH_CUT: u32 = 16;
    pub(crate) const ARGV_CUT: u32 = 32;
    pub(crate) const CRED: u32 = 64;
    pub(crate) const HELD: u32 = 128;
}

pub(crate) mod policy_flag {
    pub(crate) const DRIFT_KILL: u32 = 1;
    pub(crate) const DENY_LIST: u32 = 2;
    pub(crate) const QUARANTINE: u32 = 4;
    pub(crate) const LOOPBACK: u32 = 8;
    pub(crate) const DRIFT_CODE: u32 = 16;
}

/// Bits of a policy's `guard`.
pub(crate) mod guard_flag {
    pub(crate) const FILES: u32 = 1;
    pub(crate) const TREES: u32 = 2;
    pub(crate) const MOUNT: u32 = 4;
    pub(crate) const PTRACE: u32 = 8;
    pub(crate) const BPF: u32 = 16;
    pub(crate) const MODULE: u32 = 32;
    pub(crate) const USERNS: u32 = 64;
    pub(crate) const SETUID: u32 = 128;
    pub(crate) const CAPSET: u32 = 256;
    pub(crate) const RAW_SOCKET: u32 = 512;
    pub(crate) const LISTEN: u32 = 1024;
    pub(crate) const ANON_EXEC: u32 = 2048;
    pub(crate) const PROFILE: u32 = 4096;
    pub(crate) const PARENTS: u32 = 8192;
    pub(crate) const BELOW: u32 = 16384;
    pub(crate) const ZERO_DRIFT: u32 = 32768;
    pub(crate) const PATTERNS: u32 = 65536;
    pub(crate) const DRIFT_CODE: u32 = 131_072;
}

/// What a [`ProgramKey`] is about.
pub(crate) mod program_kind {
    pub(crate) const FILE: u32 = 0;
    pub(crate) const NAME: u32 = 1;
    pub(crate) const BELOW: u32 = 2;
    pub(crate) const PARENT: u32 = 3;
}

/// Bits of a [`Program`].
pub(crate) mod program_flag {
    pub(crate) const DENY: u32 = 1;
    pub(crate) const UPDATE: u32 = 2;
}

pub(crate) const ANY_UID: u32 = u32::MAX;
/// Patterns one directory may have.
pub(crate) const PATTERNS: u32 = 8;

/// Bits of a [`FileRule`].
pub(crate) mod file_flag {
    pub(crate) const NO_READ: u32 = 1;
    pub(crate) const NO_WRITE: u32 = 2;
    pub(crate) const NO_EXEC: u32 = 4;
    pub(crate) const TREE: u32 = 8;
    pub(crate) const ANCESTOR: u32 = 16;
    pub(crate) const EXEMPT: u32 = 32;
    pub(crate) const CHILDREN: u32 = 64;
}

pub(crate) const DENIED_PATH_CUT: u32 = 1;
pub(crate) const DENIED_WATCHED: u32 = 2;
/// `RP_LAYOUT_VERSION` of `bpf/intf.h`.
pub(crate) const LAYOUT_VERSION: u32 = 2;
/// Marks a program's id in `own_objects`.
pub(crate) const OWN_PROGRAM: u32 = 1 << 31;

pub(crate) mod verdict {
    pub(crate) const ALLOW: u8 = 0;
    pub(crate) const LEARN: u8 = 1;
    pub(crate) const VIOLATE: u8 = 2;
    pub(crate) const DENY: u8 = 3;
}

pub(crate) mod class {
    pub(crate) const ANY: u16 = 0;
    pub(crate) const TCP: u16 = 1;
    pub(crate) const UDP: u16 = 2;
    pub(crate) const ICMP: u16 = 3;
    pub(crate) const SCTP: u16 = 4;
    pub(crate) const FIRST: u16 = 16;
}

pub(crate) mod count {
    pub(crate) const EVENTS: u32 = 0;
    pub(crate) const EVENTS_DROPPED: u32 = 1;
    pub(crate) const CRITICAL: u32 = 2;
    pub(crate) const CRITICAL_DROPPED: u32 = 3;
    pub(crate) const KILLED: u32 = 4;
    pub(crate) const HELD: u32 = 5;
    pub(crate) const CONNECTS_DENIED: u32 = 6;
    pub(crate) const PACKETS_DROPPED: u32 = 7;
    pub(crate) const EXECS_DENIED: u32 = 8;
    pub(crate) const FILES_DENIED: u32 = 9;
    pub(crate) const ACTS_DENIED: u32 = 10;
}

pub(crate) const LABEL_IGNORED: u32 = 1;
pub(crate) const FLOW_CLOSED: u8 = 1;
pub(crate) const EGRESS: u8 = 1;
pub(crate) const PORT_FIXED_BITS: u32 = 48;
pub(crate) const RULE_FIXED_BITS: u32 = 64;

/// A device number as the kernel keeps it, from what `stat` gives.
pub(crate) fn kernel_dev(dev: u64) -> u32 {
    (libc::major(dev) << 20) | (libc::minor(dev) & 0xf_ffff)
}

/// The other way round.
pub(crate) fn user_dev(dev: u32) -> u64 {
    libc::makedev(dev >> 20, dev & 0xf_ffff)
}
