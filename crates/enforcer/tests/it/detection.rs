//! Detection rules on live events: what is recorded, once, and with whom.

use crate::fake::*;
use rampart_detect::{Options, RuleFile, Rules};
use rampart_model::{DetectionRule, LogLevel, LogRecord, Mode, Report, RuleState, event::Incident};
use rampart_probe::{Cred, CredCause, Event, FileAct, FileOp, Socket, SocketOp};
use std::sync::Arc;

const RULES: &str = "
- rule: Shell below nginx
  desc: d
  condition: evt.type=execve and container.id != host and proc.name=sh and proc.pname=nginx
  output: shell %proc.exepath in %container.image.repository
  priority: CRITICAL
- rule: Fileless
  desc: d
  condition: evt.type=execve and proc.is_exe_from_memfd=true
  output: memory %proc.exepath
  priority: NOTICE
- rule: Backdoor port
  desc: d
  condition: evt.type=connect and fd.sport=4444 and fd.sip=203.0.113.9 and proc.name=sh
  output: connection %fd.name
  priority: WARNING
- rule: Became root
  desc: d
  condition: evt.type=setuid and evt.arg.uid=0 and proc.name=app
  output: \"%proc.name is now %evt.arg.uid, was started by %proc.pname\"
  priority: ERROR
- rule: Written below etc
  desc: d
  condition: evt.type=symlink and evt.arg.linkpath startswith /etc
  output: written
  priority: NOTICE
- rule: Accounts changed
  desc: d
  condition: >
    evt.type in (open, openat) and evt.is_open_write=true and fd.typechar=f and fd.num >= 0
    and fd.name=/etc/passwd and proc.name=sh and container.id != host
  output: wrote %fd.name
  priority: ALERT
- rule: Key moved
  desc: d
  condition: evt.type=renameat and evt.arg.oldpath startswith /etc and evt.arg.newpath=/tmp/key
  output: moved
  priority: ALERT
- rule: Log removed
  desc: d
  condition: evt.type in (unlink, unlinkat) and evt.arg.name endswith .log
  output: removed
  priority: ALERT
- rule: Turned off
  desc: d
  condition: evt.type=execve
  output: any
  priority: NOTICE
  enabled: false
";

async fn bed() -> Bed {
    let file = RuleFile {
        name: "rules.yaml",
        text: RULES,
    };
    let (rules, diagnostics) = Rules::load(&[file], &Options::default());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let mut config = config(dir.path());
    config.rules = Some(Arc::new(rules));
    Bed::configured(dir, FakeUplink::new(policy(1, Mode::Discover, &[])), config).await
}

fn matched(bed: &Bed, rule: &str) -> Vec<(LogRecord, Incident)> {
    let all = bed.uplink.incidents().into_iter();
    all.filter(|(record, incident)| {
        record.name == "Detection.Rule.Matched" && incident.rule_id == rule
    })
    .collect()
}

async fn told(bed: &Bed, rule: &str) -> (LogRecord, Incident) {
    until(rule, || matched(bed, rule).into_iter().next()).await
}

#[tokio::test]
async fn an_exec_that_a_rule_matches_is_recorded_once() {
    let bed = bed().await;
    let label = bed.start("web", 9_000_100, "/usr/sbin/nginx").await;
    for pid in 9_000_200..9_000_230 {
        bed.exec(label, pid, 9_000_100, "/bin/sh");
    }
    let mut fileless = exec(label, 9_000_300, 9_000_100, "/memfd:x (deleted)", &["x"]);
    fileless.unlinked = true;
    bed.emit(Event::Exec(Box::new(fileless)));
    // The last event is told, so all before it were looked at.
    let (record, _) = told(&bed, "Fileless").await;
    assert_eq!(record.level, LogLevel::Notice);
    let shells = matched(&bed, "Shell below nginx");
    assert_eq!(shells.len(), 1, "{shells:?}");
    let (record, incident) = &shells[0];
    assert_eq!(record.level, LogLevel::Critical);
    assert!(
        record
            .message
            .starts_with("Shell below nginx: shell /bin/sh in web"),
        "{}",
        record.message
    );
    assert_eq!(record.workload.as_ref().unwrap().name, "web");
    assert_eq!(incident.process.path, "/bin/sh");
    assert_eq!(incident.parent.path, "/usr/sbin/nginx");
    assert_eq!(incident.operation, "exec");
}

