//! The LSM tier: what it refuses, by every way we know, and that nothing turns it off. Needs a
//! kernel with BPF-LSM: see `scripts/vm.sh`.

use crate::{
    rig::{Rig, guards},
    room::Room,
    route,
};
use rampart_model::{Mode, Protocol, Verdict, node::Counter};
use rampart_probe::{
    Config, DeniedOp, DenyReason, Direction, Event, Guard, GuardedPath, KernelPolicy, NetVerdict,
};

const PORT: u16 = 4999;

/// What the rooms hold: a program, a script and a file of either protection, also on a volume.
fn furnish() -> String {
    format!(
        "mkdir -p /opt/deny /opt/keep /vol; mount -t tmpfs vol /vol; mkdir /vol/keep
        cp /bin/busybox /opt/deny/echo; printf '#!/bin/sh\necho HIT\n' > /opt/deny/s.sh
        chmod +x /opt/deny/s.sh
        for d in /opt /vol; do echo original > $d/keep/f; echo SECRET > $d/keep/s; done
        {}",
        route::command("serve", &PORT.to_string())
    )
}

/// Whether anything protected changed, for the end of a line.
const UNCHANGED: &str = "; for d in /opt /vol; do \
     [ \"$(cat $d/keep/f 2>&1)\" = original ] || echo HIT changed; done; cat /tmp/got 2>/dev/null";

fn path(path: &str) -> GuardedPath {
    GuardedPath {
        path: path.into(),
        ..GuardedPath::default()
    }
}

pub(crate) fn guard(deny: &str, keep: &[&str], secret: &[&str]) -> Guard {
    let mut files = vec![GuardedPath {
        recursive: true,
        deny_exec: true,
        ..path(deny)
    }];
    files.extend(keep.iter().map(|p| GuardedPath {
        deny_write: true,
        ..path(p)
    }));
    files.extend(secret.iter().map(|p| GuardedPath {
        deny_read: true,
        ..path(p)
    }));
    Guard {
        files,
        raw_socket: true,
        listen: true,
        ..Guard::default()
    }
}

pub(crate) fn policy(guard: Guard) -> KernelPolicy {
    let deny = |protocol| NetVerdict {
        direction: Direction::Egress,
        protocol: Some(protocol),
        port_low: PORT,
        port_high: PORT,
        peer: "127.0.0.1".parse().unwrap(),
        prefix: 32,
        verdict: Verdict::Deny,
        rule: 7,
    };
    KernelPolicy {
        process_mode: Mode::Protect,
        network_mode: Mode::Protect,
        verdicts: vec![deny(Protocol::Tcp), deny(Protocol::Udp)],
        default_verdict: Verdict::Allow,
        loopback: true,
        guard,
        ..KernelPolicy::default()
    }
}

fn standard() -> KernelPolicy {
    policy(guard(
        "/opt/deny",
        &["/opt/keep/f", "/vol/keep/f"],
        &["/opt/keep/s", "/vol/keep/s"],
    ))
}

