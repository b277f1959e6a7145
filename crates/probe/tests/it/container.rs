//! Real containers: held at their first exec, denied, killed.

use crate::rig::{Cgroup, Container, Rig, able, has, in_child, text, until};
use rampart_model::{Mode, node::Counter};
use rampart_probe::{
    AskKind, Attach, Config, Control, Decision, Event, FileId, FirstExec, KernelPolicy, KillReason,
};
use std::{
    os::{fd::FromRawFd, unix::process::ExitStatusExt},
    sync::{Arc, OnceLock},
    time::Duration,
};

fn protect() -> KernelPolicy {
    KernelPolicy {
        process_mode: Mode::Protect,
        ..KernelPolicy::default()
    }
}

/// The first exec of our container; the machine may start others meanwhile.
fn first_exec(rig: &Rig, container: &Container, path: &str) -> FirstExec {
    let cgroup = rig.kept.wait("cgroup", |e| match e {
        Event::CgroupCreated { id, path, .. } => path.ends_with(&container.id).then_some(*id),
        _ => None,
    });
    rig.kept.wait("first exec", |e| match e {
        Event::FirstExec(first)
            if first.exec.task.cgroup_id == cgroup && first.exec.path == path =>
        {
            assert!(first.exec.overlay);
            Some((**first).clone())
        }
        _ => None,
    })
}

fn holding() -> Config {
    Config {
        hold: true,
        ..Config::default()
    }
}

fn adopt(control: &Control, label: u32, first: &FirstExec, policy: &KernelPolicy) {
    let task = &first.exec.task;
    control
        .attach_workload(&Attach {
            label,
            cgroup_id: task.cgroup_id,
            pid: task.pid,
        })
        .unwrap();
    control.set_policy(label, policy).unwrap();
}

#[test]
fn a_short_container_is_held_until_its_policy_is_there() {
    if !able() || !has("runc") {
        return;
    }
    let rig = Rig::new(holding());
    let container = Container::new("hold", true, &["/bin/sh", "-c", "echo ran; /bin/ls /etc"]);
    let child = container.start();
    let first = first_exec(&rig, &container, "/bin/busybox");
    assert!(first.held);
    assert_eq!(first.exec.argv[2], "echo ran; /bin/ls /etc");
    assert_eq!(first.exec.cwd, "/");
    assert_eq!(first.exec.task.ns_pid, 1);
    let pid = first.exec.task.pid;
    let state = || {
        rampart_probe::procfs::process(pid, None)
            .ok()
            .map(|p| p.state)
    };
    assert!(
        until(|| (state() == Some('T')).then_some(())).is_some(),
        "{:?}",
        state()
    );
    assert!(
        rig.kept
            .all(
                |e| matches!(e, Event::CgroupCreated { path, .. } if path.contains(&container.id))
                    .then_some(())
            )
            .len()
            == 1
    );
    adopt(&rig.control, 7, &first, &protect());
    assert_eq!(rig.control.label_of_pid(pid), Some(7));
    assert!(rig.control.release(pid));
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        text(&output.stdout),
        "ran\npasswd\n",
        "{}",
        text(&output.stderr)
    );
    // The second exec already has the label.
    let exec = rig.kept.wait("labelled exec", |e| match e {
        Event::Exec(x) if x.task.label == 7 => Some(x.clone()),
        _ => None,
    });
    assert_eq!(exec.argv, ["/bin/ls", "/etc"]);
    assert!(!rig.control.release(pid));
    drop(container);
    rig.kept.wait("cgroup removal", |e| {
        matches!(e, Event::CgroupRemoved { id, .. } if *id == first.exec.task.cgroup_id)
            .then_some(())
    });
}

#[test]
fn nobody_decides_on_a_held_container() {
    if !able() || !has("runc") {
        return;
    }
    for (fail_closed, want) in [(false, "ran\n"), (true, "")] {
        let config = Config {
            hold_deadline: Duration::from_millis(200),
            fail_closed,
            ..holding()
        };
        let rig = Rig::new(config);
        let name = if fail_closed { "closed" } else { "open" };
        let container = Container::new(name, true, &["/bin/echo", "ran"]);
        let output = container.start().wait_with_output().unwrap();
        assert_eq!(text(&output.stdout), want);
        let which = if fail_closed {
            Counter::FailedClosed
        } else {
            Counter::FailedOpen
        };
        let count = rig.control.counters()[&which];
        let held = rig.kept.all(|e| match e {
            Event::FirstExec(first) => Some((first.exec.path.clone(), first.held)),
            _ => None,
        });
        assert!(count >= 1, "fail_closed {fail_closed}: {held:?}");
    }
}

#[test]
fn host_processes_and_the_runtime_are_not_held() {
    if !able() || !has("runc") {
        return;
    }
    let rig = Rig::new(holding());
    let container = Container::new("runtime", true, &["/bin/true"]);
    let child = container.start();
    let first = first_exec(&rig, &container, "/bin/busybox");
    rig.control.release(first.exec.task.pid);
    child.wait_with_output().unwrap();
    let held = rig.kept.all(|e| match e {
        Event::FirstExec(f) if f.exec.task.cgroup_id == first.exec.task.cgroup_id => {
            Some(f.exec.path.clone())
        }
        _ => None,
    });
    assert_eq!(held, ["/bin/busybox"]);
}

