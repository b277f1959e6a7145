//! Learn, report and deny processes; escalation; aggregation; the process tree.

use crate::fake::*;
use rampart_model::{Action, Mechanism, Mode, ProcessInfo, Query, Reply, Report, Verdict};
use rampart_probe::{
    Ask, AskKind, Cred, CredCause, Decision, Denied, DeniedOp, DenyReason, Event, FileId,
    KillReason, Killed, Task,
};

fn learned(bed: &Bed) -> Vec<(String, String)> {
    let reports = bed.uplink.reports().into_iter();
    reports
        .filter_map(|r| match r {
            Report::LearnedProcess { group, path, .. } => Some((group.to_string(), path)),
            _ => None,
        })
        .collect()
}

fn processes(bed: &Bed, id: &str) -> Vec<ProcessInfo> {
    match bed.handle.query(&Query::Processes(id.into())) {
        Reply::Processes(list) => list,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn discover_learns_each_program_once() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    let label = bed.start("web", 9_000_100, "/usr/sbin/nginx").await;
    for pid in 200..300 {
        bed.exec(label, pid, 9_000_100, "/bin/date");
    }
    bed.exec(label, 9_000_300, 9_000_100, "/bin/last");
    until("the last", || {
        learned(&bed)
            .iter()
            .any(|(_, p)| p == "/bin/last")
            .then_some(())
    })
    .await;
    let group = "nv.web".to_owned();
    let want = ["/usr/sbin/nginx", "/bin/date", "/bin/last"].map(|p| (group.clone(), p.to_owned()));
    assert_eq!(learned(&bed), want);
    assert!(bed.uplink.incidents().is_empty());
}

#[tokio::test]
async fn a_script_is_learned_with_its_interpreter_and_needed_in_protect() {
    let bed = Bed::new(policy(1, Mode::Discover, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    assert_eq!(bed.ask(label, 9_000_200, "/run.sh"), Decision::Allow);
    assert_eq!(bed.ask(label, 9_000_200, "/bin/dash"), Decision::Allow);
    assert_eq!(
        bed.ask(label, 9_000_200, "/lib64/ld-linux-x86-64.so.2"),
        Decision::Allow
    );
    bed.exec(label, 9_000_200, 9_000_100, "/bin/dash");
    until("the interpreter", || {
        learned(&bed)
            .iter()
            .any(|(_, p)| p == "/bin/dash")
            .then_some(())
    })
    .await;
    let paths: Vec<_> = learned(&bed).into_iter().map(|(_, p)| p).collect();
    assert_eq!(paths, ["/run.sh", "/bin/dash"]);

    bed.apply(policy(2, Mode::Protect, &["/bin/app", "/bin/dash"]))
        .await;
    assert_eq!(bed.ask(label, 9_000_201, "/other.sh"), Decision::Deny);
    assert_ne!(bed.ask(label, 9_000_201, "/bin/dash"), Decision::Deny);
}

#[tokio::test]
async fn monitor_reports_and_lets_run() {
    let bed = Bed::new(policy(1, Mode::Monitor, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    assert_eq!(bed.ask(label, 9_000_200, "/bin/sh"), Decision::Allow);
    bed.emit(Event::Exec(Box::new(exec(
        label,
        9_000_200,
        9_000_100,
        "/bin/sh",
        &["sh", "-c", "id"],
    ))));
    let incident = bed.uplink.incident("Process.Profile.Violation").await;
    assert_eq!(
        (incident.action.as_str(), incident.verdict),
        ("violate", Verdict::Violate)
    );
    assert_eq!(incident.mechanism, None);
    assert_eq!(incident.process.cmdline, "sh -c id");
    assert_eq!(incident.process.ancestors[0], "app");
    assert_eq!(incident.parent.path, "/bin/app");
    assert_eq!(incident.process.user, "root");
    assert!(!bed.kernel.did(&Call::Kill(9_000_200)));
    let red: Vec<_> = processes(&bed, "web-10000100")
        .into_iter()
        .map(|p| (p.pid, p.action))
        .collect();
    assert_eq!(red, [(9_000_100, Action::Allow), (9_000_200, Action::Deny)]);
}

#[tokio::test]
async fn protect_denies_before_the_exec() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    assert_eq!(bed.ask(label, 9_000_100, "/bin/app"), Decision::AllowCached);
    assert_eq!(bed.ask(label, 9_000_100, "/usr/bin/nc"), Decision::Deny);
    let incident = bed.uplink.incident("Container.Suspicious.Process").await;
    assert_eq!(incident.mechanism, Some(Mechanism::Fanotify));
    assert_eq!(
        (incident.verdict, incident.operation.as_str()),
        (Verdict::Deny, "exec")
    );
    assert_eq!(incident.process.path, "/usr/bin/nc");
    assert_eq!(incident.parent.path, "/bin/app", "the program that tried");
    assert_eq!(
        bed.ask(99, 1, "/usr/bin/nc"),
        Decision::Allow,
        "an unknown label is no business of ours"
    );
}

#[tokio::test]
async fn what_slips_past_the_question_is_killed() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    bed.exec(label, 9_000_200, 9_000_100, "/tmp/evil");
    let incident = bed.uplink.incident("Process.Profile.Violation").await;
    assert!(bed.kernel.did(&Call::Kill(9_000_200)));
    assert_eq!(incident.mechanism, Some(Mechanism::Kill));

    let killed = Killed {
        reason: KillReason::Fileless,
        exec: exec(label, 9_000_201, 9_000_100, "/memfd:x", &["x"]),
    };
    bed.emit(Event::Killed(Box::new(killed)));
    let told = until("the kill at exec", || {
        bed.uplink
            .incidents()
            .into_iter()
            .find(|(_, i)| i.mechanism == Some(Mechanism::KillAtExec))
    })
    .await;
    assert!(told.0.message.contains("from memory"), "{}", told.0.message);
}

fn refused(label: u32) -> Denied {
    Denied {
        at: rampart_model::Timestamp::from_ms(1_700_000_000_000),
        task: Task {
            pid: 9_000_100,
            label,
            ..Task::default()
        },
        op: DeniedOp::Exec,
        reason: DenyReason::Profile,
        rule: 0,
        watched: false,
        path: "/tmp/evil".to_owned(),
        path_truncated: false,
        file: FileId::default(),
        detail: 0,
    }
}

/// The kernel holds the profile, and its refusals name the rule.
#[tokio::test]
async fn the_kernel_gets_the_profile_and_tells_by_which_rule() {
    let mut policy = policy(1, Mode::Protect, &["/bin/app"]);
    let rules = &mut policy.groups[0].profile.rules;
    rules[0].user = "root".to_owned();
    rules.push(rampart_model::ProcessRule {
        name: "nc".to_owned(),
        path: "/usr/bin/nc".to_owned(),
        action: rampart_model::Action::Deny,
        uuid: "of-nc".to_owned(),
        ..rampart_model::ProcessRule::default()
    });
    let bed = Bed::new(policy).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let profile = bed.kernel.policies.lock().unwrap()[&label]
        .guard
        .profile
        .clone()
        .unwrap();
    let told: Vec<_> = profile
        .rules
        .iter()
        .map(|r| (&r.uids[..], r.deny))
        .collect();
    assert_eq!(told, [(&[0][..], false), (&[][..], true)]);
    bed.emit(Event::Denied(Box::new(refused(label))));
    let incident = bed.uplink.incident("Process.Profile.Violation").await;
    assert_eq!(
        incident.rule_id,
        rampart_policy::process::reserved::NOT_LISTED
    );
    bed.emit(Event::Denied(Box::new(Denied {
        rule: 2,
        path: "/usr/bin/nc".to_owned(),
        ..refused(label)
    })));
    let incident = bed.uplink.incident("Container.Suspicious.Process").await;
    assert_eq!(incident.rule_id, "of-nc");
}

/// Other files are where the profile's were: it is put in force anew, once a minute at most.
#[tokio::test]
async fn a_refused_program_that_is_allowed_renews_the_policy() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let count = || {
        let calls = bed.kernel.calls();
        calls.iter().filter(|c| **c == Call::Policy(label)).count()
    };
    let before = count();
    for path in ["/bin/other", "/bin/app", "/bin/app"] {
        bed.emit(Event::Denied(Box::new(Denied {
            path: path.to_owned(),
            ..refused(label)
        })));
    }
    bed.exec(label, 9_000_201, 9_000_100, "/bin/evil");
    until("the last event", || {
        bed.kernel.did(&Call::Kill(9_000_201)).then_some(())
    })
    .await;
    assert_eq!(count(), before + 1);
}

/// What a group does while it learns is learned once, and in Monitor told as a violation.
#[tokio::test]
async fn acts_are_learned_and_told() {
    use rampart_model::{Act, Report};
    let bed = Bed::new(policy(1, Mode::Discover, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let watch = bed.kernel.policies.lock().unwrap()[&label].guard.watch;
    assert!(watch.mount && watch.setuid && watch.drift_code);
    let mount = Denied {
        op: DeniedOp::Mount,
        reason: DenyReason::Guard,
        watched: true,
        ..refused(label)
    };
    bed.emit(Event::Denied(Box::new(mount.clone())));
    bed.emit(Event::Denied(Box::new(mount)));
    let learned = || {
        let all = bed.uplink.reports();
        let acts = all.into_iter().filter_map(|report| match report {
            Report::LearnedAct { act, .. } => Some(act),
            _ => None,
        });
        acts.collect::<Vec<_>>()
    };
    until("the act", || (!learned().is_empty()).then_some(())).await;
    assert_eq!(learned(), [Act::Mount]);
}

#[tokio::test]
async fn what_the_kernel_refused_is_told() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    bed.emit(Event::Denied(Box::new(Denied {
        op: DeniedOp::Exec,
        reason: DenyReason::Exec(KillReason::Dropped),
        ..refused(label)
    })));
    let incident = bed.uplink.incident("Process.Profile.Violation").await;
    assert_eq!(incident.mechanism, Some(Mechanism::Lsm));
    assert_eq!(
        (incident.verdict, incident.operation.as_str()),
        (Verdict::Deny, "exec")
    );
    assert_eq!(incident.process.path, "/bin/app", "who tried");
    assert_eq!(incident.file_path, "/tmp/evil");
}

#[tokio::test]
async fn a_dropped_file_the_profile_allows_is_made_known_to_the_kernel() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app", "/data/tool"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let dropped = Ask {
        upper: Some(true),
        ino: 4711,
        ..ask(label, 9_000_100, "/data/tool", AskKind::Exec)
    };
    assert_ne!(bed.judge.judge(&dropped), Decision::Deny);
    let allowed = bed.kernel.policies.lock().unwrap()[&label]
        .exec_allow
        .clone();
    assert!(allowed.iter().any(|file| file.ino == 4711), "{allowed:?}");
}

#[tokio::test]
async fn repeats_are_one_record_with_a_count_and_the_first_is_at_once() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    for _ in 0..1000 {
        assert_eq!(bed.ask(label, 9_000_100, "/bin/evil"), Decision::Deny);
    }
    assert_eq!(
        bed.uplink.incident("Process.Profile.Violation").await.count,
        1
    );
    let (_, uplink) = bed.stop().await;
    let counts: Vec<_> = uplink
        .incidents()
        .into_iter()
        .map(|(_, i)| i.count)
        .collect();
    assert_eq!(counts, [1, 999], "nothing is lost at the stop either");
}