/// A line for the shell, or a route of this program.
enum Way {
    Sh(&'static str),
    Call(&'static str, &'static str),
}
use Way::{Call, Sh};

impl Way {
    fn line(&self) -> String {
        match self {
            Sh(line) => format!("( {line} ) 2>/dev/null"),
            Call(name, file) => route::command(name, file),
        }
    }
}

const X: &str = "/opt/deny/echo";
const F: &str = "/opt/keep/f";
const S: &str = "/opt/keep/s";
const P: &str = "4999";

/// Each succeeds where nothing is guarded, and none where it is.
const WAYS: &[Way] = &[
    // A program that must not run.
    Sh("/opt/deny/echo HIT"),
    Sh("cd /opt/keep; ../deny/./echo HIT"),
    Sh("ln -s /opt/deny /tmp/l; /tmp/l/echo HIT"),
    Sh("ln /opt/deny/echo /opt/echo; /opt/echo HIT"),
    Sh("cp /opt/deny/echo /tmp/echo; /tmp/echo HIT"),
    Sh("mv /opt/deny/echo /opt/echo; /opt/echo HIT"),
    Sh("mv /opt/deny /opt/other; /opt/other/echo HIT"),
    Sh("touch /tmp/echo; mount --bind /opt/deny/echo /tmp/echo; /tmp/echo HIT"),
    Sh("mkdir /tmp/b; mount --bind /opt/deny /tmp/b; /tmp/b/echo HIT"),
    Sh("unshare -m /opt/deny/echo HIT"),
    Sh("mkdir /sys/fs/cgroup/away; sh -c 'echo 0 > /sys/fs/cgroup/away/cgroup.procs; /opt/deny/echo HIT'"),
    Sh("/lib64/ld-linux-x86-64.so.2 /opt/deny/echo HIT"),
    Sh("/opt/deny/s.sh"),
    Sh("sh /opt/deny/s.sh"),
    Sh("sh < /opt/deny/s.sh"),
    Sh(". /opt/deny/s.sh"),
    Call("exec", X),
    Call("exec-fd", X),
    Call("exec-path-fd", X),
    Call("exec-memfd", X),
    Call("exec-thread", X),
    Call("map-exec", X),
    // A file that must not change.
    Sh("echo HIT > /opt/keep/f"),
    Sh("echo HIT >> /vol/keep/f"),
    Sh("rm -f /opt/keep/f; echo HIT > /opt/keep/f"),
    Sh("echo HIT > /opt/new; mv /opt/new /opt/keep/f"),
    Sh("mv /opt/keep /opt/kept; mkdir /opt/keep; echo HIT > /opt/keep/f"),
    Sh("mv /vol/keep /vol/kept; mkdir /vol/keep; echo HIT > /vol/keep/f"),
    Sh("ln /opt/keep/f /opt/f; echo HIT > /opt/f"),
    Sh("ln -s /opt/keep/f /tmp/f; echo HIT > /tmp/f"),
    Sh("echo HIT > /proc/self/root/opt/keep/f"),
    Sh("mkdir /tmp/e; echo HIT > /tmp/e/f; mount --bind /tmp/e /opt/keep"),
    Sh("mount -t tmpfs e /opt/keep; echo HIT > /opt/keep/f"),
    Sh("umount -l /vol; mkdir -p /vol/keep; echo HIT > /vol/keep/f"),
    Sh("chmod 777 /opt/keep/f && echo HIT"),
    Sh("chown 1000 /opt/keep/f && echo HIT"),
    Call("append", F),
    Call("read-truncate", F),
    Call("truncate", F),
    Call("ftruncate", F),
    Call("map-shared", F),
    Call("fallocate", F),
    Call("reopen", F),
    Call("openat2", F),
    Call("exchange", F),
    Call("times", F),
    Call("xattr", F),
    Call("pidfd", F),
    Call("ring", F),
    Call("handle", "/vol/keep/f"),
    // A file that must not be read.
    Sh("cat /opt/keep/s"),
    Sh("cp /vol/keep/s /tmp/s; cat /tmp/s"),
    Sh("ln /opt/keep/s /opt/s; cat /opt/s"),
    Call("map-read", S),
    Call("sendfile", S),
    Call("ring-read", S),
    Call("handle-read", "/vol/keep/s"),
    // An address that must not be reached, and sockets that must not be.
    Call("tcp", P),
    Call("tcp-mapped", P),
    Call("mptcp", P),
    Call("fast-open", P),
    Call("udp", P),
    Call("udp-mapped", P),
    Call("udp-connected", P),
    Call("raw", P),
    Call("packet", P),
    Call("listen", P),
];

pub(crate) fn is_hit(out: &str) -> bool {
    out.contains("HIT") || out.contains("SECRET")
}

fn hits(rig: &Rig, policy: Option<&KernelPolicy>, ways: &[Way]) -> Vec<(String, bool)> {
    let furniture = furnish();
    let mut label = 100;
    ways.iter()
        .map(|way| {
            label += 1;
            let mut room = Room::new(rig, label, &furniture);
            if let Some(policy) = policy {
                room = room.under(rig, policy);
            }
            let wait = if matches!(way, Call(_, P)) { "; sleep 0.2" } else { "" };
            let out = room.run(&format!("{}{wait}{UNCHANGED}", way.line()));
            rig.control.detach_workload(label);
            (format!("{}: {out}", way.line()), is_hit(&out))
        })
        .collect()
}

#[test]
fn no_way_leads_around_the_guard() {
    if !guards() {
        return;
    }
    let rig = Rig::guarded(Config::default());
    let guarded = hits(&rig, Some(&standard()), WAYS);
    let through: Vec<_> = guarded.iter().filter(|(_, hit)| *hit).collect();
    assert!(through.is_empty(), "{through:#?}");
    // The same ways are open where nothing is guarded, or holding them would mean nothing.
    let free = hits(&rig, None, WAYS);
    let closed: Vec<_> = free.iter().filter(|(_, hit)| !*hit).collect();
    assert!(closed.is_empty(), "{closed:#?}");
    assert_eq!(rig.control.counters()[&Counter::CriticalDropped], 0);
}

#[test]
fn a_denial_tells_who_what_and_why() {
    if !guards() {
        return;
    }
    let rig = Rig::guarded(Config::default());
    let room = Room::new(&rig, 41, &furnish()).under(&rig, &standard());
    let out = room.run("/opt/deny/echo HIT; echo $?; echo x > /opt/keep/f; cat /etc/passwd");
    assert!(out.starts_with("126\n") && out.contains("root:"), "{out}");
    let denied = |op| {
        rig.kept.wait("denial", |e| match e {
            Event::Denied(d) if d.op == op && d.task.label == 41 => Some(d.clone()),
            _ => None,
        })
    };
    let exec = denied(DeniedOp::Exec);
    assert_eq!(exec.path, "/opt/deny/echo");
    assert_eq!((exec.rule, exec.reason), (1, DenyReason::Protected));
    assert!(!exec.path_truncated && exec.file.ino != 0);
    let write = denied(DeniedOp::OpenWrite);
    assert_eq!(write.path, "/opt/keep/f");
    assert_eq!(write.rule, 2);
    let counters = rig.control.counters();
    assert_eq!(counters[&Counter::ExecsDenied], 1);
    assert_eq!(counters[&Counter::FilesDenied], 1);
}

/// Acts that have no file.
#[test]
fn guarded_acts_are_refused() {
    if !guards() {
        return;
    }
    let rig = Rig::guarded(Config::default());
    let guard = Guard {
        mount: true,
        ptrace: true,
        bpf: true,
        module: true,
        user_namespace: true,
        setuid: true,
        anonymous_exec: true,
        ..Guard::default()
    };
    let ways = [
        Sh("mount -t tmpfs m /mnt 2>/dev/null || mount -t tmpfs m /opt && echo HIT"),
        Call("traced", "/"),
        Call("bpf", "/"),
        Call("module", "/"),
        Call("user-namespace", "/"),
        Call("setuid", "/"),
        Call("anonymous", "/"),
    ];
    let through = hits(&rig, Some(&policy(guard)), &ways);
    assert!(through.iter().all(|(_, hit)| !hit), "{through:#?}");
    let free = hits(&rig, None, &ways);
    assert!(free.iter().all(|(_, hit)| *hit), "{free:#?}");
}

/// What the image does not hold does not run: denied, not killed, and no library of it either.
#[test]
fn drift_is_refused_before_it_runs() {
    if !guards() {
        return;
    }
    let rig = Rig::guarded(Config::default());
    let drift = KernelPolicy {
        process_mode: Mode::Protect,
        drift_kill: true,
        ..KernelPolicy::default()
    };
    let ways = [
        Sh("cp /bin/busybox /opt/echo; /opt/echo HIT"),
        Sh("cp /bin/busybox /tmp/echo; /tmp/echo HIT"),
        Sh("cp /bin/busybox /dev/shm/echo; /dev/shm/echo HIT"),
        Sh("cp /bin/busybox /opt/echo; /lib64/ld-linux-x86-64.so.2 /opt/echo HIT"),
        Call("exec-memfd", "/bin/busybox"),
    ];
    let through = hits(&rig, Some(&drift), &ways);
    assert!(through.iter().all(|(_, hit)| !hit), "{through:#?}");
    // The image's own programs run.
    let own = hits(&rig, Some(&drift), &[Sh("/bin/busybox echo HIT")]);
    assert!(own[0].1, "{own:?}");
}

#[test]
fn exempt_programs_names_to_come_and_open_files() {
    if !guards() {
        return;
    }
    let rig = Rig::guarded(Config::default());
    let guard = Guard {
        files: vec![
            GuardedPath {
                deny_write: true,
                programs: vec!["/bin/busybox".into()],
                ..path("/opt/keep/f")
            },
            GuardedPath {
                deny_write: true,
                ..path("/opt/keep/missing")
            },
            GuardedPath {
                deny_write: true,
                recursive: true,
                ..path("/vol/keep")
            },
        ],
        ..Guard::default()
    };
    let run = |label, line: &str| {
        let room = Room::new(&rig, label, &furnish()).under(&rig, &policy(guard.clone()));
        room.run(line)
    };
    // A copy of an exempt program is another program.
    let out = run(61, "cp /bin/busybox /tmp/busybox; /tmp/busybox sh -c 'echo copy > /opt/keep/f'; cat /opt/keep/f");
    assert_eq!(out.trim(), "original");
    let out = run(62, "busybox sh -c 'echo busybox > /opt/keep/f'; echo dash > /opt/keep/f; cat /opt/keep/f");
    assert_eq!(out.trim(), "busybox");
    let out = run(63, "echo x > /opt/keep/missing; mkdir /opt/keep/missing; echo x > /opt/keep/other; ls /opt/keep");
    assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["f", "other", "s"]);
    let out = run(64, "mkdir /vol/keep/d; echo x > /vol/keep/new; rm -f /vol/keep/s; mv /vol/keep/s /vol; ls /vol/keep");
    assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["f", "s"]);
}
