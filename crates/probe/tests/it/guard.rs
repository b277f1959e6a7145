//! The LSM tier: what it refuses, by every way we know, and that nothing turns it off. Needs a
//! kernel with BPF-LSM: see `scripts/vm.sh`.

use crate::{
    rig::{Container, Rig, environment, guards, text},
    room::Room,
    route,
};
use rampart_model::{Mode, Protocol, Verdict, node::Counter};
use rampart_probe::{
    Attach, Config, DeniedOp, DenyReason, Direction, Event, Guard, GuardedPath, KernelPolicy,
    NetVerdict,
};

pub(crate) const PORT: u16 = 4999;

/// One load of the programs for all of it: under emulation that is most of the time it takes.
#[test]
fn the_guard_holds() {
    if !guards() {
        return;
    }
    let begun = std::time::Instant::now();
    let rig = Rig::guarded(Config::default());
    eprintln!("loaded and attached in {:?}", begun.elapsed());
    let left_out = rig.control.left_out();
    eprintln!("left out: {left_out:#?}");
    let refused =
        |name: &str, why: &str| name.starts_with("lsm_") && why != "the kernel has no such hook";
    assert!(!left_out.iter().any(|(n, w)| refused(n, w)), "{left_out:?}");
    let steps: &[fn(&Rig)] = &[
        each_program_is_within_its_bounds,
        no_way_leads_around_the_guard,
        a_denial_tells_who_what_and_why,
        guarded_acts_are_refused,
        drift_is_refused_before_it_runs,
        crate::profile::a_profile_decides_what_runs,
        crate::profile::zero_drift_takes_only_what_the_image_ships,
        crate::profile::a_container_starts_under_a_profile,
        crate::profile::acts_are_watched_before_they_are_refused,
        crate::profile::names_that_fit_a_pattern_do_not_appear,
        exempt_programs_names_to_come_and_open_files,
        open_files_are_held_to_a_later_policy,
        a_swap_of_policies_leaves_no_window,
        a_runtime_works_on_a_guarded_container,
        crate::hostile::every_route_of_the_corpus_is_held,
    ];
    let first = environment("RAMPART_STEP").and_then(|n| n.parse().ok());
    for step in steps.iter().skip(first.unwrap_or(0)) {
        let begun = std::time::Instant::now();
        step(&rig);
        eprintln!("step took {:?}", begun.elapsed());
    }
}

/// What the rooms hold: a program, a script and a file of either protection, also on a volume.
pub(crate) fn furnish() -> String {
    format!("{FURNITURE}\n{}", route::command("serve", P))
}

const FURNITURE: &str = "rm -rf /opt/*; mkdir -p /opt/deny /opt/keep /vol
        mount -t tmpfs vol /vol; mkdir /vol/keep
        cp /bin/busybox /opt/deny/echo; printf '#!/bin/sh\necho HIT\n' > /opt/deny/s.sh
        chmod +x /opt/deny/s.sh
        for d in /opt /vol; do echo original > $d/keep/f; echo SECRET > $d/keep/s; done";