fn became_root(label: u32, pid: u32, old_uid: u32) -> Event {
    Event::Cred(Cred {
        at: rampart_model::Timestamp::from_ms(1),
        task: Task {
            pid,
            tid: pid,
            label,
            uid: 0,
            euid: 0,
            ..Task::default()
        },
        old_uid,
        old_euid: old_uid,
        old_caps: 0,
        cause: CredCause::Changed,
    })
}

/// A process that is root indeed, as /proc will be asked.
fn root_pid() -> Option<u32> {
    let own = std::process::id();
    let is_root = rampart_probe::procfs::Status::read(own).is_ok_and(|s| s.euid == 0);
    if !is_root {
        rampart_testkit::require::skip("escalation by a system call", "not root");
    }
    is_root.then_some(own)
}

#[tokio::test]
async fn root_from_nowhere_is_an_escalation_and_killed_in_protect() {
    let Some(root) = root_pid() else { return };
    for (mode, killed) in [
        (Mode::Discover, false),
        (Mode::Monitor, false),
        (Mode::Protect, true),
    ] {
        let bed = Bed::new(policy(1, mode, &["/bin/app", "/bin/worker"])).await;
        let label = bed.start("web", 9_000_100, "/bin/app").await;
        bed.exec(label, root, 9_000_100, "/bin/worker");
        bed.emit(became_root(label, root, 0));
        bed.emit(became_root(label, root, 33));
        let incident = bed.uplink.incident("Container.Privilege.Escalation").await;
        assert_eq!(incident.process.path, "/bin/worker");
        assert_eq!(bed.kernel.did(&Call::Kill(root)), killed, "{mode}");
        let verdict = if killed {
            Verdict::Deny
        } else {
            Verdict::Violate
        };
        assert_eq!((incident.verdict, incident.count), (verdict, 1));
    }
}

