//! The inventory told step by step, and what it says after each.

use super::*;
use RuntimeKind::{Containerd, Docker, Runc};

fn workload(id: &str, pid: u32) -> Workload {
    Workload {
        id: id.into(),
        pid,
        running: pid != 0,
        cgroup_id: u64::from(pid),
        ..Workload::default()
    }
}

fn seen(workload: Workload) -> Fact {
    Fact::Seen(Box::new(workload))
}

fn gone(id: &str, exit_code: i32) -> Fact {
    Fact::Gone {
        id: id.into(),
        at: Timestamp(9),
        exit_code,
    }
}

fn listed(ids: &[&str]) -> Fact {
    Fact::listed(ids.iter().map(|id| WorkloadId::from(*id)).collect())
}

/// Applies facts in order and shows the changes as short lines.
fn told(
    inventory: &mut Inventory,
    facts: impl IntoIterator<Item = (RuntimeKind, Fact)>,
) -> Vec<String> {
    for (source, fact) in facts {
        inventory.apply(source, fact, Timestamp(5));
    }
    show(inventory)
}

fn show(inventory: &mut Inventory) -> Vec<String> {
    let line = |change| match change {
        Change::Added(w) => format!("+{} {} {}", w.id, w.name, w.pid),
        Change::Updated(w) => format!("~{} {} {}", w.id, w.name, w.pid),
        Change::Removed { id, exit_code, .. } => format!("-{id} {exit_code}"),
        other => format!("{other:?}"),
    };
    inventory.drain().into_iter().map(line).collect()
}

fn inventory() -> Inventory {
    Inventory::new("n1".into(), "node".to_owned())
}

#[test]
fn sources_merge_into_one_container() {
    let mut inv = inventory();
    let docker = Workload {
        name: "web".into(),
        ..workload("a", 7)
    };
    let mut raw = Workload {
        name: "a".into(),
        image: "nginx".into(),
        ..workload("a", 7)
    };
    raw.labels.insert("k".into(), "v".into());
    assert_eq!(
        told(&mut inv, [(Containerd, seen(raw.clone()))]),
        ["+a a 7"]
    );
    assert_eq!(told(&mut inv, [(Docker, seen(docker))]), ["~a web 7"]);
    // The weaker source again: nothing new.
    assert!(told(&mut inv, [(Containerd, seen(raw))]).is_empty());
    let merged = inv.by_cgroup(7).expect("container");
    assert_eq!(
        (
            merged.name.as_str(),
            merged.image.as_str(),
            merged.labels.len()
        ),
        ("web", "nginx", 1)
    );
    assert_eq!(
        (merged.node.as_str(), merged.service.as_str()),
        ("n1", "web")
    );
}

#[test]
fn created_is_kept_but_not_told_until_it_runs() {
    let mut inv = inventory();
    let created = Workload {
        name: "web".into(),
        ..workload("a", 0)
    };
    assert!(told(&mut inv, [(Docker, seen(created))]).is_empty());
    assert_eq!(
        told(&mut inv, [(Runc, seen(workload("a", 7)))]),
        ["+a web 7"]
    );
}

#[test]
fn a_whole_life_between_two_drains_is_told_in_order() {
    let mut inv = inventory();
    let facts = [(Docker, seen(workload("a", 7))), (Docker, gone("a", 3))];
    assert_eq!(told(&mut inv, facts), ["+a a 7", "-a 3"]);
    assert!(
        told(&mut inv, [(Docker, gone("a", 3))]).is_empty(),
        "ended twice"
    );
    // It is remembered, for events that come late.
    let late = inv.by_cgroup(7).expect("remembered");
    assert!(!late.running && late.exit_code == 3);
}

#[test]
fn an_answer_that_crossed_with_the_end_does_not_revive() {
    let mut inv = inventory();
    let facts = [
        (Docker, seen(workload("a", 7))),
        (Docker, gone("a", 0)),
        (Containerd, seen(workload("a", 7))),
    ];
    assert_eq!(told(&mut inv, facts), ["+a a 7", "-a 0"]);
    assert_eq!(
        told(&mut inv, [(Docker, seen(workload("a", 8)))]),
        ["+a a 8"],
        "a restart is new"
    );
}

