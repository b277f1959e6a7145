//! Records of the rings become events. Records that are too short or of unknown kind give none:
//! both ends are built together, so that would be a corrupt ring.

use crate::{
    Cred, CredCause, Denied, DeniedOp, DenyReason, Direction, Event, Exec, Exit, FileId, FirstExec,
    Fork, KillReason, Killed, NetEvent, NetHook, Socket, SocketOp, Task,
    intf::{self, exec_flag, kind, verdict},
};
use rampart_model::{Timestamp, Verdict};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Stands for the middle of an argument list that was cut.
const GAP: &str = "…";

/// Turns kernel time into wall time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Unix time in nanoseconds at boot.
    boot_ns: i128,
}

impl Clock {
    pub(crate) fn now() -> Self {
        let wall = i128::from(clock_ns(libc::CLOCK_REALTIME));
        Self {
            boot_ns: wall - i128::from(clock_ns(libc::CLOCK_BOOTTIME)),
        }
    }

    pub(crate) fn wall(self, boot_ns: u64) -> Timestamp {
        let ms = (self.boot_ns + i128::from(boot_ns)).div_euclid(1_000_000);
        Timestamp::from_ms(i64::try_from(ms).unwrap_or(0))
    }
}

/// Nanoseconds of a clock; 0 if the kernel has no such clock.
pub(crate) fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: clock_gettime writes one timespec.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return 0;
    }
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    secs * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

pub(crate) fn decode(bytes: &[u8], clock: Clock) -> Option<Event> {
    let head: intf::Head = intf::read(bytes)?;
    let at = clock.wall(head.at_ns);
    Some(match head.kind {
        kind::FORK => fork(intf::read(bytes)?, at),
        kind::EXEC => Event::Exec(Box::new(exec(bytes, at)?.1)),
        kind::EXIT => {
            let record: intf::ExitRecord = intf::read(bytes)?;
            Event::Exit(Exit {
                at,
                task: task(&record.task),
                status: record.status,
            })
        }
        kind::CRED => cred(&intf::read(bytes)?, at)?,
        kind::SOCKET => socket(&intf::read(bytes)?, at)?,
        kind::NET => net(&intf::read(bytes)?, at),
        kind::FIRST_EXEC => {
            let (record, exec) = exec(bytes, at)?;
            let held = record.flags & exec_flag::HELD != 0;
            Event::FirstExec(Box::new(FirstExec { held, exec }))
        }
        kind::KILLED => {
            let (record, exec) = exec(bytes, at)?;
            Event::Killed(Box::new(Killed {
                reason: reason(record.reason)?,
                exec,
            }))
        }
        kind::CGROUP_MADE | kind::CGROUP_GONE => cgroup(bytes, head.kind)?,
        kind::DENIED => denied(bytes, at)?,
        kind::CALL => Event::Call(Box::new(crate::call::decode::decode(bytes, at)?)),
        _ => return None,
    })
}

fn fork(record: intf::ForkRecord, at: Timestamp) -> Event {
    Event::Fork(Fork {
        at,
        parent: task(&record.parent),
        child_pid: record.child_pid,
        child_label: record.child_label,
        child_cgroup_id: record.child_cgroup_id,
        child_start_ns: record.child_start_ns,
    })
}

fn denied(bytes: &[u8], at: Timestamp) -> Option<Event> {
    let record: intf::DeniedRecord = intf::read(bytes)?;
    let path = bytes.get(size_of::<intf::DeniedRecord>()..)?;
    let path = path.get(..usize::try_from(record.path_len).ok()?)?;
    let op = usize::try_from(record.op.checked_sub(1)?).ok()?;
    let reason = match record.reason {
        5 => DenyReason::Protected,
        6 => DenyReason::Guard,
        7 => DenyReason::Anonymous,
        8 => DenyReason::Profile,
        code => DenyReason::Exec(reason(code)?),
    };
    Some(Event::Denied(Box::new(Denied {
        at,
        task: task(&record.task),
        op: *DeniedOp::ALL.get(op)?,
        reason,
        rule: record.rule,
        watched: record.flags & intf::DENIED_WATCHED != 0,
        // A walk without a mount ends at the root of the file system, which names itself.
        path: text(path).replacen("//", "/", 1),
        path_truncated: record.flags & intf::DENIED_PATH_CUT != 0
            || std::str::from_utf8(path).is_err(),
        file: FileId {
            dev: intf::user_dev(record.dev),
            ino: record.ino,
        },
        detail: record.detail,
    })))
}

