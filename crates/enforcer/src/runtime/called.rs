//! Detection rules on system calls: what the kernel told of one, as the event that rules know.
//!
//! Limits: fields that no fact stands for have no value: names of addresses (`fd.sip.name`), the
//! data that was sent or read, what other descriptors are. A call is told after it returned.

use super::{
    Runtime, State,
    call_arg::{self, open_flags},
    detection::Detection,
    evaluate::{Act, lineage, short},
    member::Member,
    seed,
    table::Process,
};
use rampart_detect::{
    Event, EventType,
    field::{Connection, Fd, FdKind},
};
use rampart_probe::{Address, Call, CallFd, CallFdKind, Denied, DeniedOp, Via};
use std::{borrow::Cow, net::SocketAddr};

const EINPROGRESS: i64 = -115;
const TCP: u8 = 6;
/// EPERM.
const REFUSED: i64 = -1;

impl Runtime {
    pub(super) fn detect_call(&self, call: &Call) {
        let kind = EventType::named(call.name);
        let Some(detection) = self.detection.get() else {
            return;
        };
        let member = self.member(call.task.label);
        let member = member.as_deref();
        let state = self.lock();
        let gone;
        let process = match state.table.live(call.task.pid) {
            Some(process) => process,
            None => {
                gone = unknown(call);
                &gone
            }
        };
        self.burst_of_calls(detection, call, peer(call), process, member, &state);
        if detection.rules.wants(kind) && !is_told_elsewhere(call) {
            self.called(detection, kind, call, process, member, &state);
        }
    }

    /// Where the kernel does not tell calls that failed, the refusal stands for the call: with what
    /// is known of it, and no arguments.
    pub(super) fn detect_denied(&self, denied: &Denied, member: &Member) {
        let told = |d: &Detection| d.sees_calls() && d.filter.failed;
        let Some(name) = call_of(denied.op) else {
            return;
        };
        let kind = EventType::named(name);
        let Some(detection) = self.wanting(kind).filter(|d| !told(d)) else {
            return;
        };
        let write = matches!(denied.op, DeniedOp::OpenWrite | DeniedOp::Create);
        let call = Call {
            at: denied.at,
            task: denied.task.clone(),
            name,
            via: Via::Native,
            result: REFUSED,
            // Of an open, the access mode; of the others what they need not have.
            args: [0, 0, u64::from(write), 0, 0, 0],
            fd: None,
            path: denied.path.clone(),
            given: String::new(),
            other_path: String::new(),
            resolved: true,
            truncated: denied.path_truncated,
            address: None,
        };
        let state = self.lock();
        if let Some(process) = state.table.live(denied.task.pid) {
            self.called(detection, kind, &call, process, Some(member), &state);
        }
    }

    fn called(
        &self,
        detection: &Detection,
        kind: EventType,
        call: &Call,
        process: &Process,
        member: Option<&Member>,
        state: &State,
    ) {
        let mut lineage = lineage(process, state);
        if let Some(own) = lineage.first_mut() {
            own.name = short(&call.task.comm, &process.image.name);
            own.vpid = Some(i64::from(call.task.ns_pid));
            // In a new user namespace it has them all: what it had before tells more.
            if !matches!(call.name, "unshare" | "setns" | "clone" | "clone3") {
                own.cap_effective = Some(call.task.caps);
            }
        }
        let args = call_arg::args(call);
        let fd = descriptor(call);
        let event = Event {
            kind,
            result: Some(call.result),
            fd,
            args: args.as_slice(),
            ..Event::default()
        };
        let act = Act {
            at: call.at,
            process,
            uid: process.uid,
            member,
            operation: operation(call),
            about: about(call),
            file: file(call),
        };
        self.evaluate(detection, &act, event, &lineage, state);
        // Rules name links of /proc by what they are called, not by what they lead to.
        if call.given.starts_with("/proc/")
            && let Some(fd) = fd
        {
            let named = Event {
                fd: Some(Fd {
                    name: call.given.as_bytes(),
                    kind: FdKind::File,
                    ..fd
                }),
                ..event
            };
            self.evaluate(detection, &act, named, &lineage, state);
        }
    }
}

fn call_of(op: DeniedOp) -> Option<&'static str> {
    Some(match op {
        DeniedOp::OpenRead | DeniedOp::OpenWrite => "openat",
        DeniedOp::Truncate => "truncate",
        DeniedOp::Unlink => "unlinkat",
        DeniedOp::Rename => "renameat",
        DeniedOp::Link => "linkat",
        DeniedOp::Create => "openat",
        DeniedOp::Attrib => "fchmodat",
        DeniedOp::Mount => "mount",
        DeniedOp::Unmount => "umount2",
        DeniedOp::Socket => "socket",
        DeniedOp::Listen => "listen",
        DeniedOp::SetUid => "setuid",
        DeniedOp::CapSet => "capset",
        DeniedOp::Ptrace => "ptrace",
        DeniedOp::Bpf => "bpf",
        DeniedOp::Module => "finit_module",
        DeniedOp::UserNamespace => "unshare",
        DeniedOp::Kill => "kill",
        // Told with the program that was to run, or no call of its own.
        _ => return None,
    })
}

