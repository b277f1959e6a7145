//! Protected files: writes denied, reads not, changes told.

use crate::rig::{Container, Rig, able, has, text};
use rampart_model::{Mode, node::Counter};
use rampart_probe::{
    AskKind, Attach, Config, Decision, Event, FileOp, KernelPolicy, ProtectedPath,
};

fn protected(path: &str, recursive: bool, ask: bool) -> ProtectedPath {
    ProtectedPath {
        path: path.into(),
        recursive,
        ask,
    }
}

fn policy(paths: Vec<ProtectedPath>) -> KernelPolicy {
    KernelPolicy {
        process_mode: Mode::Protect,
        protected: paths,
        ..KernelPolicy::default()
    }
}

/// Denies what may write.
fn no_writes(ask: &rampart_probe::Ask) -> Decision {
    match ask.kind {
        AskKind::Open { write: Some(false) } | AskKind::Exec => Decision::Allow,
        AskKind::Open { .. } => Decision::Deny,
    }
}

#[test]
fn writes_to_protected_paths_are_denied_and_reads_are_not() {
    if !able() || !has("runc") {
        return;
    }
    for overlay in [true, false] {
        let rig = Rig::judged(Config::default(), no_writes);
        let name = if overlay { "file-o" } else { "file-p" };
        let container = Container::new(name, overlay, &["/bin/sleep", "1000"]);
        let mut child = container.start();
        let (pid, cgroup_id) = container.running();
        rig.control
            .attach_workload(&Attach {
                label: 21,
                cgroup_id,
                pid,
            })
            .unwrap();
        let paths = vec![
            protected("/etc/passwd", false, true),
            protected("/root", true, true),
            protected("/etc/cron*", false, true),
        ];
        rig.control.set_policy(21, &policy(paths)).unwrap();
        let refused = "Operation not permitted";
        let cases = [
            ("cat /etc/passwd", ""),
            ("echo x >> /etc/passwd", refused),
            ("echo x > /etc/passwd", refused),
            ("echo x > /root/.profile", refused),
            ("echo x > /etc/crontab", refused),
            ("echo x > /etc/other", ""),
            ("ln /etc/passwd /tmp/link && echo x >> /tmp/link", refused),
            ("cd /etc && echo x >> ../etc/./passwd", refused),
        ];
        for (script, want) in cases {
            let script = script.replace("ln ", "/bin/busybox ln ");
            let output = container.sh(&script);
            let err = text(&output.stderr);
            assert_eq!(
                output.status.success(),
                want.is_empty(),
                "{overlay} {script}: {err}"
            );
            assert!(err.contains(want), "{overlay} {script}: {err}");
        }
        assert_eq!(
            text(&container.sh("cat /etc/passwd").stdout),
            "root:x:0:0:root:/root:/bin/sh\n"
        );
        let asked = rig.judge.asked.lock().unwrap().clone();
        let reads = |a: &&rampart_probe::Ask| a.kind == AskKind::Open { write: Some(false) };
        assert!(
            asked
                .iter()
                .filter(reads)
                .all(|a| a.path.to_str() == Some("/etc/passwd"))
        );
        assert!(asked.iter().any(|a| reads(&a)));
        // The host may still do as it likes.
        std::fs::write(container.root().join("etc/passwd"), "host\n").unwrap();
        assert!(rig.control.counters()[&Counter::FilesDenied] >= 6);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_replaced_file_is_protected_again() {
    if !able() || !has("runc") {
        return;
    }
    let rig = Rig::judged(Config::default(), no_writes);
    let container = Container::new("replace", true, &["/bin/sleep", "1000"]);
    let mut child = container.start();
    let (pid, cgroup_id) = container.running();
    rig.control
        .attach_workload(&Attach {
            label: 22,
            cgroup_id,
            pid,
        })
        .unwrap();
    rig.control
        .set_policy(22, &policy(vec![protected("/etc/passwd", false, true)]))
        .unwrap();
    let output = container.sh("echo new > /etc/new; mv /etc/new /etc/passwd");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let act = rig.kept.wait("rename", |e| match e {
        Event::File(act) if act.ops.contains(&FileOp::Rename) => Some(act.clone()),
        _ => None,
    });
    assert_eq!(
        (act.path.as_str(), act.new_path.as_deref()),
        ("/etc/new", Some("/etc/passwd"))
    );
    assert_eq!(act.label, 22);
    let denied = crate::rig::until(|| {
        (!container.sh("echo x >> /etc/passwd").status.success()).then_some(())
    });
    assert!(denied.is_some());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn changes_of_watched_paths_are_told() {
    if !able() || !has("runc") {
        return;
    }
    let rig = Rig::new(Config::default());
    let container = Container::new("watch", true, &["/bin/sleep", "1000"]);
    let mut child = container.start();
    let (pid, cgroup_id) = container.running();
    rig.control
        .attach_workload(&Attach {
            label: 23,
            cgroup_id,
            pid,
        })
        .unwrap();
    rig.control
        .set_policy(23, &policy(vec![protected("/etc", true, false)]))
        .unwrap();
    let script = "echo x > /etc/a; chmod 600 /etc/a; mv /etc/a /etc/b; rm /etc/b; \
        /bin/busybox truncate -s 0 /etc/passwd; echo quiet > /tmp/q";
    assert!(container.sh(script).status.success());
    for (path, op) in [
        ("/etc/a", FileOp::Create),
        ("/etc/a", FileOp::CloseWrite),
        ("/etc/a", FileOp::Attrib),
        ("/etc/a", FileOp::Rename),
        ("/etc/b", FileOp::Delete),
        ("/etc/passwd", FileOp::Modify),
    ] {
        rig.kept.wait(&format!("{op:?} of {path}"), |e| match e {
            Event::File(act) => (act.path == path && act.ops.contains(&op)).then_some(()),
            _ => None,
        });
    }
    let elsewhere = rig.kept.all(|e| match e {
        Event::File(act) if !act.path.starts_with("/etc") => Some(act.path.clone()),
        _ => None,
    });
    assert_eq!(elsewhere, Vec::<String>::new());
    // Nobody was asked about anything.
    assert_eq!(rig.control.counters()[&Counter::FilesJudged], 0);
    child.kill().unwrap();
    child.wait().unwrap();
}
