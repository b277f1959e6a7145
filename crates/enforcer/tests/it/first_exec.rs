//! A container's first exec: looked up, attached, judged, and only then let go.

use crate::fake::*;
use rampart_cluster::Change;
use rampart_model::{Mechanism, Mode, Query, Reply, Report, Verdict};
use rampart_probe::{Event, FirstExec};

#[tokio::test]
async fn an_allowed_first_exec_is_released_after_its_policy_is_in_force() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/usr/sbin/nginx"])).await;
    bed.first_exec("web", 9_000_100, "/usr/sbin/nginx");
    until("the release", || {
        bed.kernel.did(&Call::Release(9_000_100)).then_some(())
    })
    .await;
    assert_eq!(
        bed.kernel.calls(),
        [Call::Attach(1), Call::Policy(1), Call::Release(9_000_100)]
    );
    assert!(bed.kernel.policies.lock().unwrap()[&1].drift_kill);
    let secured = until("the workload report", || {
        bed.uplink.reports().into_iter().find_map(|r| match r {
            Report::Workload(w) if w.secured_at.is_known() => Some(w),
            _ => None,
        })
    })
    .await;
    assert_eq!(secured.name, "web");
    assert!(bed.uplink.incidents().is_empty());
}

#[tokio::test]
async fn a_denied_first_exec_is_killed_and_never_released() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/usr/sbin/nginx"])).await;
    bed.first_exec("web", 9_000_100, "/tmp/evil");
    let incident = bed.uplink.incident("Process.Profile.Violation").await;
    assert_eq!(
        bed.kernel.calls(),
        [Call::Attach(1), Call::Policy(1), Call::Kill(9_000_100)],
    );
    assert_eq!(incident.verdict, Verdict::Deny);
    assert_eq!(incident.action, "deny");
    assert_eq!(incident.mechanism, Some(Mechanism::KillAtExec));
    assert_eq!(incident.group.as_str(), "nv.web");
    assert_eq!(
        (incident.process.path.as_str(), incident.process.pid),
        ("/tmp/evil", 9_000_100)
    );
}

#[tokio::test]
async fn two_processes_held_at_once_are_one_container() {
    let bed = Bed::new(policy(1, Mode::Monitor, &[])).await;
    let again = {
        let mut exec = exec(0, 9_000_101, 9_000_100, "/bin/child", &["/bin/child"]);
        exec.task.cgroup_id = 10_000_100;
        Event::FirstExec(Box::new(FirstExec { held: true, exec }))
    };
    bed.first_exec("web", 9_000_100, "/bin/app");
    bed.emit(again);
    until("both releases", || {
        bed.kernel.did(&Call::Release(9_000_101)).then_some(())
    })
    .await;
    let calls = bed.kernel.calls();
    assert_eq!(
        calls
            .iter()
            .filter(|c| matches!(c, Call::Attach(_)))
            .count(),
        1
    );
    assert!(bed.kernel.did(&Call::Release(9_000_100)));
    match bed.handle.query(&Query::Processes("web-10000100".into())) {
        Reply::Processes(list) => {
            let pids: Vec<_> = list.iter().map(|p| (p.pid, p.from_exec)).collect();
            assert_eq!(pids, [(9_000_100, false), (9_000_101, false)]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_container_is_let_go_and_not_held_again() {
    let bed = Bed::new(policy(1, Mode::Protect, &[])).await;
    let mut exec = exec(0, 9_000_050, 1, "/usr/bin/service", &["service"]);
    exec.task.cgroup_id = 77;
    bed.emit(Event::FirstExec(Box::new(FirstExec { held: true, exec })));
    until("the release", || {
        bed.kernel.did(&Call::Release(9_000_050)).then_some(())
    })
    .await;
    assert_eq!(
        bed.kernel.calls(),
        [Call::Ignore(77), Call::Release(9_000_050)]
    );
}

#[tokio::test]
async fn discovery_telling_later_adds_to_the_same_member_and_the_end_detaches() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let mut known = workload("web", 10_000_100);
    known.image_digest = "sha256:aa".to_owned();
    bed.change(Change::Added(Box::new(known.clone()))).await;
    until("the digest", || {
        bed.uplink.reports().iter().any(|r| {
            matches!(r, Report::Workload(w) if w.image_digest == "sha256:aa" && w.secured_at.is_known())
        })
        .then_some(())
    })
    .await;
    let removed = Change::Removed {
        id: known.id.clone(),
        at: rampart_model::Timestamp::from_ms(5),
        exit_code: 3,
    };
    bed.change(removed).await;
    until("the detach", || {
        bed.kernel.did(&Call::Detach(label)).then_some(())
    })
    .await;
    until("the stop report", || {
        bed.uplink
            .reports()
            .iter()
            .any(|r| matches!(r, Report::Stopped { exit_code: 3, .. }))
            .then_some(())
    })
    .await;
    assert_eq!(
        bed.kernel
            .calls()
            .iter()
            .filter(|c| matches!(c, Call::Attach(_)))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_new_policy_reaches_running_containers() {
    let bed = Bed::new(policy(1, Mode::Discover, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    assert!(!bed.kernel.policies.lock().unwrap()[&label].drift_kill);
    bed.apply(policy(2, Mode::Protect, &["/bin/app"])).await;
    until("protection", || {
        bed.kernel.policies.lock().unwrap()[&label]
            .drift_kill
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_kept_policy_protects_before_the_controller_answers() {
    let bed = Bed::new(policy(7, Mode::Protect, &["/bin/app"])).await;
    let path = bed.dir.path().join("data/policy.snapshot");
    until("the kept policy", || path.exists().then_some(())).await;
    let (dir, _) = bed.stop().await;

    let silent = FakeUplink::new(rampart_model::PolicySnapshot::default());
    silent.set_down(true);
    let bed = Bed::in_dir(dir, silent).await;
    assert_eq!(bed.revision(), 7);
    bed.first_exec("web", 9_000_100, "/tmp/evil");
    until("the kill", || {
        bed.kernel.did(&Call::Kill(9_000_100)).then_some(())
    })
    .await;
    assert!(!bed.kernel.did(&Call::Release(9_000_100)));
}