fn cgroup(bytes: &[u8], made: u32) -> Option<Event> {
    let record: intf::CgroupRecord = intf::read(bytes)?;
    let path = bytes.get(size_of::<intf::CgroupRecord>()..)?;
    let path = text(path.get(..record.path_len as usize)?);
    Some(if made == kind::CGROUP_MADE {
        Event::CgroupCreated {
            id: record.id,
            path,
        }
    } else {
        Event::CgroupRemoved {
            id: record.id,
            path,
        }
    })
}

fn cred(record: &intf::CredRecord, at: Timestamp) -> Option<Event> {
    let cause = match record.cause {
        1 => CredCause::Exec,
        2 => CredCause::Changed,
        3 => CredCause::Attempt {
            capability: record.capability,
            granted: record.granted != 0,
        },
        _ => return None,
    };
    Some(Event::Cred(Cred {
        at,
        task: task(&record.task),
        old_uid: record.old_uid,
        old_euid: record.old_euid,
        old_caps: record.old_caps,
        cause,
    }))
}

fn socket(record: &intf::SocketRecord, at: Timestamp) -> Option<Event> {
    let op = match record.op {
        1 => SocketOp::Connect,
        2 => SocketOp::Connected,
        3 => SocketOp::Accept,
        4 => SocketOp::Listen,
        5 => SocketOp::Close,
        _ => return None,
    };
    Some(Event::Socket(Socket {
        at,
        op,
        label: record.label,
        cgroup_id: record.cgroup_id,
        pid: record.pid,
        comm: comm(&record.comm),
        local: SocketAddr::new(address(record.local), record.local_port),
        peer: SocketAddr::new(address(record.peer), record.peer_port),
        duration_ns: record.duration_ns,
    }))
}

fn net(record: &intf::NetRecord, at: Timestamp) -> Event {
    Event::Verdict(NetEvent {
        at,
        label: record.label,
        direction: direction(record.dir),
        protocol: record.proto,
        local: SocketAddr::new(address(record.local), record.local_port),
        peer: SocketAddr::new(address(record.peer), record.peer_port),
        verdict: model_verdict(record.verdict),
        rule: record.rule,
        hook: match record.hook {
            1 => NetHook::Sock,
            3 => NetHook::Lsm,
            _ => NetHook::Packet,
        },
        pid: record.pid,
        comm: comm(&record.comm),
    })
}

fn exec(bytes: &[u8], at: Timestamp) -> Option<(intf::ExecRecord, Exec)> {
    let record: intf::ExecRecord = intf::read(bytes)?;
    let mut rest = bytes.get(size_of::<intf::ExecRecord>()..)?;
    let path = take(&mut rest, record.path_len)?;
    let cwd = take(&mut rest, record.cwd_len)?;
    let filename = take(&mut rest, record.filename_len)?;
    let head = take(&mut rest, record.argv_head_len)?;
    let tail = take(&mut rest, record.argv_tail_len)?;
    let (argv, argv_truncated) = arguments(head, tail, record.argv_bytes);
    let flag = |bit: u32| record.flags & bit != 0;
    let exec = Exec {
        at,
        task: task(&record.task),
        path: or_root(path, flag(exec_flag::PATH_CUT)),
        path_truncated: flag(exec_flag::PATH_CUT) || std::str::from_utf8(path).is_err(),
        filename: text(filename),
        file: FileId {
            dev: intf::user_dev(record.dev),
            ino: record.ino,
        },
        mode: record.mode,
        upper: flag(exec_flag::UPPER),
        unlinked: flag(exec_flag::UNLINKED),
        foreign: flag(exec_flag::FOREIGN),
        overlay: flag(exec_flag::OVERLAY),
        argv,
        argv_truncated: argv_truncated || flag(exec_flag::ARGV_CUT),
        argv_bytes: record.argv_bytes,
        cwd: or_root(cwd, false),
        tty: record.task.tty,
        gained: flag(exec_flag::CRED),
        prev_uid: record.prev_uid,
        prev_euid: record.prev_euid,
    };
    Some((record, exec))
}

pub(crate) fn take<'a>(rest: &mut &'a [u8], len: u16) -> Option<&'a [u8]> {
    let (front, back) = rest.split_at_checked(usize::from(len))?;
    *rest = back;
    Some(front)
}

