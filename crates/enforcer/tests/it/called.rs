//! Detection rules on system calls: which are asked for, and what rules see of each.

use crate::fake::*;
use rampart_detect::{Options, RuleFile, Rules};
use rampart_model::{LogLevel, Mode, Report, RuleState, Timestamp};
use rampart_probe::{
    Address, Call, CallFd, CallFdKind, Denied, DeniedOp, DenyReason, Event, FileAct, FileId,
    FileOp, Socket, SocketOp, Task, Via,
};
use std::{net::SocketAddr, sync::Arc};

const SH: u32 = 9_000_200;

/// One rule for each case, and one that ends the wait.
fn rules(conditions: &[(&str, &str)]) -> Rules {
    let text: String = conditions
        .iter()
        .map(|(name, condition)| {
            format!(
                "- rule: {name}\n  desc: d\n  condition: >\n    {condition}\n  output: >\n    \
                 %evt.type %evt.res fd=%fd.name args=%evt.args\n  priority: WARNING\n"
            )
        })
        .collect();
    let text = format!(
        "{text}- rule: End\n  desc: d\n  condition: evt.type=chroot\n  output: o\n  priority: INFO\n"
    );
    let file = RuleFile {
        name: "rules.yaml",
        text: &text,
    };
    let (rules, told) = Rules::load(&[file], &Options::default());
    assert_eq!(rules.rules().len(), conditions.len() + 1, "{told:?}");
    rules
}

async fn bed(conditions: &[(&str, &str)], tells: bool) -> (Bed, u32) {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let mut config = config(dir.path());
    config.rules = Some(Arc::new(rules(conditions)));
    let mut kernel = FakeKernel::default();
    *kernel.tells_calls.get_mut() = tells;
    let uplink = FakeUplink::new(policy(1, Mode::Discover, &[]));
    let bed = Bed::with_kernel(kernel, dir, uplink, config).await;
    let label = bed.start("web", 9_000_100, "/usr/sbin/nginx").await;
    bed.exec(label, SH, 9_000_100, "/bin/sh");
    (bed, label)
}

fn call(label: u32, name: &'static str, result: i64) -> Call {
    Call {
        at: Timestamp::from_ms(1_700_000_000_000),
        task: Task {
            pid: SH,
            tid: SH,
            label,
            comm: "sh".to_owned(),
            ns_pid: 7,
            ..Task::default()
        },
        name,
        via: Via::Native,
        result,
        args: [0; 6],
        fd: None,
        path: String::new(),
        given: String::new(),
        other_path: String::new(),
        resolved: false,
        truncated: false,
        address: None,
    }
}

fn file(number: i32, path: &str) -> CallFd {
    CallFd {
        number,
        kind: CallFdKind::File,
        file: FileId { dev: 1, ino: 77 },
        path: path.to_owned(),
        ..CallFd::default()
    }
}

fn socket(number: i32, protocol: u8, local: &str, peer: Option<&str>) -> CallFd {
    CallFd {
        number,
        kind: CallFdKind::Inet,
        protocol,
        family: 2,
        socket_type: if protocol == 6 { 1 } else { 2 },
        local: local.parse().ok(),
        peer: peer.map(|peer| peer.parse().unwrap()),
        ..CallFd::default()
    }
}

fn inet(address: &str) -> Option<Address> {
    let address: SocketAddr = address.parse().unwrap();
    Some(Address::Inet(address))
}

/// Rules that matched, in their order.
async fn matched(bed: &Bed, label: u32, calls: Vec<Call>) -> Vec<String> {
    for call in calls {
        bed.emit(Event::Call(Box::new(call)));
    }
    bed.emit(Event::Call(Box::new(call(label, "chroot", 0))));
    until("the last call", || {
        let all = bed.uplink.incidents();
        let names: Vec<_> = all
            .into_iter()
            .map(|(_, incident)| incident.rule_id)
            .collect();
        names.contains(&"End".to_owned()).then_some(names)
    })
    .await
    .into_iter()
    .filter(|name| name != "End")
    .collect()
}

/// A condition, a call that fulfils it, and one like it that does not.
type Case = (
    &'static str,
    fn(Call) -> Call,
    fn(Call) -> Call,
    &'static str,
);