/// Connections and listeners of TCP are told by the socket itself, and an identity that changed by
/// the credentials; what was refused is told here only.
fn is_told_elsewhere(call: &Call) -> bool {
    let worked = call.result >= 0 || call.result == EINPROGRESS;
    match call.name {
        "connect" | "accept" | "accept4" | "listen" => {
            let refused = matches!(call.result, -1 | -13);
            is_tcp(call) && !refused
        }
        "setuid" => worked,
        _ => false,
    }
}

fn is_tcp(call: &Call) -> bool {
    let fd = call.fd.as_ref();
    fd.is_some_and(|fd| fd.kind == CallFdKind::Inet && fd.protocol == TCP)
}

/// A process that ended before it was known, or whose start was lost.
fn unknown(call: &Call) -> Process {
    Process {
        pid: call.task.pid,
        ppid: call.task.ppid,
        start_ns: call.task.start_ns,
        uid: call.task.uid,
        euid: call.task.euid,
        ..seed::from_proc(call.task.pid, call.task.label)
    }
}

fn operation(call: &Call) -> &'static str {
    let event = EventType::named(call.name);
    match event.is_open() {
        true if open_flags(call) & 3 == 0 => "open-read",
        true => "open-write",
        false => call.name,
    }
}

fn file(call: &Call) -> Option<&str> {
    let opened = call.fd.as_ref().map(|fd| fd.path.as_str());
    [opened, Some(&call.path)]
        .into_iter()
        .flatten()
        .find(|path| path.starts_with('/'))
}

/// What makes it another act than the one before.
fn about(call: &Call) -> Cow<'_, str> {
    if let Some(peer) = peer(call).or(local(call)) {
        return peer.to_string().into();
    }
    if let Some(file) = file(call) {
        return match call.other_path.as_str() {
            "" => file.into(),
            other => format!("{file} {other}").into(),
        };
    }
    match (&call.fd, &call.address) {
        (_, Some(Address::Unix(path))) => path.into(),
        (Some(fd), _) if !fd.path.is_empty() => (&fd.path).into(),
        _ if !call.path.is_empty() => (&call.path).into(),
        _ => format!("{:x}", call.args[0]).into(),
    }
}

fn peer(call: &Call) -> Option<SocketAddr> {
    match (&call.address, call.name) {
        (_, "bind" | "listen") => None,
        (Some(Address::Inet(peer)), _) => Some(*peer),
        _ => call.fd.as_ref().and_then(|fd| fd.peer),
    }
}

fn local(call: &Call) -> Option<SocketAddr> {
    match (&call.address, call.name) {
        (Some(Address::Inet(local)), "bind") => Some(*local),
        _ => call.fd.as_ref().and_then(|fd| fd.local),
    }
}

fn descriptor(call: &Call) -> Option<Fd<'_>> {
    let kind = EventType::named(call.name);
    let Some(fd) = &call.fd else {
        // An open that failed has a path and no descriptor.
        return kind.is_open().then(|| Fd {
            name_raw: call.path.as_bytes(),
            ..Fd::file(-1, call.path.as_bytes())
        });
    };
    let number = i64::from(fd.number);
    let name = match (&call.address, fd.path.as_str()) {
        (Some(Address::Unix(path)), _) => path.as_str(),
        (_, "") if kind.is_open() => call.path.as_str(),
        (_, path) => path,
    };
    if fd.kind == CallFdKind::Inet {
        return Some(Fd::socket(number, connection(call, fd)));
    }
    let raw = [call.given.as_str(), name];
    let raw = raw.into_iter().find(|text| !text.is_empty());
    Some(Fd {
        kind: fd_kind(fd),
        name_raw: raw.unwrap_or_default().as_bytes(),
        dev: i64::try_from(fd.file.dev).ok(),
        ino: i64::try_from(fd.file.ino).ok(),
        upper_layer: fd.upper,
        ..Fd::file(number, name.as_bytes())
    })
}

fn connection<'a>(call: &Call, fd: &CallFd) -> Connection<'a> {
    let ends = |end: Option<SocketAddr>| end.map(|end| (end.ip(), end.port()));
    let is_server = matches!(call.name, "bind" | "listen" | "accept" | "accept4");
    Connection {
        protocol: match (fd.protocol, fd.socket_type) {
            (6, _) => b"tcp",
            (17, _) => b"udp",
            (1 | 58, _) => b"icmp",
            (_, 3) => b"raw",
            (_, 1) => b"tcp",
            (_, 2) => b"udp",
            _ => b"<NA>",
        },
        local: ends(local(call)),
        remote: ends(peer(call)),
        is_server,
        connected: Some(fd.peer.is_some() && !call.name.starts_with("send")),
        name_changed: Some(call.address.is_some()),
    }
}

