//! Fork, exec and exit as they are told, and credentials.

use crate::rig::{Cgroup, Rig, able, in_child};
use rampart_probe::{Attach, Config, CredCause, Event};
use std::{os::unix::fs::MetadataExt, process::Command};

#[test]
fn an_exec_is_told_whole() {
    if !able() {
        return;
    }
    let rig = Rig::new(Config::default());
    let dir = tempfile::tempdir().unwrap();
    let status = Command::new("/usr/bin/env")
        .args(["-i", "/bin/sh", "-c", "exit 3", "rampart-marker"])
        .current_dir(dir.path())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(3));
    let exec = rig.kept.wait("exec", |e| match e {
        Event::Exec(exec) if exec.argv.last().is_some_and(|a| a == "rampart-marker") => {
            exec.path.ends_with("sh").then(|| exec.clone())
        }
        _ => None,
    });
    let shell = std::fs::canonicalize("/bin/sh").unwrap();
    assert_eq!(exec.path, shell.to_str().unwrap());
    assert_eq!(exec.filename, "/bin/sh");
    assert_eq!(exec.argv, ["/bin/sh", "-c", "exit 3", "rampart-marker"]);
    assert!(!exec.argv_truncated && !exec.path_truncated);
    assert_eq!(exec.cwd, dir.path().to_str().unwrap());
    assert_eq!(exec.task.ppid, std::process::id());
    assert_eq!(exec.file.ino, std::fs::metadata(&shell).unwrap().ino());
    assert_eq!(exec.file.dev, std::fs::metadata(&shell).unwrap().dev());
    assert_eq!((exec.task.uid, exec.task.euid, exec.task.label), (0, 0, 0));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!((now.as_millis() as i64 - exec.at.ms()).abs() < 60_000);
    let exit = rig.kept.wait("exit", |e| match e {
        Event::Exit(exit) if exit.task.pid == exec.task.pid => Some(exit.clone()),
        _ => None,
    });
    assert_eq!(exit.code(), 3);
    rig.kept.wait("fork", |e| match e {
        Event::Fork(fork) => (fork.child_pid == exec.task.pid).then_some(()),
        _ => None,
    });
}

#[test]
fn two_megabytes_of_arguments_keep_head_and_tail() {
    if !able() {
        return;
    }
    let rig = Rig::new(Config::default());
    let mut args: Vec<String> = (0..15).map(|i| format!("{i:x}").repeat(130_000)).collect();
    args[14].push_str("-the-end");
    assert!(
        Command::new("/bin/true")
            .args(&args)
            .status()
            .unwrap()
            .success()
    );
    let exec = rig.kept.wait("exec", |e| match e {
        Event::Exec(exec) if exec.task.ppid == std::process::id() => {
            exec.path.ends_with("/true").then(|| exec.clone())
        }
        _ => None,
    });
    let total: usize = args.iter().map(|a| a.len() + 1).sum::<usize>() + "/bin/true".len() + 1;
    assert_eq!(exec.argv_bytes, total as u64);
    assert!(exec.argv_truncated);
    assert_eq!(exec.argv[0], "/bin/true");
    assert!(exec.argv[1].starts_with("0000"));
    assert!(exec.argv.last().unwrap().ends_with("eee-the-end"));
    assert!(exec.argv.iter().any(|a| a == "…"));
}

