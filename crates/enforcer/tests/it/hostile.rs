//! What containers can do to the enforcer: floods, odd names, lies.

use crate::fake::*;
use rampart_model::{Mode, Query, Reply, Report};
use rampart_probe::{Event, Fork, Task};

#[tokio::test]
async fn ten_thousand_processes_are_listed_and_bounded() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let long = "x".repeat(20_000);
    for pid in 9_001_000..9_011_000 {
        let mut exec = exec(label, pid, 9_000_100, "/bin/worker", &["worker", &long]);
        exec.task.start_ns = u64::from(pid);
        bed.emit(Event::Exec(Box::new(exec)));
    }
    let list = until("all of them", || {
        match bed.handle.query(&Query::Processes("web-10000100".into())) {
            Reply::Processes(list) if list.len() == 10_001 => Some(list),

            _ => None,
        }
    })
    .await;
    let bytes: usize = list.iter().map(|p| p.cmdline.len()).sum();
    assert!(bytes < 24 << 20, "{bytes}");
}

#[tokio::test]
async fn a_container_that_never_settles_stops_being_learned() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    for n in 0..6000u32 {
        bed.exec(label, 9_001_000, 9_000_100, &format!("/tmp/{n}"));
    }
    until("the limit to be told", || {
        bed.uplink
            .records()
            .iter()
            .any(|r| r.name == "Agent.Learning.Limit")
            .then_some(())
    })
    .await;
    let (_, uplink) = bed.stop().await;
    let learned = uplink
        .reports()
        .iter()
        .filter(|r| matches!(r, Report::LearnedProcess { .. }))
        .count();
    assert_eq!(learned, 4096);
}

#[tokio::test]
async fn odd_names_go_through_as_they_are() {
    let bed = Bed::new(policy(1, Mode::Monitor, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    let path = "/tmp/\u{1b}[31m<script>alert(1)</script>\n\u{fffd}/../x";
    bed.exec(label, 9_000_200, 9_000_100, path);
    let incident = bed.uplink.incident("Process.Profile.Violation").await;
    assert_eq!(incident.process.path, path);
    bed.exec(label, 9_000_201, 9_000_100, "");
    bed.exec(label, 9_000_202, 9_000_202, "/");
    until("the others", || {
        (bed.uplink.incidents().len() == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_fork_bomb_of_unknown_parents_does_no_harm() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    for pid in 9_000_000..9_200_000u32 {
        bed.emit(Event::Fork(Fork {
            at: rampart_model::Timestamp::from_ms(1),
            parent: Task {
                pid: pid - 1,
                label,
                ..Task::default()
            },
            child_pid: pid,
            child_label: label,
            child_cgroup_id: 0,
            child_start_ns: u64::from(pid) + 1,
        }));
    }
    let stats = until("the overflow to be told", || {
        bed.uplink
            .records()
            .into_iter()
            .find(|r| r.name == "Agent.Processes.Untracked")
    })
    .await;
    assert!(stats.message.contains("process table"));
}