#[tokio::test]
async fn ids_borrowed_for_a_moment_are_no_escalation() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    // An overlay file system acts as its mounter; /proc knows of no such change.
    bed.emit(became_root(label, 9_000_100, 33));
    bed.exec(label, 9_000_300, 9_000_100, "/bin/marker");
    bed.uplink.incident("Process.Profile.Violation").await;
    assert_eq!(bed.uplink.incidents().len(), 1);
    assert!(!bed.kernel.did(&Call::Kill(9_000_100)));
}

#[tokio::test]
async fn sudo_in_the_profile_is_no_escalation() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app", "/usr/bin/sudo"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let gained = |pid: u32, path: &str, upper: bool| {
        let mut gained = exec(label, pid, 9_000_100, path, &[path]);
        (
            gained.gained,
            gained.prev_uid,
            gained.prev_euid,
            gained.upper,
        ) = (true, 33, 33, upper);
        gained.task.uid = 33;
        Event::Exec(Box::new(gained))
    };
    bed.emit(gained(9_000_200, "/usr/bin/sudo", false));
    bed.emit(became_root(label, 9_000_200, 33));
    bed.exec(label, 9_000_300, 9_000_100, "/bin/marker");
    bed.uplink.incident("Process.Profile.Violation").await;
    let names: Vec<_> = bed
        .uplink
        .incidents()
        .into_iter()
        .map(|(r, _)| r.name)
        .collect();
    assert_eq!(names, ["Process.Profile.Violation"]);

    bed.emit(gained(9_000_400, "/usr/bin/sudo", true));
    let incident = bed.uplink.incident("Container.Privilege.Escalation").await;
    assert_eq!(
        incident.operation, "setuid-exec",
        "a sudo the image did not ship"
    );
    assert!(bed.kernel.did(&Call::Kill(9_000_400)));
}