fn fd_kind(fd: &CallFd) -> FdKind {
    match fd.kind {
        CallFdKind::File | CallFdKind::Character | CallFdKind::Block => FdKind::File,
        CallFdKind::Directory => FdKind::Directory,
        CallFdKind::Pipe => FdKind::Pipe,
        CallFdKind::Unix => FdKind::Unix,
        CallFdKind::Unlinked if fd.path.contains("memfd:") => FdKind::Memfd,
        CallFdKind::Unlinked => FdKind::File,
        CallFdKind::Socket if fd.family == 16 => FdKind::Netlink,
        // Connections have more to tell than a kind.
        CallFdKind::Inet if fd.family == 10 => FdKind::Ipv6,
        CallFdKind::Inet => FdKind::Ipv4,
        CallFdKind::Socket | CallFdKind::Other => FdKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        link::{Spool, SpoolLimits},
        outbox::Outbox,
        runtime::TableLimits,
    };
    use rampart_detect::{Options, RuleFile, Rules, builtin};
    use rampart_model::{Timestamp, Workload};
    use rampart_probe::{Event as Fact, Exec, FileId, Task};
    use std::{sync::Arc, time::Instant};

    fn runtime(rules: Rules) -> Runtime {
        let out = Outbox {
            spool: Arc::new(Spool::in_memory(SpoolLimits::default())),
            node: "node-1".into(),
            node_name: "one".to_owned(),
        };
        let runtime = Runtime::new(out, TableLimits::default(), Vec::new());
        runtime.set_rules(Arc::new(rules));
        let plan = crate::runtime::Plan::default();
        let member = Member::new(7, Workload::default(), plan);
        runtime.add_member(Arc::new(member));
        for (pid, ppid) in [(1, 0), (20, 1), (30, 20), (40, 30)] {
            let exec = Exec {
                task: Task {
                    pid,
                    ppid,
                    label: 7,
                    ..Task::default()
                },
                path: "/usr/bin/app".to_owned(),
                argv: vec!["app".to_owned(), "--serve".to_owned()],
                ..Exec::default()
            };
            runtime.handle(&Fact::Exec(Box::new(exec)));
        }
        runtime
    }

    fn opened(at: usize) -> Call {
        let path = format!("/var/lib/app/{at}.dat");
        Call {
            at: Timestamp::from_ms(1_700_000_000_000),
            task: Task {
                pid: 40,
                label: 7,
                comm: "app".to_owned(),
                ..Task::default()
            },
            name: "openat",
            via: Via::Native,
            result: 5,
            args: [
                0,
                0,
                if at.is_multiple_of(2) { 0 } else { 0o1101 },
                0o644,
                0,
                0,
            ],
            fd: Some(CallFd {
                number: 5,
                kind: CallFdKind::File,
                file: FileId { dev: 1, ino: 2 },
                path: path.clone(),
                ..CallFd::default()
            }),
            path,
            given: String::new(),
            other_path: String::new(),
            resolved: true,
            truncated: false,
            address: None,
        }
    }

    #[test]
    #[ignore = "measures: cargo test --release -p rampart-enforcer --lib -- --ignored --nocapture cost"]
    #[allow(clippy::print_stdout)]
    fn cost_of_a_call() {
        let files: Vec<_> = builtin::ALL
            .iter()
            .map(|(name, text)| RuleFile { name, text })
            .collect();
        let mut sets = vec![("our rules", files)];
        let folder = std::env::vars_os().find(|(name, _)| name == "FALCO_RULES");
        let folder = folder.map_or_else(Default::default, |(_, path)| {
            path.to_string_lossy().into_owned()
        });
        let texts: Vec<_> = [
            "falco_rules",
            "falco-incubating_rules",
            "falco-sandbox_rules",
        ]
        .iter()
        .filter_map(|name| std::fs::read_to_string(format!("{folder}/{name}.yaml")).ok())
        .collect();
        let falco = texts.iter().map(|text| RuleFile { name: "f", text });
        sets.push(("Falco's", falco.collect()));
        for (name, files) in sets {
            let (rules, _) = Rules::load(&files, &Options::default());
            let count = rules.rules().len();
            let runtime = runtime(rules);
            let calls: Vec<_> = (0..1000)
                .map(|at| Fact::Call(Box::new(opened(at))))
                .collect();
            let mut best = f64::MAX;
            for _ in 0..7 {
                let start = Instant::now();
                for _ in 0..100 {
                    calls.iter().for_each(|call| runtime.handle(call));
                }
                best = best.min(start.elapsed().as_secs_f64());
            }
            println!("{name}: {count} rules, {:.0} calls/s", 100_000.0 / best);
        }
    }
}
