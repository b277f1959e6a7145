//! Profiles of programs, watched acts and patterns of names, as the kernel holds them by itself.

use crate::{
    guard::{Way, hits, policy},
    rig::{Container, Rig, text},
    room::Room,
    route,
};
use rampart_probe::{
    Attach, Denied, DeniedOp, DenyReason, Event, Guard, GuardedPath, KillReason, Profile,
    ProgramRule, Programs, Watch,
};
use std::path::Path;

/// Programs of one name in folders that rules tell apart; each prints its argument.
const PROGRAMS: &str = "for d in listed unlisted user parent below/deep denied moved; do \
     mkdir -p /opt/$d; cp /bin/busybox /opt/$d/echo; done
     cp /bin/busybox /opt/below/denied; cp /bin/busybox /opt/yes
     for s in listed unlisted; do printf '#!/bin/dash\necho script-%s\n' $s > /opt/$s/s.sh; done
     chmod +x /opt/*/s.sh";

pub(crate) fn file(path: &str) -> ProgramRule {
    of(Programs::File(path.into()))
}

fn name(name: &str) -> ProgramRule {
    of(Programs::Name(name.to_owned()))
}

fn of(programs: Programs) -> ProgramRule {
    ProgramRule {
        programs,
        ..ProgramRule::default()
    }
}

/// What rooms are made of, and this test program.
pub(crate) fn tools() -> Vec<ProgramRule> {
    let own = std::env::current_exe().unwrap();
    let own = own.file_name().unwrap().to_str().unwrap().to_owned();
    [name("bash"), name("dash"), name("busybox"), name(&own)].into()
}

pub(crate) fn profile(rules: Vec<ProgramRule>) -> Guard {
    Guard {
        profile: Some(Profile {
            rules,
            zero_drift: false,
        }),
        ..Guard::default()
    }
}

fn denial(rig: &Rig, label: u32, want: impl Fn(&Denied) -> bool) -> Denied {
    rig.kept.wait("denial", |e| match e {
        Event::Denied(d) if d.task.label == label && want(d) => Some((**d).clone()),
        _ => None,
    })
}

fn words(out: &str) -> Vec<&str> {
    out.split_whitespace().collect()
}

pub(crate) fn a_profile_decides_what_runs(rig: &Rig) {
    let mut rules = vec![
        ProgramRule {
            deny: true,
            ..file("/opt/below/denied")
        },
        file("/opt/listed/echo"),
        file("/opt/listed/s.sh"),
        file("/opt/moved/echo"),
        file("/root/later/echo"),
        ProgramRule {
            uids: vec![1000],
            ..file("/opt/user/echo")
        },
        of(Programs::Below("/opt/below".into(), None)),
        name("yes"),
        name("mount"),
        name("umount"),
        ProgramRule {
            parent: true,
            ..file("/bin/dash")
        },
    ];
    rules.extend(tools());
    let guard = profile(rules);
    let mut room = Room::new(rig, 101, PROGRAMS).under(rig, &policy(guard));
    let tries = "for d in listed unlisted user parent below/deep; do /opt/$d/echo $d; done 2>/dev/null; \
        /opt/yes | head -n 1; /opt/below/denied 2>/dev/null && echo denied; \
        /opt/listed/s.sh; /opt/unlisted/s.sh 2>/dev/null";
    let out = room.ask(tries);
    assert_eq!(
        words(&out),
        ["listed", "below/deep", "y", "script-listed"],
        "{out}"
    );
    // What is not listed runs below the parent that may start it, however far below.
    let out = room.ask("dash -c '/opt/parent/echo child; bash -c \"/opt/unlisted/echo grandchild; true\"; true'; /opt/parent/echo orphan");
    assert_eq!(words(&out), ["child", "grandchild"], "{out}");
    // A user of its own, and another.
    let out = room.ask(&route::command("user-exec", "/opt/user/echo"));
    assert!(out.contains("HIT"), "{out}");
    let out = room.ask(&route::command("exec", "/opt/user/echo"));
    assert!(!out.contains("HIT"), "{out}");
    // Names, links and copies of what is not listed, and of what is.
    let out = room.ask(
        "cd /opt; ln unlisted/echo listed/e2; cp unlisted/echo /tmp/echo; \
         for p in listed/e2 /tmp/echo ../opt/unlisted/echo; do $p HIT; done 2>/dev/null; \
         mount --bind unlisted/echo listed/echo; listed/echo HIT 2>/dev/null; umount listed/echo; \
         mv moved/echo moved/old; cp unlisted/echo moved/new; mv moved/new moved/echo; moved/echo update; \
         mkdir /root/later; cp unlisted/echo /root/later/echo; /root/later/echo later",
    );
    assert_eq!(words(&out), ["update", "later"], "{out}");
    let unlisted = denial(rig, 101, |d| d.path == "/opt/unlisted/echo");
    assert_eq!((unlisted.op, unlisted.rule), (DeniedOp::Exec, 0));
    assert_eq!(unlisted.reason, DenyReason::Profile);
    let denied = denial(rig, 101, |d| d.path == "/opt/below/denied");
    assert_eq!(denied.rule, 1);
}

/// Files of the upper layer are none of the image's, listed or not, unless they may change.
pub(crate) fn zero_drift_takes_only_what_the_image_ships(rig: &Rig) {
    let changing = ProgramRule {
        may_change: true,
        ..file("/opt/moved/echo")
    };
    let mut rules = vec![file("/opt/listed/echo"), file("/bin/true"), changing];
    rules.extend(tools());
    let mut guard = profile(rules);
    if let Some(profile) = &mut guard.profile {
        profile.zero_drift = true;
    }
    let strict = rampart_probe::KernelPolicy {
        drift_kill: false,
        ..policy(guard)
    };
    let mut room = Room::new(rig, 102, PROGRAMS).under(rig, &strict);
    let out = room.ask(
        "true && /bin/true && echo image; /opt/listed/echo listed 2>/dev/null; \
         /opt/moved/echo changing; cp /bin/busybox /opt/true; cat /opt/true > /bin/true; \
         /bin/true 2>/dev/null && echo HIT",
    );
    assert_eq!(words(&out), ["image", "changing"], "{out}");
    let dropped = denial(rig, 102, |d| d.path == "/opt/listed/echo");
    assert_eq!(dropped.reason, DenyReason::Exec(KillReason::Dropped));
}

/// The runtime starts processes in it, and they are held to it from their first program on.
pub(crate) fn a_container_starts_under_a_profile(rig: &Rig) {
    let container = Container::new("profiled", true, &["/bin/sleep", "1000"]);
    std::fs::copy("/bin/true", container.root().join("bin/other")).unwrap();
    let mut child = container.start();
    let (pid, cgroup_id) = container.running();
    let attach = Attach {
        label: 103,
        cgroup_id,
        pid,
    };
    rig.control.attach_workload(&attach).unwrap();
    let guard = profile(vec![file("/bin/busybox")]);
    rig.control.set_policy(103, &policy(guard)).unwrap();
    let out = container.sh("echo runs; /bin/other && echo HIT");
    assert_eq!(text(&out.stdout), "runs\n", "{}", text(&out.stderr));
    let first = container.exec(&["/bin/other"]);
    assert!(!first.status.success(), "{}", text(&first.stderr));
    rig.control.detach_workload(103);
    drop(container);
    let _ = child.wait();
}

/// While a workload is learned its acts take place, and each is told once.
pub(crate) fn acts_are_watched_before_they_are_refused(rig: &Rig) {
    use Way::{Call, Sh};
    let watch = Watch {
        mount: true,
        ptrace: true,
        bpf: true,
        module: true,
        user_namespace: true,
        setuid: true,
        capset: true,
        drift_code: true,
    };
    let watched = Guard {
        watch,
        ..Guard::default()
    };
    let ways = [
        Sh("mount -t tmpfs m /mnt 2>/dev/null || mount -t tmpfs m /opt && echo HIT"),
        Call("traced", "/"),
        Call("traced", "/"),
        Call("bpf", "/"),
        Call("module", "/"),
        Call("user-namespace", "/"),
        Call("setuid", "/"),
        Call("capset", "/"),
        Sh("cp /bin/busybox /opt/echo; /lib64/ld-linux-x86-64.so.2 /opt/echo HIT"),
    ];
    let before = rig.control.counters();
    let mut policy = policy(watched);
    policy.verdicts.clear();
    let done = hits(rig, 104, Some(&policy), &ways);
    assert!(done.iter().all(|(_, hit)| *hit), "{done:#?}");
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
        assert!(denial(rig, 104, |d| d.op == op).watched, "{op:?}");
        let told = rig.kept.all(|e| match e {
            Event::Denied(d) if d.task.label == 104 && d.op == op => Some(()),
            _ => None,
        });
        assert_eq!(told.len(), 1, "{op:?}");
    }
    let after = rig.control.counters();
    for counter in [
        rampart_model::node::Counter::ActsDenied,
        rampart_model::node::Counter::ExecsDenied,
    ] {
        assert_eq!(before[&counter], after[&counter], "nothing was refused");
    }
}

pub(crate) fn names_that_fit_a_pattern_do_not_appear(rig: &Rig) {
    let pattern = |path: &str, recursive| GuardedPath {
        path: path.into(),
        recursive,
        deny_write: true,
        ..GuardedPath::default()
    };
    let guard = Guard {
        files: vec![
            pattern("/opt/flat/*.conf", false),
            pattern("/opt/flat/cron*", false),
            GuardedPath {
                programs: vec!["/bin/busybox".into()],
                ..pattern("/opt/deep/a*z", true)
            },
        ],
        ..Guard::default()
    };
    let prepare = "mkdir -p /opt/flat/below /opt/deep/below/more; echo old > /opt/flat/old.conf";
    let mut room = Room::new(rig, 105, prepare).under(rig, &policy(guard));
    let create = "for f in flat/new.conf flat/.conf flat/cron flat/crontab flat/conf flat/new.conf.d \
        flat/below/new.conf deep/az deep/abz deep/below/more/a--z deep/a; do echo x > /opt/$f; done 2>/dev/null; \
        cd /opt; find flat deep -type f | sort";
    let made = room.ask(create);
    let open = [
        "deep/a",
        "flat/below/new.conf",
        "flat/conf",
        "flat/new.conf.d",
        "flat/old.conf",
    ];
    assert_eq!(words(&made), open, "{made}");
    let out = room.ask(
        "echo x > t; mv t flat/t.conf; mv flat/conf flat/m.conf; ln t flat/l.conf; ln -s t flat/s.conf; \
         mkdir flat/d.conf; mknod flat/p.conf p; echo new > flat/old.conf; rm -f flat/old.conf; \
         cp flat/old.conf t; cat t; ls flat",
    );
    assert_eq!(
        words(&out),
        ["old", "below", "conf", "new.conf.d", "old.conf"],
        "{out}"
    );
    // Written by somebody else meanwhile: no more writable for that.
    let root = Path::new("/proc").join(room.pid.to_string()).join("root");
    std::fs::write(root.join("opt/flat/host.conf"), "host").unwrap();
    let out = room.ask(
        "echo HIT > /opt/flat/host.conf; cat /opt/flat/host.conf; echo; \
        busybox sh -c 'echo x > /opt/deep/az'; cat /opt/deep/az",
    );
    assert_eq!(words(&out), ["host", "x"], "an exempt program may: {out}");
    let told = denial(rig, 105, |d| d.path == "/opt/flat/new.conf");
    assert_eq!((told.op, told.rule), (DeniedOp::Create, 1));
}