#[test]
fn a_denied_exec_gets_eperm() {
    if !able() || !has("runc") {
        return;
    }
    // An overlay is marked as a file system, a plain directory as a mount.
    for overlay in [true, false] {
        let rig = Rig::judged(Config::default(), |ask| match ask.kind {
            AskKind::Exec if ask.path.ends_with("evil") => Decision::Deny,
            AskKind::Exec => Decision::AllowCached,
            AskKind::Open { .. } => Decision::Allow,
        });
        let name = if overlay { "deny-o" } else { "deny-p" };
        let container = Container::new(name, overlay, &["/bin/sleep", "1000"]);
        let mut child = container.start();
        let (pid, cgroup_id) = container.running();
        let label = 8;
        rig.control
            .attach_workload(&Attach {
                label,
                cgroup_id,
                pid,
            })
            .unwrap();
        let policy = KernelPolicy {
            judge_exec: true,
            ..protect()
        };
        rig.control.set_policy(label, &policy).unwrap();
        let output =
            container.sh("cp /bin/busybox /tmp/evil; /tmp/evil echo hi; echo rc=$?; /bin/ls /etc");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(out, "rc=126\npasswd\n", "overlay {overlay}: {err}");
        assert!(err.contains("/tmp/evil: Operation not permitted"), "{err}");
        let asked = rig.judge.asked.lock().unwrap().clone();
        let evil = asked.iter().find(|a| a.path.ends_with("evil")).unwrap();
        assert_eq!(evil.path.to_str(), Some("/tmp/evil"));
        assert_eq!(
            (evil.label, evil.foreign, evil.unlinked),
            (label, false, false)
        );
        assert_eq!(evil.upper, overlay.then_some(true));
        let shipped = asked.iter().find(|a| a.path.ends_with("busybox")).unwrap();
        assert_eq!(shipped.upper, overlay.then_some(false));
        if overlay {
            // Answered by the kernel's cache after the first time.
            let before = rig.judge.asked.lock().unwrap().len();
            container.exec(&["/bin/true"]);
            assert_eq!(rig.judge.asked.lock().unwrap().len(), before);
            rig.control.set_policy(label, &policy).unwrap();
            container.exec(&["/bin/true"]);
            assert!(rig.judge.asked.lock().unwrap().len() > before);
        }
        assert_eq!(rig.control.counters()[&Counter::ExecsDenied], 1);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_dropped_binary_is_killed_before_it_runs() {
    if !able() || !has("runc") {
        return;
    }
    let rig = Rig::new(Config::default());
    let container = Container::new("drift", true, &["/bin/sleep", "1000"]);
    let mut child = container.start();
    let (pid, cgroup_id) = container.running();
    rig.control
        .attach_workload(&Attach {
            label: 9,
            cgroup_id,
            pid,
        })
        .unwrap();
    let policy = KernelPolicy {
        drift_kill: true,
        ..protect()
    };
    rig.control.set_policy(9, &policy).unwrap();
    for (place, reason) in [
        ("/tmp/busybox-dropped", KillReason::Dropped),
        ("/dev/shm/busybox-dropped", KillReason::Tmpfs),
    ] {
        let script = format!("cp /bin/busybox {place}; {place} echo hi; echo rc=$?");
        let output = container.sh(&script);
        assert_eq!(
            text(&output.stdout),
            "rc=137\n",
            "{place}: {}",
            text(&output.stderr)
        );
        let killed = rig.kept.wait("kill", |e| match e {
            Event::Killed(k) if k.exec.path == place => Some(k.clone()),
            _ => None,
        });
        assert_eq!((killed.reason, killed.exec.task.label), (reason, 9));
        assert_eq!(killed.exec.argv, [place, "echo", "hi"]);
    }
    // Listed by its file, it may run.
    let dropped = rig.kept.wait("kill", |e| match e {
        Event::Killed(k) if k.exec.path == "/tmp/busybox-dropped" => Some(k.exec.file),
        _ => None,
    });
    let allowed = KernelPolicy {
        exec_allow: vec![dropped],
        ..policy.clone()
    };
    rig.control.set_policy(9, &allowed).unwrap();
    assert_eq!(
        text(&container.sh("/tmp/busybox-dropped echo hi").stdout),
        "hi\n"
    );
    // And what the image shipped can be denied by its file.
    let shipped = rig.kept.wait("exec", |e| match e {
        Event::Exec(x) if x.task.label == 9 && x.path == "/bin/busybox" => Some(x.file),
        _ => None,
    });
    let denied = KernelPolicy {
        exec_deny: vec![shipped],
        ..policy
    };
    rig.control.set_policy(9, &denied).unwrap();
    assert!(!container.exec(&["/bin/true"]).status.success());
    // Only Protect kills.
    let monitor = KernelPolicy {
        process_mode: Mode::Monitor,
        ..denied
    };
    rig.control.set_policy(9, &monitor).unwrap();
    assert_eq!(
        text(&container.sh("/tmp/busybox-dropped echo hi").stdout),
        "hi\n"
    );
    // Detached, the container is nobody's.
    rig.control.detach_workload(9);
    assert_eq!(rig.control.label_of_pid(pid), None);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs a memfd in namespaces of its own; the exit code of what ran.
fn run_memfd() -> i32 {
    let program = std::fs::read("/bin/busybox").unwrap();
    // SAFETY: plain system calls of the child's own, on descriptors and strings that are alive.
    unsafe {
        if libc::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWPID) != 0 {
            return 90;
        }
        let pid = libc::fork();
        if pid == 0 {
            let fd = libc::memfd_create(c"evil".as_ptr(), libc::MFD_CLOEXEC);
            let mut file = std::fs::File::from_raw_fd(fd);
            std::io::Write::write_all(&mut file, &program).unwrap();
            let args = [c"true".as_ptr(), std::ptr::null()];
            let env = [std::ptr::null()];
            libc::fexecve(fd, args.as_ptr(), env.as_ptr());
            libc::_exit(91);
        }
        let mut status = 0;
        libc::waitpid(pid, &raw mut status, 0);
        let status = std::process::ExitStatus::from_raw(status);
        status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }
}

#[test]
fn a_memfd_is_killed_before_it_runs() {
    if !able() {
        return;
    }
    let rig = Rig::new(Config::default());
    let cgroup = Cgroup::new("memfd");
    rig.control
        .attach_workload(&Attach {
            label: 10,
            cgroup_id: cgroup.id,
            pid: 0,
        })
        .unwrap();
    assert_eq!(in_child(&cgroup.path, None, run_memfd), 0);
    rig.control
        .set_policy(
            10,
            &KernelPolicy {
                drift_kill: true,
                ..protect()
            },
        )
        .unwrap();
    assert_eq!(in_child(&cgroup.path, None, run_memfd), 137);
    let killed = rig.kept.wait("kill", |e| match e {
        Event::Killed(k) if k.exec.task.label == 10 => Some(k.clone()),
        _ => None,
    });
    assert_eq!(killed.reason, KillReason::Fileless);
    assert_eq!(killed.exec.path, "/memfd:evil");
    assert!(killed.exec.unlinked);
    assert_ne!(killed.exec.file, FileId::default());
    assert_eq!(rig.control.counters()[&Counter::KilledAtExec], 1);
}

#[test]
fn a_process_that_leaves_its_cgroup_keeps_its_label() {
    if !able() {
        return;
    }
    let rig = Rig::new(Config::default());
    let (cgroup, other) = (Cgroup::new("stay"), Cgroup::new("leave"));
    rig.control
        .attach_workload(&Attach {
            label: 11,
            cgroup_id: cgroup.id,
            pid: 0,
        })
        .unwrap();
    let procs = other.path.join("cgroup.procs");
    let code = in_child(&cgroup.path, None, || {
        std::fs::write(&procs, "0").unwrap();
        std::process::Command::new("/bin/true")
            .status()
            .map_or(1, |s| s.code().unwrap_or(2))
    });
    assert_eq!(code, 0);
    let exec = rig.kept.wait("exec", |e| match e {
        Event::Exec(x) if x.path.ends_with("/true") && x.task.label == 11 => Some(x.clone()),
        _ => None,
    });
    assert_eq!(exec.task.cgroup_id, other.id);
}

#[test]
fn a_judge_that_hangs_or_panics_blocks_nothing() {
    if !able() || !has("runc") {
        return;
    }
    let gate: Arc<OnceLock<()>> = Arc::default();
    let wait = Arc::clone(&gate);
    let config = Config {
        judge_deadline: Duration::from_millis(200),
        ..Config::default()
    };
    let rig = Rig::judged(config, move |ask| {
        if ask.path.ends_with("busybox") {
            wait.wait();
        }
        panic!("a judge's mistake");
    });
    let container = Container::new("hang", true, &["/bin/sleep", "1000"]);
    let mut child = container.start();
    let (pid, cgroup_id) = container.running();
    rig.control
        .attach_workload(&Attach {
            label: 12,
            cgroup_id,
            pid,
        })
        .unwrap();
    rig.control
        .set_policy(
            12,
            &KernelPolicy {
                judge_exec: true,
                ..protect()
            },
        )
        .unwrap();
    // More at once than there are threads.
    let output = container.sh("for i in 1 2 3 4 5; do /bin/true & done; wait; echo done");
    assert_eq!(text(&output.stdout), "done\n", "{}", text(&output.stderr));
    assert!(rig.control.counters()[&Counter::FailedOpen] >= 5);
    gate.set(()).unwrap();
    let output = container.sh("cp /bin/busybox /tmp/busybox-x; /tmp/busybox-x echo after");
    assert_eq!(text(&output.stdout), "after\n");
    child.kill().unwrap();
    child.wait().unwrap();
}
