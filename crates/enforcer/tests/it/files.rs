//! File rules: the answer before an open, reports of changes, learning of applications.

use crate::fake::*;
use rampart_model::{
    FileBehavior, FileRule, Mechanism, Mode, PolicySnapshot, Report, Timestamp, Verdict,
};
use rampart_probe::{AskKind, Decision, Event, FileAct, FileOp};

fn with_rule(mode: Mode, behavior: FileBehavior) -> PolicySnapshot {
    let mut snapshot = policy(1, mode, &["/bin/app"]);
    snapshot.groups[0].files.push(FileRule {
        filter: "/etc/passwd".to_owned(),
        behavior,
        applications: vec!["/usr/sbin/useradd".to_owned()],
        ..FileRule::default()
    });
    snapshot
}

fn open(bed: &Bed, label: u32, pid: u32, write: Option<bool>) -> Decision {
    bed.judge
        .judge(&ask(label, pid, "/etc/passwd", AskKind::Open { write }))
}

fn act(label: u32, pid: u32, path: &str, ops: &[FileOp]) -> Event {
    Event::File(Box::new(FileAct {
        at: Timestamp::from_ms(1_700_000_000_000),
        label,
        pid,
        actor_label: label,
        ops: ops.to_vec(),
        path: path.to_owned(),
        new_path: None,
        directory: false,
    }))
}

#[tokio::test]
async fn protect_denies_the_write_and_lets_the_read_pass() {
    let bed = Bed::new(with_rule(Mode::Protect, FileBehavior::MonitorChange)).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    bed.exec(label, 9_000_200, 9_000_100, "/usr/sbin/useradd");
    bed.exec(label, 9_000_201, 9_000_100, "/bin/marker");
    until("the exec", || {
        bed.kernel.did(&Call::Kill(9_000_201)).then_some(())
    })
    .await;
    assert_eq!(open(&bed, label, 9_000_100, Some(false)), Decision::Allow);
    assert_eq!(open(&bed, label, 9_000_100, Some(true)), Decision::Deny);
    assert_eq!(
        open(&bed, label, 9_000_100, None),
        Decision::Deny,
        "cannot be told: treated as a write"
    );
    assert_eq!(
        open(&bed, label, 9_000_200, Some(true)),
        Decision::Allow,
        "a listed application"
    );
    let incident = bed.uplink.incident("Container.FileAccess.Violation").await;
    assert_eq!(incident.mechanism, Some(Mechanism::Fanotify));
    assert_eq!(
        (incident.verdict, incident.operation.as_str()),
        (Verdict::Deny, "open-write")
    );
    assert_eq!(incident.file_path, "/etc/passwd");
    assert_eq!(incident.process.path, "/bin/app");
    let asked = &bed.kernel.policies.lock().unwrap()[&label].protected;
    assert!(
        asked
            .iter()
            .any(|p| p.ask && p.path.ends_with("etc/passwd"))
    );
    assert!(
        asked
            .iter()
            .filter(|p| p.path.ends_with("etc/passwd"))
            .count()
            == 1
    );
}

#[tokio::test]
async fn a_block_rule_learns_readers_in_discover() {
    let bed = Bed::new(with_rule(Mode::Discover, FileBehavior::BlockAccess)).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    assert_eq!(open(&bed, label, 9_000_100, Some(false)), Decision::Allow);
    assert_eq!(open(&bed, label, 9_000_100, Some(false)), Decision::Allow);
    until("the application", || {
        bed.uplink
            .reports()
            .iter()
            .any(|r| {
                matches!(r,
            Report::LearnedFile { filter, application, .. }
                if filter == "/etc/passwd" && application == "/bin/app")
            })
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn changes_are_told_after_the_fact_and_once() {
    let bed = Bed::new(policy(1, Mode::Monitor, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    bed.emit(act(label, 9_000_100, "/etc/shadow", &[FileOp::Create]));
    bed.emit(act(
        label,
        9_000_100,
        "/var/lib/dpkg/status",
        &[FileOp::Rename],
    ));
    bed.emit(act(label, 9_000_100, "/srv/unwatched", &[FileOp::Modify]));
    let package = bed.uplink.incident("Container.Package.Updated").await;
    assert_eq!(
        (package.verdict, package.mechanism),
        (Verdict::Violate, None)
    );
    let shadow = bed.uplink.incident("Container.FileAccess.Violation").await;
    assert_eq!(
        (shadow.operation.as_str(), shadow.file_path.as_str()),
        ("create", "/etc/shadow")
    );
    assert_eq!(bed.uplink.incidents().len(), 2);
}
