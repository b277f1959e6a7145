//! The way to the controller: down and back, order, restart, introduction, alarms.

use crate::fake::*;
use rampart_enforcer::{Enforcer, Inventory, World};
use rampart_model::{LogLevel, Mode, Query, Reply, Report, Tier, node::Counter};
use rampart_probe::{Capabilities, Decision};
use std::sync::{Arc, atomic::Ordering};
use tokio_util::sync::CancellationToken;

fn denied_paths(uplink: &FakeUplink) -> Vec<String> {
    uplink
        .incidents()
        .into_iter()
        .map(|(_, i)| i.process.path)
        .collect()
}

#[tokio::test]
async fn records_of_a_dark_time_come_in_order_and_once() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    until("the introduction", || {
        (!bed.uplink.reports().is_empty()).then_some(())
    })
    .await;
    bed.uplink.set_down(true);
    let paths: Vec<String> = (0..150).map(|n| format!("/tmp/evil-{n}")).collect();
    for path in &paths {
        assert_eq!(bed.ask(label, 9_000_100, path), Decision::Deny);
    }
    let refused = || bed.uplink.refused.load(Ordering::SeqCst) > 0;
    until("a refused try", || refused().then_some(())).await;
    assert!(denied_paths(&bed.uplink).is_empty());
    bed.uplink.set_down(false);
    until("all of them", || {
        (denied_paths(&bed.uplink).len() >= paths.len()).then_some(())
    })
    .await;
    assert_eq!(denied_paths(&bed.uplink), paths);
    let introductions = |u: &FakeUplink| {
        u.reports()
            .iter()
            .filter(|r| matches!(r, Report::Node(_)))
            .count()
    };
    assert_eq!(
        introductions(&bed.uplink),
        2,
        "a controller that was away is told who we are again"
    );
}

#[tokio::test]
async fn a_killed_enforcer_keeps_what_was_not_acknowledged() {
    let bed = Bed::new(policy(1, Mode::Protect, &["/bin/app"])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    bed.uplink.set_down(true);
    let paths: Vec<String> = (0..20).map(|n| format!("/tmp/evil-{n}")).collect();
    for path in &paths {
        assert_eq!(bed.ask(label, 9_000_100, path), Decision::Deny);
    }
    let (dir, uplink) = bed.kill().await;
    assert!(denied_paths(&uplink).is_empty());
    uplink.set_down(false);
    let _bed = Bed::in_dir(dir, uplink.clone()).await;
    until("the records", || {
        (denied_paths(&uplink).len() >= 20).then_some(())
    })
    .await;
    assert_eq!(denied_paths(&uplink), paths);
    let mut uids: Vec<_> = uplink.records().into_iter().map(|r| r.uid).collect();
    let all = uids.len();
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), all, "every record has its own uid");
}

#[tokio::test]
async fn the_introduction_lists_what_runs() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    bed.start("web", 9_000_100, "/bin/app").await;
    bed.uplink.set_down(true);
    bed.uplink.got.lock().unwrap().clear();
    bed.exec(1, 9_000_100, 1, "/bin/other");
    until("a refused try", || {
        (bed.uplink.refused.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    bed.uplink.set_down(false);
    let listed = until("the inventory", || {
        bed.uplink.reports().into_iter().find_map(|r| match r {
            Report::Inventory(ids) if !ids.is_empty() => Some(ids),
            _ => None,
        })
    })
    .await;
    assert_eq!(listed[0].as_str(), "web-10000100");
}

#[tokio::test]
async fn losses_in_the_kernel_are_told_with_their_number() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    bed.kernel
        .counters
        .lock()
        .unwrap()
        .extend([(Counter::EventsDropped, 12), (Counter::CriticalDropped, 3)]);
    let told = until("both alarms", || {
        let all: Vec<_> = bed
            .uplink
            .records()
            .into_iter()
            .filter(|r| r.name == "Agent.Events.Dropped")
            .collect();
        (all.len() == 2).then_some(all)
    })
    .await;
    assert!(told[0].message.starts_with("12 ") && told[0].level == LogLevel::Warning);
    assert!(told[1].message.starts_with("3 ") && told[1].level == LogLevel::Critical);
    let stats = until("the statistics", || match bed.handle.query(&Query::Stats) {
        Reply::Stats(stats) if stats.counters.get("events_dropped") == Some(&12) => Some(stats),
        _ => None,
    })
    .await;
    assert!(stats.memory_bytes > 0 && stats.counters.contains_key("start_to_enforced_p99_us"));
    until("them at the controller", || {
        bed.uplink
            .reports()
            .iter()
            .any(|r| matches!(r, Report::Stats(s) if s.counters["critical_dropped"] == 3))
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_a_kernel_it_inventories_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let uplink = FakeUplink::new(policy(1, Mode::Protect, &[]));
    let (changes, receiver) = tokio::sync::mpsc::channel(4);
    let inventory: Arc<dyn Inventory> = Arc::new(FakeInventory::default());
    let world = World {
        capabilities: Capabilities {
            tier: Tier::Fanotify,
            ..Capabilities::default()
        },
        inventory,
        changes: receiver,
        start: Box::new(|_, _| Err(rampart_probe::Error::NoBtf)),
    };
    let enforcer = Enforcer::open_in(config(dir.path()), uplink.clone(), world).unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(enforcer.run(shutdown.clone()));
    let added = rampart_cluster::Change::Added(Box::new(workload("web", 5)));
    changes.send(added).await.unwrap();
    let node = until("the node", || {
        uplink.reports().into_iter().find_map(|r| match r {
            Report::Node(node) => Some(node),
            _ => None,
        })
    })
    .await;
    assert_eq!(node.tier, Tier::None);
    assert!(
        node.capabilities
            .iter()
            .any(|c| c.strength == "none" && c.note.contains("btf"))
    );
    until("the workload", || {
        uplink
            .reports()
            .iter()
            .any(|r| matches!(r, Report::Workload(w) if !w.secured_at.is_known()))
            .then_some(())
    })
    .await;
    let degraded = uplink
        .records()
        .into_iter()
        .find(|r| r.name == "Agent.Enforcement.Degraded");
    assert_eq!(degraded.unwrap().level, LogLevel::Critical);
    shutdown.cancel();
    running.await.unwrap().unwrap();
}