const CASES: &[Case] = &[
    (
        "evt.type=openat and evt.is_open_read=true and fd.name=/etc/shadow and fd.num=5 \
         and fd.typechar=f and fd.directory=/etc and fd.filename=shadow and fd.ino=77",
        |c| Call {
            fd: Some(file(5, "/etc/shadow")),
            ..c
        },
        |mut c| {
            c.args[2] = 1;
            Call {
                fd: Some(file(5, "/etc/shadow")),
                ..c
            }
        },
        "openat",
    ),
    (
        "evt.type=openat and fd.nameraw glob \"/proc/*/exe\" and fd.name=/bin/app and evt.arg.name=/bin/app",
        |c| Call {
            fd: Some(file(5, "/bin/app")),
            path: "/bin/app".into(),
            given: "/proc/self/exe".into(),
            ..c
        },
        |c| Call {
            fd: Some(file(5, "/bin/app")),
            path: "/bin/app".into(),
            ..c
        },
        "openat",
    ),
    (
        "evt.type=openat and fd.num=-1 and evt.res=EACCES and fd.name=/etc/shadow",
        |c| Call {
            result: -13,
            path: "/etc/shadow".into(),
            ..c
        },
        |c| Call {
            result: -2,
            path: "/etc/shadow".into(),
            ..c
        },
        "openat",
    ),
    (
        "evt.type=openat and evt.is_open_write=true and evt.is_open_create=true and evt.is_open_exec=true \
         and evt.arg.flags contains O_CREAT and fd.name=/tmp/x",
        |mut c| {
            (c.args[2], c.args[3]) = (0o101, 0o755);
            Call {
                fd: Some(file(4, "/tmp/x")),
                ..c
            }
        },
        |mut c| {
            (c.args[2], c.args[3]) = (0o101, 0o644);
            Call {
                fd: Some(file(4, "/tmp/x")),
                ..c
            }
        },
        "openat",
    ),
    (
        "evt.type=chmod and evt.arg.mode contains S_ISUID and evt.arg.filename=/tmp/s",
        |mut c| {
            c.args[1] = 0o4755;
            Call {
                path: "/tmp/s".into(),
                ..c
            }
        },
        |mut c| {
            c.args[1] = 0o755;
            Call {
                path: "/tmp/s".into(),
                ..c
            }
        },
        "chmod",
    ),
    (
        "evt.type=renameat2 and evt.arg.oldpath=/a and evt.arg.newpath=/b",
        |c| Call {
            path: "/a".into(),
            other_path: "/b".into(),
            ..c
        },
        |c| Call {
            path: "/b".into(),
            other_path: "/a".into(),
            ..c
        },
        "renameat2",
    ),
    (
        "evt.type=symlinkat and evt.arg.target=/etc and evt.arg.linkpath=/tmp/l",
        |c| Call {
            path: "/etc".into(),
            other_path: "/tmp/l".into(),
            ..c
        },
        |c| Call {
            path: "/opt".into(),
            other_path: "/tmp/l".into(),
            ..c
        },
        "symlinkat",
    ),
    (
        "evt.type=unlinkat and evt.arg.name endswith .log and evt.rawres >= 0",
        |c| Call {
            path: "/var/a.log".into(),
            ..c
        },
        |c| Call {
            path: "/var/a.log".into(),
            result: -2,
            ..c
        },
        "unlinkat",
    ),
    (
        "evt.type=setxattr and evt.arg.name=security.capability and evt.arg.path=/tmp/x",
        |c| Call {
            path: "/tmp/x".into(),
            other_path: "security.capability".into(),
            ..c
        },
        |c| Call {
            path: "/tmp/x".into(),
            other_path: "user.x".into(),
            ..c
        },
        "setxattr",
    ),
    (
        "evt.type=ptrace and evt.arg.request contains PTRACE_ATTACH and evt.arg.pid=1",
        |mut c| {
            (c.args[0], c.args[1]) = (16, 1);
            c
        },
        |mut c| {
            (c.args[0], c.args[1]) = (0, 1);
            c
        },
        "ptrace",
    ),
    (
        "evt.type=mount and evt.arg.dir=/mnt and evt.arg.dev=proc and evt.arg.flags contains MS_BIND",
        |mut c| {
            c.args[3] = 0x1000;
            Call {
                path: "proc".into(),
                other_path: "/mnt".into(),
                ..c
            }
        },
        |c| Call {
            path: "proc".into(),
            other_path: "/mnt".into(),
            ..c
        },
        "mount",
    ),
    (
        "evt.type=unshare and evt.arg.flags contains CLONE_NEWUSER and evt.res=EPERM",
        |mut c| {
            c.args[0] = 0x1000_0000;
            Call { result: -1, ..c }
        },
        |mut c| {
            c.args[0] = 0x2_0000;
            Call { result: -1, ..c }
        },
        "unshare",
    ),
    (
        "evt.type=bpf and evt.arg.cmd=BPF_LINK_DETACH",
        |mut c| {
            c.args[0] = 34;
            c
        },
        |c| c,
        "bpf",
    ),
    (
        "evt.type=socket and evt.arg.domain contains AF_PACKET and evt.arg.type contains SOCK_RAW",
        |mut c| {
            (c.args[0], c.args[1]) = (17, 3 | 0o2_000_000);
            c
        },
        |mut c| {
            (c.args[0], c.args[1]) = (2, 3);
            c
        },
        "socket",
    ),
    (
        "evt.type=mknodat and evt.arg.mode contains S_IFBLK and evt.arg.path=/tmp/d",
        |mut c| {
            c.args[2] = 0o60_660;
            Call {
                path: "/tmp/d".into(),
                ..c
            }
        },
        |mut c| {
            c.args[2] = 0o10_660;
            Call {
                path: "/tmp/d".into(),
                ..c
            }
        },
        "mknodat",
    ),
    (
        "evt.type in (dup, dup2) and evt.rawres in (0, 1, 2) and fd.typechar=4 and fd.sip=203.0.113.9 \
         and fd.sport=4444 and fd.l4proto=tcp and fd.name=\"10.0.0.5:40000->203.0.113.9:4444\" \
         and proc.vpid=7 and container.id != host",
        |c| Call {
            fd: Some(socket(0, 6, "10.0.0.5:40000", Some("203.0.113.9:4444"))),
            ..c
        },
        |c| Call {
            fd: Some(file(0, "/dev/null")),
            ..c
        },
        "dup2",
    ),
    (
        "evt.type=connect and fd.l4proto=udp and fd.rport=53 and fd.rip=203.0.113.9",
        |c| Call {
            fd: Some(socket(3, 17, "10.0.0.5:40000", None)),
            address: inet("203.0.113.9:53"),
            ..c
        },
        |c| Call {
            fd: Some(socket(3, 17, "10.0.0.5:40000", None)),
            address: inet("203.0.113.9:54"),
            ..c
        },
        "connect",
    ),
    (
        "evt.type=sendto and fd.l4proto != tcp and fd.connected=false and fd.name_changed=true \
         and fd.sport=22",
        |c| Call {
            fd: Some(socket(3, 17, "10.0.0.5:40000", None)),
            address: inet("203.0.113.9:22"),
            ..c
        },
        |c| Call {
            fd: Some(socket(3, 17, "10.0.0.5:40000", None)),
            address: inet("203.0.113.9:23"),
            ..c
        },
        "sendto",
    ),
    (
        "evt.type=connect and fd.typechar=u and fd.name endswith docker.sock",
        |c| Call {
            fd: Some(CallFd {
                number: 3,
                kind: CallFdKind::Unix,
                ..CallFd::default()
            }),
            address: Some(Address::Unix("/run/docker.sock".into())),
            ..c
        },
        |c| Call {
            fd: Some(CallFd {
                number: 3,
                kind: CallFdKind::Unix,
                ..CallFd::default()
            }),
            address: Some(Address::Unix("/run/nscd/socket".into())),
            ..c
        },
        "connect",
    ),
    (
        "evt.type=bind and fd.sport=31337 and fd.sip=0.0.0.0",
        |c| Call {
            fd: Some(socket(3, 6, "0.0.0.0:31337", None)),
            address: inet("0.0.0.0:31337"),
            ..c
        },
        |c| Call {
            fd: Some(socket(3, 6, "0.0.0.0:8080", None)),
            address: inet("0.0.0.0:8080"),
            ..c
        },
        "bind",
    ),
    (
        "evt.type=setresuid and evt.arg.uid=0 and evt.arg.euid=-1",
        |mut c| {
            c.args[..3].copy_from_slice(&[0, 0xffff_ffff, 0xffff_ffff]);
            c
        },
        |mut c| {
            c.args[..3].copy_from_slice(&[5, 0xffff_ffff, 0xffff_ffff]);
            c
        },
        "setresuid",
    ),
    (
        "evt.type=fcntl and evt.arg.cmd contains F_DUPFD",
        |c| c,
        |mut c| {
            c.args[1] = 3;
            c
        },
        "fcntl",
    ),
    (
        "evt.type=kill and evt.arg.sig=SIGKILL and evt.arg.pid=-1",
        |mut c| {
            (c.args[0], c.args[1]) = (u64::MAX, 9);
            c
        },
        |mut c| {
            (c.args[0], c.args[1]) = (u64::MAX, 15);
            c
        },
        "kill",
    ),
];