/// Whether anything protected changed, for the end of a line.
const UNCHANGED: &str = "for d in /opt /vol; do \
     [ \"$(cat $d/keep/f)\" = original ] || echo HIT changed; done 2>/dev/null
     [ ! -e /tmp/got ] || echo HIT; rm -rf /tmp/* 2>/dev/null";

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

pub(crate) fn standard() -> KernelPolicy {
    policy(guard(
        "/opt/deny",
        &["/opt/keep/f", "/vol/keep/f"],
        &["/opt/keep/s", "/vol/keep/s"],
    ))
}

/// A line for the shell, or a route of this program.
pub(crate) enum Way {
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
    Sh(
        "mkdir /sys/fs/cgroup/away; sh -c 'echo 0 > /sys/fs/cgroup/away/cgroup.procs; /opt/deny/echo HIT'",
    ),
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

/// What each way did: all in one room, every way in mounts of its own, and where nothing is
/// guarded among new furniture.
pub(crate) fn hits(
    rig: &Rig,
    label: u32,
    policy: Option<&KernelPolicy>,
    ways: &[Way],
) -> Vec<(String, bool)> {
    let mut script = String::new();
    for (i, way) in ways.iter().enumerate() {
        let wait = if matches!(way, Call(_, P)) {
            "sleep 0.2"
        } else {
            ""
        };
        script.push_str(&format!("echo '== {i}'\n"));
        if policy.is_none() {
            script.push_str("umount -l /vol\n");
            script.push_str(FURNITURE);
        }
        let line = format!("{}\n{wait}\n{UNCHANGED}", way.line());
        script.push_str(&format!("\nunshare -m /bin/sh -c {}\n", quoted(&line)));
    }
    let mut room = Room::new(rig, label, &furnish());
    if let Some(policy) = policy {
        room = room.under(rig, policy);
    }
    let out = room.run_script(&script);
    rig.control.detach_workload(label);
    let mut parts = out.split("== ").skip(1);
    ways.iter()
        .map(|way| {
            let part = parts.next().unwrap_or("HIT: the room ended early");
            (format!("{}: {part}", way.line()), is_hit(part))
        })
        .collect()
}

/// One word for a shell.
pub(crate) fn quoted(line: &str) -> String {
    format!("'{}'", line.replace('\'', "'\\''"))
}

fn no_way_leads_around_the_guard(rig: &Rig) {
    let guarded = hits(rig, 51, Some(&standard()), WAYS);
    let through: Vec<_> = guarded.iter().filter(|(_, hit)| *hit).collect();
    assert!(through.is_empty(), "{through:#?}");
    // The same ways are open where nothing is guarded, or holding them would mean nothing.
    let free = hits(rig, 52, None, WAYS);
    let closed: Vec<_> = free.iter().filter(|(_, hit)| !*hit).collect();
    assert!(closed.is_empty(), "{closed:#?}");
    assert_eq!(rig.control.counters()[&Counter::CriticalDropped], 0);
}

fn a_denial_tells_who_what_and_why(rig: &Rig) {
    let before = rig.control.counters();
    let room = Room::new(rig, 41, &furnish()).under(rig, &standard());
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
    assert_eq!(
        counters[&Counter::ExecsDenied],
        before[&Counter::ExecsDenied] + 1
    );
    // A shell may look into what it could not run.
    assert!(counters[&Counter::FilesDenied] > before[&Counter::FilesDenied]);
}

/// Acts that have no file.
fn guarded_acts_are_refused(rig: &Rig) {
    let guard = Guard {
        mount: true,
        ptrace: true,
        bpf: true,
        module: true,
        user_namespace: true,
        setuid: true,
        capset: true,
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
        Call("capset", "/"),
        Call("anonymous", "/"),
    ];
    let through = hits(rig, 53, Some(&policy(guard)), &ways);
    assert!(through.iter().all(|(_, hit)| !hit), "{through:#?}");
    for op in [
        DeniedOp::Mount,
        DeniedOp::Ptrace,
        DeniedOp::Bpf,
        DeniedOp::Module,
        DeniedOp::UserNamespace,
        DeniedOp::SetUid,
        DeniedOp::CapSet,
        DeniedOp::MapExec,
    ] {
        rig.kept.wait(op.name(), |e| match e {
            Event::Denied(d) if d.op == op && d.task.label == 53 && !d.watched => Some(()),
            _ => None,
        });
    }
    let free = hits(rig, 54, None, &ways);
    assert!(free.iter().all(|(_, hit)| *hit), "{free:#?}");
}

/// What the image does not hold does not run: denied, not killed, and no library of it either.
fn drift_is_refused_before_it_runs(rig: &Rig) {
    let drift = KernelPolicy {
        process_mode: Mode::Protect,
        drift_kill: true,
        drift_code: true,
        ..KernelPolicy::default()
    };
    let ways = [
        Sh("cp /bin/busybox /opt/echo; /opt/echo HIT"),
        Sh("cp /bin/busybox /tmp/echo; /tmp/echo HIT"),
        Sh("cp /bin/busybox /dev/shm/echo; /dev/shm/echo HIT"),
        Sh("cp /bin/busybox /opt/echo; /lib64/ld-linux-x86-64.so.2 /opt/echo HIT"),
        Call("exec-memfd", "/bin/busybox"),
    ];
    let through = hits(rig, 55, Some(&drift), &ways);
    assert!(through.iter().all(|(_, hit)| !hit), "{through:#?}");
    // The image's own programs run.
    let own = hits(rig, 56, Some(&drift), &[Sh("/bin/busybox echo HIT")]);
    assert!(own[0].1, "{own:?}");
}

fn exempt_programs_names_to_come_and_open_files(rig: &Rig) {
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
        let room = Room::new(rig, label, &furnish()).under(rig, &policy(guard.clone()));
        room.run(line)
    };
    // A copy of an exempt program is another program.
    let out = run(
        61,
        "cp /bin/busybox /tmp/busybox; /tmp/busybox sh -c 'echo copy > /opt/keep/f'; cat /opt/keep/f",
    );
    assert_eq!(out.trim(), "original");
    let out = run(
        62,
        "busybox sh -c 'echo busybox > /opt/keep/f'; echo dash > /opt/keep/f; cat /opt/keep/f",
    );
    assert_eq!(out.trim(), "busybox");
    let out = run(
        63,
        "echo x > /opt/keep/missing; mkdir /opt/keep/missing; echo x > /opt/keep/other; ls /opt/keep",
    );
    assert_eq!(
        out.split_whitespace().collect::<Vec<_>>(),
        ["f", "other", "s"]
    );
    let out = run(
        64,
        "mkdir /vol/keep/d; echo x > /vol/keep/new; rm -f /vol/keep/s; mv /vol/keep/s /vol; ls /vol/keep",
    );
    assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["f", "s"]);
}

/// A descriptor from before the policy is held to it.
fn open_files_are_held_to_a_later_policy(rig: &Rig) {
    let mut room = Room::new(rig, 65, &furnish());
    room.tell("exec 7<>/opt/keep/f 8</opt/keep/s");
    assert_eq!(room.answer(), "");
    let mut room = room.under(rig, &standard());
    let out = room.ask("echo HIT >&7; cat <&8; cat /opt/keep/f");
    assert_eq!(out, "original\n");
}

/// Two policies that both refuse, swapped as fast as it goes: no attempt finds neither.
fn a_swap_of_policies_leaves_no_window(rig: &Rig) {
    let mut room = Room::new(rig, 66, &furnish()).under(rig, &standard());
    room.tell("i=0; while [ ! -e /tmp/stop ]; do /opt/deny/echo HIT; echo HIT > /opt/keep/f; i=$((i+1)); done 2>/dev/null; echo tries $i; cat /opt/keep/f");
    let mut other = standard();
    other.guard.listen = false;
    for _ in 0..100 {
        rig.control.set_policy(66, &other).unwrap();
        rig.control.set_policy(66, &standard()).unwrap();
    }
    std::fs::write(format!("/proc/{}/root/tmp/stop", room.pid), "").unwrap();
    let out = room.answer();
    assert!(
        out.starts_with("tries ") && out.ends_with("original\n") && !is_hit(&out),
        "{out}"
    );
    assert!(!out.starts_with("tries 0"), "{out}");
}

/// What the verifier went through, and how large the programs became; printed for the record.
fn each_program_is_within_its_bounds(rig: &Rig) {
    let programs = rig.control.programs();
    assert!(programs.len() > 40, "{programs:?}");
    for program in &programs {
        eprintln!(
            "program {:28} {:>8} verified, {:>6} bytes",
            program.name, program.verified_instructions, program.bytes
        );
        assert!(program.verified_instructions < 500_000, "{program:?}");
    }
}

/// The runtime's helper mounts and writes inside the container before it runs the container's
/// program: under the strictest policy it still can, and the program cannot.
fn a_runtime_works_on_a_guarded_container(rig: &Rig) {
    let container = Container::new("guarded", true, &["/bin/sleep", "1000"]);
    let mut child = container.start();
    let (pid, cgroup_id) = container.running();
    let attach = Attach {
        label: 95,
        cgroup_id,
        pid,
    };
    rig.control.attach_workload(&attach).unwrap();
    let strict = KernelPolicy {
        drift_kill: true,
        drift_code: true,
        ..policy(Guard {
            files: vec![
                GuardedPath {
                    deny_read: true,
                    deny_write: true,
                    ..path("/etc/passwd")
                },
                GuardedPath {
                    deny_exec: true,
                    ..path("/bin/nc")
                },
            ],
            mount: true,
            ptrace: true,
            bpf: true,
            capset: true,
            ..Guard::default()
        })
    };
    rig.control.set_policy(95, &strict).unwrap();
    let out = container.sh(
        "echo runs; cp /bin/busybox /tmp/b; /tmp/b echo HIT; cp /bin/busybox /dev/shm/b; \
         /dev/shm/b echo HIT; cat /etc/passwd; echo x > /etc/passwd; ls /bin/busybox",
    );
    assert_eq!(
        text(&out.stdout),
        "runs\n/bin/busybox\n",
        "{}",
        text(&out.stderr)
    );
    rig.control.detach_workload(95);
    drop(container);
    let _ = child.wait();
}