#[test]
fn a_restart_whose_end_was_missed() {
    let mut inv = inventory();
    let facts = [
        (Runc, seen(workload("a", 7))),
        (Runc, seen(workload("a", 8))),
    ];
    assert_eq!(told(&mut inv, facts), ["+a a 7", "-a -1", "+a a 8"]);
    assert_eq!(inv.by_cgroup(8).map(|w| w.pid), Some(8));
}

#[test]
fn sources_that_differ_on_the_process_are_no_restart() {
    let mut inv = inventory();
    let facts = [
        (Runc, seen(workload("a", 9))),
        (Docker, seen(workload("a", 7))),
    ];
    assert_eq!(told(&mut inv, facts), ["+a a 7"]);
    assert!(told(&mut inv, [(Runc, seen(workload("a", 9)))]).is_empty());
}

#[test]
fn listings_end_what_nobody_vouches_for() {
    let mut inv = inventory();
    let facts = [
        (Docker, seen(workload("a", 7))),
        (Runc, seen(workload("a", 7))),
        (Docker, seen(workload("b", 8))),
        (Docker, listed(&["c"])),
    ];
    assert_eq!(told(&mut inv, facts), ["+b b 8", "-b -1", "+a a 7"]);
    assert_eq!(told(&mut inv, [(Runc, listed(&[]))]), ["-a -1"]);
}

/// A look-up at the first exec of a container found it after the folders had been listed and before
/// the listing was applied. The container was ended by that listing, and as its process was the one
/// remembered as ended, nothing ever brought it back.
#[test]
fn what_is_found_while_a_listing_runs_is_not_ended_by_it() {
    let mut inv = inventory();
    assert_eq!(told(&mut inv, [(Runc, seen(workload("a", 7)))]), ["+a a 7"]);
    let since = inv.serial();
    assert_eq!(told(&mut inv, [(Runc, seen(workload("b", 8)))]), ["+b b 8"]);
    let ids = HashSet::new();
    let listing = Fact::Listed { ids, since };
    assert_eq!(told(&mut inv, [(Runc, listing)]), ["-a -1"]);
    assert_eq!(told(&mut inv, [(Runc, listed(&["a"]))]), ["-b -1"]);
}

/// An end told by mistake must not hide a container for as long as it runs.
#[test]
fn what_still_runs_long_after_its_end_is_back() {
    let mut inv = inventory();
    told(
        &mut inv,
        [(Docker, seen(workload("a", 7))), (Docker, gone("a", 0))],
    );
    let at = |ms| Timestamp(5 + ms);
    inv.apply(Runc, seen(workload("a", 7)), at(CROSSED_MS - 1));
    assert!(show(&mut inv).is_empty());
    inv.apply(Runc, seen(workload("a", 7)), at(CROSSED_MS));
    assert_eq!(show(&mut inv), ["+a a 7"]);
}

#[test]
fn processes_that_are_gone_end_their_container_on_the_second_look() {
    let mut inv = inventory();
    told(
        &mut inv,
        [
            (Docker, seen(workload("a", 7))),
            (Docker, seen(workload("b", 8))),
        ],
    );
    inv.check_alive(|pid| pid == 8, Timestamp(1));
    assert!(show(&mut inv).is_empty());
    inv.check_alive(|pid| pid == 8, Timestamp(2));
    assert_eq!(show(&mut inv), ["-a -1"]);
}

#[test]
fn bounds_hold() {
    let mut inv = inventory();
    for n in 1..=u32::try_from(MAX_CONTAINERS).expect("small") + 5 {
        inv.apply(Docker, seen(workload(&format!("c{n}"), n)), Timestamp(1));
    }
    assert_eq!((inv.running().len(), inv.refused()), (MAX_CONTAINERS, 5));
    for n in 1..=2000 {
        inv.apply(Docker, gone(&format!("c{n}"), 0), Timestamp(2));
    }
    assert_eq!(inv.recent.len(), MAX_RECENT);
    inv.outbox.clear();
    for _ in 0..MAX_OUTBOX + 3 {
        inv.note(Change::RuntimeLost {
            runtime: Docker,
            socket: String::new(),
            error: String::new(),
        });
    }
    assert_eq!((inv.outbox.len(), inv.dropped()), (MAX_OUTBOX, 3));
}