#[tokio::test]
async fn each_call_has_the_arguments_that_rules_know() {
    let names: Vec<String> = (0..CASES.len()).map(|at| format!("case {at}")).collect();
    let conditions: Vec<_> = names
        .iter()
        .zip(CASES)
        .map(|(name, (condition, ..))| (name.as_str(), *condition))
        .collect();
    let (bed, label) = bed(&conditions, true).await;
    let unlike = CASES
        .iter()
        .map(|(.., unlike, name)| unlike(call(label, name, 0)));
    let unlike: Vec<_> = unlike.collect();
    let like = CASES
        .iter()
        .map(|(_, like, _, name)| like(call(label, name, 0)));
    let found = matched(&bed, label, like.collect()).await;
    assert_eq!(found, names);
    for call in unlike {
        bed.emit(Event::Call(Box::new(call)));
    }
    let (_, uplink) = bed.stop().await;
    let all = uplink.incidents().into_iter();
    let rest: Vec<_> = all
        .map(|(_, i)| i.rule_id)
        .filter(|id| id != "End")
        .collect();
    assert_eq!(rest, names, "calls that are unlike the rules");
}

#[tokio::test]
async fn the_kernel_is_asked_for_what_the_rules_need() {
    let (bed, _) = bed(
        &[(
            "Secret",
            "evt.type in (open, openat) and evt.is_open_read=true and fd.num >= 0 \
             and fd.name startswith /etc/secret and container.id != host",
        )],
        true,
    )
    .await;
    let filter = bed.kernel.watched.lock().unwrap().clone().unwrap();
    assert!(filter.calls.contains("openat") && filter.calls.contains("chroot"));
    assert!(!filter.calls.contains("ptrace") && !filter.calls.contains("execve"));
    let reads = filter.reads.unwrap();
    assert_eq!(
        reads.prefixes.into_iter().collect::<Vec<_>>(),
        ["/etc/secret"]
    );
    let rules = until("the rules", || {
        let all = bed.uplink.reports().into_iter();
        let mut rules = all.filter_map(|report| match report {
            Report::DetectionRules(rules) => Some(rules),
            _ => None,
        });
        rules.next()
    })
    .await;
    assert!(
        rules.iter().all(|rule| rule.state == RuleState::Live),
        "{rules:?}"
    );
}