#[test]
fn ids_that_change_are_told() {
    if !able() {
        return;
    }
    let rig = Rig::new(Config::default());
    let cgroup = Cgroup::new("cred");
    rig.control
        .attach_workload(&Attach {
            label: 41,
            cgroup_id: cgroup.id,
            pid: 0,
        })
        .unwrap();
    let code = in_child(&cgroup.path, None, || {
        // SAFETY: plain system calls of the child's own.
        unsafe {
            libc::setgid(1234);
            if libc::setuid(1234) != 0 {
                return 1;
            }
        }
        0
    });
    assert_eq!(code, 0);
    rig.kept.wait("attempt", |e| match e {
        Event::Cred(c) => matches!(
            c.cause,
            CredCause::Attempt {
                capability: 7,
                granted: true
            }
        )
        .then_some(()),
        _ => None,
    });
    let cred = rig.kept.wait("change", |e| match e {
        Event::Cred(c) if c.cause == CredCause::Changed && c.task.euid == 1234 => Some(c.clone()),
        _ => None,
    });
    assert_eq!((cred.old_uid, cred.old_euid, cred.task.label), (0, 0, 41));
    assert!(cred.old_caps != 0 && cred.task.caps == 0);
}

#[test]
fn ids_that_change_without_another_act_are_told() {
    if !able() {
        return;
    }
    let rig = Rig::new(Config::default());
    let cgroup = Cgroup::new("idle");
    rig.control
        .attach_workload(&Attach {
            label: 42,
            cgroup_id: cgroup.id,
            pid: 0,
        })
        .unwrap();
    let (mut ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        let path = cgroup.path.clone();
        let child = scope.spawn(move || {
            in_child(&path, None, || {
                // SAFETY: a plain system call of the child's own.
                let rc = unsafe { libc::setuid(4321) };
                // Waits, doing nothing the kernel programs see.
                let _ = std::io::Read::read(&mut theirs, &mut [0]);
                rc
            })
        });
        let cred = rig.kept.wait("change", |e| match e {
            Event::Cred(c) if c.cause == CredCause::Changed && c.task.label == 42 => {
                Some(c.clone())
            }
            _ => None,
        });
        assert_eq!(
            (cred.old_euid, cred.task.uid, cred.task.euid),
            (0, 4321, 4321)
        );
        std::io::Write::write_all(&mut ours, b"x").unwrap();
        assert_eq!(child.join().unwrap(), 0);
    });
    let told = rig.kept.all(|e| match e {
        Event::Cred(c) if c.cause == CredCause::Changed => Some(c.task.uid),
        _ => None,
    });
    assert_eq!(told, [4321]);
}

#[test]
fn a_thread_that_execs_keeps_its_label() {
    if !able() {
        return;
    }
    let rig = Rig::new(Config::default());
    let (cgroup, other) = (Cgroup::new("thread"), Cgroup::new("elsewhere"));
    rig.control
        .attach_workload(&Attach {
            label: 43,
            cgroup_id: cgroup.id,
            pid: 0,
        })
        .unwrap();
    let procs = other.path.join("cgroup.procs");
    let code = in_child(&cgroup.path, None, || {
        use std::os::unix::process::CommandExt;
        std::fs::write(&procs, "0").unwrap();
        std::thread::spawn(|| std::process::Command::new("/bin/true").exec())
            .join()
            .map_or(1, |_| 2)
    });
    assert_eq!(code, 0);
    rig.kept.wait("exec", |e| match e {
        Event::Exec(x) => (x.path.ends_with("/true") && x.task.label == 43).then_some(()),
        _ => None,
    });
}

#[test]
fn a_successor_releases_what_was_left_held() {
    if !able() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    let pid = child.id();
    let state = || rampart_probe::procfs::process(pid, None).unwrap().state;
    // SAFETY: signals a child that is not yet waited for.
    unsafe { libc::kill(pid.cast_signed(), libc::SIGSTOP) };
    assert!(crate::rig::until(|| (state() == 'T').then_some(())).is_some());
    let start = rampart_probe::procfs::process(pid, None).unwrap().start_ns;
    std::fs::write(
        dir.path().join("held"),
        format!("{pid} {start}\n4194000 1\nnonsense\n"),
    )
    .unwrap();
    let rig = Rig::new(Config {
        state_dir: Some(dir.path().into()),
        ..Config::default()
    });
    assert!(crate::rig::until(|| (state() != 'T').then_some(())).is_some());
    drop(rig);
    child.kill().unwrap();
    child.wait().unwrap();
}