/// The walk writes nothing for the root itself.
fn or_root(path: &[u8], cut: bool) -> String {
    if path.is_empty() && !cut {
        "/".to_owned()
    } else {
        text(path)
    }
}

/// Splits the argument block; a hole in its middle becomes an argument of its own.
fn arguments(head: &[u8], tail: &[u8], total: u64) -> (Vec<String>, bool) {
    let whole = (head.len() + tail.len()) as u64 >= total;
    let split = |block: &[u8]| -> Vec<String> {
        let block = block.strip_suffix(b"\0").unwrap_or(block);
        if block.is_empty() {
            Vec::new()
        } else {
            block.split(|b| *b == 0).map(text).collect()
        }
    };
    if whole {
        let mut block = head.to_vec();
        block.extend_from_slice(tail);
        return (split(&block), false);
    }
    let mut argv = split(head);
    argv.push(GAP.to_owned());
    argv.extend(split(tail));
    (argv, true)
}

fn reason(code: u32) -> Option<KillReason> {
    Some(match code {
        1 => KillReason::Fileless,
        2 => KillReason::Dropped,
        3 => KillReason::Tmpfs,
        4 => KillReason::Denied,
        _ => return None,
    })
}

pub(crate) fn task(record: &intf::TaskRecord) -> Task {
    Task {
        pid: record.pid,
        tid: record.tid,
        ppid: record.ppid,
        label: record.label,
        cgroup_id: record.cgroup_id,
        uid: record.uid,
        euid: record.euid,
        gid: record.gid,
        egid: record.egid,
        start_ns: record.start_ns,
        mount_ns: record.mount_ns,
        pid_ns: record.pid_ns,
        ns_pid: record.ns_pid,
        caps: record.caps,
        comm: comm(&record.comm),
    }
}

fn comm(bytes: &[u8]) -> String {
    text(bytes.split(|b| *b == 0).next().unwrap_or_default())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn address(bytes: [u8; 16]) -> IpAddr {
    let v6 = Ipv6Addr::from(bytes);
    v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
}

pub(crate) fn direction(dir: u8) -> Direction {
    if dir == intf::EGRESS {
        Direction::Egress
    } else {
        Direction::Ingress
    }
}

pub(crate) fn model_verdict(code: u8) -> Verdict {
    match code {
        verdict::LEARN => Verdict::Learn,
        verdict::VIOLATE => Verdict::Violate,
        verdict::DENY => Verdict::Deny,
        _ => Verdict::Allow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argument_blocks() {
        let words = |v: &[&str]| v.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            arguments(b"ls\0-l\0", b"", 6),
            (words(&["ls", "-l"]), false)
        );
        assert_eq!(
            arguments(b"ls\0-", b"l\0", 6),
            (words(&["ls", "-l"]), false)
        );
        assert_eq!(arguments(b"", b"", 0), (vec![], false));
        assert_eq!(arguments(b"sh\0\0", b"", 4), (words(&["sh", ""]), false));
        assert_eq!(
            arguments(b"sh\0aaa", b"zz\0", 900),
            (words(&["sh", "aaa", GAP, "zz"]), true)
        );
        assert_eq!(arguments(b"\xff\0", b"", 2).0, words(&["\u{fffd}"]));
    }

    #[test]
    fn short_records_give_nothing() {
        let clock = Clock::now();
        for kind in 0..14u32 {
            for len in [0usize, 4, 15, 16, 20, 31] {
                let mut bytes = vec![0u8; len];
                if let Some(front) = bytes.get_mut(..4) {
                    front.copy_from_slice(&kind.to_ne_bytes());
                }
                assert!(decode(&bytes, clock).is_none(), "kind {kind}, {len} bytes");
            }
        }
    }

    #[test]
    fn lengths_beyond_the_record_give_nothing() {
        let mut record: intf::ExecRecord = intf::zeroed();
        record.head.kind = kind::EXEC;
        record.argv_head_len = 100;
        assert!(decode(intf::bytes_of(&record), Clock::now()).is_none());
    }

    #[test]
    fn device_numbers_round_trip() {
        for (major, minor) in [(0, 35), (253, 1), (8, 0xf_ffff), (4095, 7)] {
            let dev = libc::makedev(major, minor);
            assert_eq!(intf::user_dev(intf::kernel_dev(dev)), dev);
        }
    }
}