#[tokio::test]
async fn a_connection_is_told_once_and_a_refused_one_too() {
    let to_4444 = "evt.type=connect and fd.sport=4444";
    let (bed, label) = bed(&[("Out", to_4444)], true).await;
    let connect = |result, peer: &str| Call {
        fd: Some(socket(3, 6, "10.0.0.5:40000", None)),
        address: inet(peer),
        ..call(label, "connect", result)
    };
    bed.emit(Event::Socket(Socket {
        at: Timestamp::from_ms(1_700_000_000_000),
        op: SocketOp::Connect,
        label,
        cgroup_id: 0,
        pid: SH,
        comm: "sh".to_owned(),
        local: "10.0.0.5:40000".parse().unwrap(),
        peer: "203.0.113.9:4444".parse().unwrap(),
        duration_ns: 0,
    }));
    let told = matched(
        &bed,
        label,
        vec![
            connect(-115, "203.0.113.9:4444"),
            connect(-1, "203.0.113.8:4444"),
        ],
    )
    .await;
    assert_eq!(told, ["Out", "Out"]);
    let stats = until("the count", || {
        let all = bed.uplink.reports().into_iter();
        let mut stats = all.filter_map(|report| match report {
            Report::Stats(stats) => Some(stats.detection),
            _ => None,
        });
        stats.find(|stats| stats.hits.contains_key("End"))
    })
    .await;
    assert_eq!(stats.hits["Out"].count, 2, "the attempt is one event");
}