#[tokio::test]
async fn a_connection_is_told_with_its_ends_and_others_are_not() {
    let bed = bed().await;
    let label = bed.start("web", 9_000_100, "/usr/sbin/nginx").await;
    bed.exec(label, 9_000_200, 9_000_100, "/bin/sh");
    for peer in [
        "203.0.113.8:4444",
        "203.0.113.9:80",
        "203.0.113.9:4444",
        "203.0.113.9:4444",
    ] {
        bed.emit(Event::Socket(Socket {
            at: rampart_model::Timestamp::from_ms(1_700_000_000_000),
            op: SocketOp::Connect,
            label,
            cgroup_id: 0,
            pid: 9_000_200,
            comm: "sh".to_owned(),
            local: "10.0.0.5:40000".parse().unwrap(),
            peer: peer.parse().unwrap(),
            duration_ns: 0,
        }));
    }
    let (record, incident) = told(&bed, "Backdoor port").await;
    assert!(
        record.message.contains("10.0.0.5:40000->203.0.113.9:4444"),
        "{}",
        record.message
    );
    assert_eq!(incident.operation, "connect");
    assert_eq!(incident.parent.path, "/usr/sbin/nginx");
    let (_, uplink) = bed.stop().await;
    let count = uplink
        .incidents()
        .iter()
        .filter(|(_, incident)| incident.rule_id == "Backdoor port")
        .count();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn a_changed_identity_is_told() {
    let bed = bed().await;
    let label = bed.start("web", 9_000_100, "/usr/sbin/nginx").await;
    bed.exec(label, 9_000_200, 9_000_100, "/bin/app");
    let mut task = exec(label, 9_000_200, 9_000_100, "/bin/app", &["app"]).task;
    task.comm = "app".to_owned();
    (task.uid, task.euid) = (0, 0);
    bed.emit(Event::Cred(Cred {
        at: rampart_model::Timestamp::from_ms(1_700_000_000_000),
        task,
        old_uid: 33,
        old_euid: 33,
        old_caps: 0,
        cause: CredCause::Changed,
    }));
    let (record, incident) = told(&bed, "Became root").await;
    assert_eq!(record.level, LogLevel::Error);
    assert!(
        record
            .message
            .contains("app is now 0, was started by nginx"),
        "{}",
        record.message
    );
    assert_eq!(incident.operation, "setuid");
}

fn loaded(bed: &Bed) -> Option<Vec<DetectionRule>> {
    let all = bed.uplink.reports();
    let mut told = all.iter().filter_map(|report| match report {
        Report::DetectionRules(rules) => Some(rules.clone()),
        _ => None,
    });
    told.next()
}

#[tokio::test]
async fn the_controller_is_told_which_rules_are_loaded_and_what_they_did() {
    let bed = bed().await;
    let rules = until("the rules", || loaded(&bed)).await;
    let states: Vec<_> = rules.iter().map(|r| (r.name.as_str(), r.state)).collect();
    assert_eq!(
        states,
        [
            ("Shell below nginx", RuleState::Live),
            ("Fileless", RuleState::Live),
            ("Backdoor port", RuleState::Live),
            ("Became root", RuleState::Live),
            ("Written below etc", RuleState::Silent),
            ("Accounts changed", RuleState::Live),
            ("Key moved", RuleState::Live),
            ("Log removed", RuleState::Live),
            ("Turned off", RuleState::Off),
            ("Port scan", RuleState::Live),
            ("Search for hosts", RuleState::Live),
            ("Flood of name queries", RuleState::Silent),
            ("Burst of reconnaissance", RuleState::Live),
            ("Flood of processes", RuleState::Live),
            ("Shell fed by a connection", RuleState::Live),
            ("Signal to the enforcer", RuleState::Silent),
            ("Running program removed", RuleState::Silent),
        ]
    );
    assert_eq!((rules[0].priority.as_str(), rules[0].line), ("Critical", 2));
    assert!(
        rules[4]
            .reason
            .contains("waits for symlink: system calls are not told"),
        "{}",
        rules[4].reason
    );
    assert!(rules[5].reason.contains("files that file rules watch"));
    assert_eq!(rules[0].reason, "");
    let label = bed.start("web", 9_000_100, "/usr/sbin/nginx").await;
    for pid in 9_000_200..9_000_203 {
        bed.exec(label, pid, 9_000_100, "/bin/sh");
    }
    // Told once; counted each time.
    let stats = until("three matches", || {
        let all = bed.uplink.reports().into_iter();
        let mut stats = all.filter_map(|report| match report {
            Report::Stats(stats) => Some(stats.detection),
            _ => None,
        });
        stats.find(|stats| stats.matched.get("Critical") == Some(&3))
    })
    .await;
    assert_eq!(stats.hits["Shell below nginx"].count, 3);
    assert_eq!(stats.kinds["execve"], stats.events);
    assert!(stats.events >= 3 && stats.hits["Shell below nginx"].last.is_known());
    assert!(!stats.hits.contains_key("Backdoor port"));
}

#[tokio::test]
async fn changes_of_watched_files_are_told_with_the_file_and_the_host_is_not_the_container() {
    let bed = bed().await;
    let label = bed.start("web", 9_000_100, "/usr/sbin/nginx").await;
    bed.exec(label, 9_000_200, 9_000_100, "/bin/sh");
    let act = |actor_label, path: &str, new_path: Option<&str>, op| {
        Event::File(Box::new(FileAct {
            at: rampart_model::Timestamp::from_ms(1_700_000_000_000),
            label,
            pid: 9_000_200,
            actor_label,
            ops: vec![op],
            path: path.to_owned(),
            new_path: new_path.map(str::to_owned),
            directory: false,
        }))
    };
    for event in [
        act(0, "/var/host.log", None, FileOp::Delete),
        act(label, "/etc/shadow", None, FileOp::Modify),
        act(label, "/etc/passwd", None, FileOp::Attrib),
        act(label, "/etc/passwd", None, FileOp::Modify),
        act(label, "/etc/passwd", None, FileOp::CloseWrite),
        act(label, "/etc/key", None, FileOp::Rename),
        act(label, "/etc/key", Some("/tmp/key"), FileOp::Rename),
        act(label, "/var/app.log", None, FileOp::Delete),
    ] {
        bed.emit(event);
    }
    let (_, removed) = told(&bed, "Log removed").await;
    assert_eq!(removed.file_path, "/var/app.log");
    let accounts = matched(&bed, "Accounts changed");
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    let (record, incident) = &accounts[0];
    assert_eq!(record.level, LogLevel::Alert);
    assert_eq!(
        (incident.file_path.as_str(), incident.operation.as_str()),
        ("/etc/passwd", "open-write")
    );
    assert_eq!(incident.process.path, "/bin/sh");
    assert_eq!(matched(&bed, "Key moved").len(), 1);
    assert_eq!(matched(&bed, "Log removed").len(), 1);
}