#[tokio::test]
async fn runtime_exec_is_marked_with_its_children() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    bed.exec(label, 9_000_200, 9_000_100, "/bin/child");
    bed.exec(label, 9_000_300, 9999, "/bin/sh");
    bed.exec(label, 9_000_301, 9_000_300, "/bin/ls");
    bed.exec(label, 9_000_400, 9_000_100, "/bin/end");
    until("the tree", || {
        (processes(&bed, "web-10000100").len() >= 5).then_some(())
    })
    .await;
    let marks: Vec<_> = processes(&bed, "web-10000100")
        .into_iter()
        .map(|p| (p.pid, p.from_exec))
        .collect();
    assert_eq!(
        marks,
        [
            (9_000_100, false),
            (9_000_200, false),
            (9_000_300, true),
            (9_000_301, true),
            (9_000_400, false)
        ]
    );
}

#[tokio::test]
async fn the_runtimes_own_helper_is_not_judged() {
    use std::os::unix::fs::MetadataExt;
    let ours = u32::try_from(std::fs::metadata("/proc/self/ns/mnt").unwrap().ino()).unwrap();
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app", "/bin/sh"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let mut helper = exec(
        label,
        9_000_200,
        9999,
        "/memfd:runc_cloned:/proc/self/exe",
        &["runc", "init"],
    );
    (helper.task.mount_ns, helper.unlinked) = (ours, true);
    bed.emit(Event::Exec(Box::new(helper)));
    bed.exec(label, 9_000_200, 9999, "/bin/sh");
    bed.exec(label, 9_000_300, 9_000_100, "/bin/marker");
    bed.uplink.incident("Process.Profile.Violation").await;
    assert_eq!(bed.uplink.incidents().len(), 1);
    assert!(!bed.kernel.did(&Call::Kill(9_000_200)));
}

#[tokio::test]
async fn the_host_is_watched_when_its_group_has_a_mode_and_never_stopped() {
    use rampart_model::{Group, GroupKind};
    let mut snapshot = policy(1, Mode::Protect, &[]);
    snapshot.groups.push(Group {
        name: Group::NODES.into(),
        kind: GroupKind::Node,
        profile_mode: Some(Mode::Protect),
        ..Group::default()
    });
    let bed = Bed::new(snapshot).await;
    bed.exec(0, 9_000_200, 1, "/usr/bin/nmap");
    bed.exec(0, 9_000_201, 1, "/usr/bin/tool");
    let incident = bed.uplink.incident("Host.Suspicious.Process").await;
    assert_eq!(
        (incident.verdict, incident.group.as_str()),
        (Verdict::Violate, "nodes")
    );
    bed.uplink.incident("Host.Process.Violation").await;
    assert!(
        !bed.kernel
            .calls()
            .iter()
            .any(|c| matches!(c, Call::Kill(_)))
    );

    let quiet = Bed::new(policy(1, Mode::Protect, &[])).await;
    quiet.exec(0, 9_000_200, 1, "/usr/bin/nmap");
    let (_, uplink) = quiet.stop().await;
    assert!(uplink.incidents().is_empty(), "no mode, no word");
}

#[tokio::test]
async fn the_clusters_fail_mode_reaches_the_kernel() {
    let mut snapshot = policy(1, Mode::Protect, &["/bin/app"]);
    let bed = Bed::new(snapshot.clone()).await;
    assert!(bed.kernel.did(&Call::FailClosed(false)));
    assert!(!bed.kernel.did(&Call::FailClosed(true)));
    snapshot.revision = 2;
    snapshot.settings.fail_closed = true;
    bed.apply(snapshot).await;
    assert!(bed.kernel.did(&Call::FailClosed(true)));
}