#[tokio::test]
async fn changes_of_watched_files_are_not_told_twice() {
    let (bed, label) = bed(
        &[(
            "Log",
            "evt.type in (unlink, unlinkat) and evt.arg.path endswith .log",
        )],
        true,
    )
    .await;
    bed.emit(Event::File(Box::new(FileAct {
        at: Timestamp::from_ms(1_700_000_000_000),
        label,
        pid: SH,
        actor_label: label,
        ops: vec![FileOp::Delete],
        path: "/var/other.log".to_owned(),
        new_path: None,
        directory: false,
    })));
    let unlink = Call {
        path: "/var/app.log".into(),
        ..call(label, "unlink", 0)
    };
    assert_eq!(matched(&bed, label, vec![unlink]).await, ["Log"]);
}

#[tokio::test]
async fn a_process_nobody_knows_of_is_still_told() {
    let (bed, label) = bed(&[("Traced", "evt.type=ptrace and user.uid=33")], true).await;
    let mut unknown = call(label, "ptrace", 0);
    (unknown.task.pid, unknown.task.uid) = (9_000_999, 33);
    assert_eq!(matched(&bed, label, vec![unknown]).await, ["Traced"]);
    let all = bed.uplink.incidents();
    let (record, incident) = all.iter().find(|(_, i)| i.rule_id == "Traced").unwrap();
    assert_eq!(
        (record.level, incident.process.pid),
        (LogLevel::Warning, 9_000_999)
    );
}

#[tokio::test]
async fn what_was_refused_is_an_event_where_calls_are_not_told() {
    for tells in [false, true] {
        let (bed, label) = bed(
            &[(
                "Refused",
                "evt.type=ptrace and evt.res=EPERM or evt.type=openat and fd.name=/etc/shadow and evt.rawres < 0",
            )],
            tells,
        )
        .await;
        let denied = |op, path: &str| {
            Event::Denied(Box::new(Denied {
                at: Timestamp::from_ms(1_700_000_000_000),
                task: call(label, "ptrace", 0).task,
                op,
                reason: DenyReason::Guard,
                watched: false,
                rule: 0,
                path: path.to_owned(),
                path_truncated: false,
                file: FileId::default(),
                detail: 0,
            }))
        };
        bed.emit(denied(DeniedOp::Ptrace, ""));
        bed.emit(denied(DeniedOp::OpenRead, "/etc/shadow"));
        bed.emit(denied(DeniedOp::OpenRead, "/etc/hosts"));
        let (_, uplink) = bed.stop().await;
        let all = uplink.incidents().into_iter();
        let told = all.filter(|(_, i)| i.rule_id == "Refused").count();
        // Where calls are told, the failed call says it.
        assert_eq!(told, if tells { 0 } else { 2 });
    }
}

#[tokio::test]
async fn bursts_are_told_once() {
    let (bed, label) = bed(&[("None", "evt.type=acct")], true).await;
    for port in 1..200 {
        bed.emit(Event::Socket(Socket {
            at: Timestamp::from_ms(1_700_000_000_000),
            op: SocketOp::Connect,
            label,
            cgroup_id: 0,
            pid: SH,
            comm: "sh".to_owned(),
            local: "10.0.0.5:40000".parse().unwrap(),
            peer: SocketAddr::new("10.0.0.9".parse().unwrap(), port),
            duration_ns: 0,
        }));
    }
    for (at, tool) in ["id", "uname", "id", "whoami", "ls", "hostname"]
        .iter()
        .enumerate()
    {
        let pid = 9_000_300 + u32::try_from(at).unwrap();
        bed.exec(label, pid, SH, &format!("/usr/bin/{tool}"));
    }
    let removed = |path: &str| Call {
        path: path.into(),
        ..call(label, "unlinkat", 0)
    };
    let queries = (0..150).map(|_| Call {
        fd: Some(socket(3, 17, "10.0.0.5:40000", None)),
        address: inet("10.0.0.2:53"),
        ..call(label, "sendto", 40)
    });
    let calls = [removed("/tmp/other"), removed("/usr/sbin/nginx")];
    let told = matched(&bed, label, queries.chain(calls).collect()).await;
    assert_eq!(
        told,
        [
            "Port scan",
            "Burst of reconnaissance",
            "Flood of name queries",
            "Running program removed"
        ]
    );
}
