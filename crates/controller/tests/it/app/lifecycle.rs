//! Restarts, other controllers, and what time does.

use crate::world::{HOUR, MINUTE, NODE, START, World, learned_process, talk, until, workload};
use rampart_controller::{
    AppError,
    app::{GroupPatch, Live, RuleEdit},
};
use rampart_model::{Criterion, CriterionOp, Group, Mode, NetworkRule, Report, Timestamp, Verdict};
use std::sync::Arc;

fn address_group(name: &str) -> Group {
    let criterion = Criterion {
        key: "address".into(),
        op: CriterionOp::Equal,
        value: "10.9.0.0/16".into(),
    };
    Group {
        name: name.into(),
        criteria: vec![criterion],
        ..Group::default()
    }
}

#[tokio::test]
async fn a_restart_finds_everything_and_the_revision_grows() {
    let world = World::new().await;
    world.shop().await;
    world
        .app
        .create_group(address_group("office"))
        .await
        .unwrap();
    let rule = NetworkRule {
        from: "nv.web.shop".into(),
        to: "office".into(),
        ..NetworkRule::default()
    };
    world
        .app
        .edit_rules(RuleEdit::Insert {
            after: None,
            rules: vec![rule],
        })
        .await
        .unwrap();
    world
        .ingest(vec![
            learned_process("nv.web.shop", "nginx", "/usr/sbin/nginx"),
            Report::Conversations(vec![talk("web", "10.0.0.3", 80, Verdict::Learn, 1)]),
        ])
        .await;
    world.set_mode("web.shop", Mode::Protect).await;
    world.app.quarantine("db-id", true, "test").await.unwrap();
    world
        .app
        .update_settings(|s| s.cluster_name = "mine".into())
        .await
        .unwrap();
    world
        .app
        .rename_endpoint("web-id", "the web")
        .await
        .unwrap();
    world
        .app
        .tag_domain("shop", vec!["pci".into()])
        .await
        .unwrap();
    world.app.flush().await.unwrap();
    let before = world.policy().await;

    let again = world.again().await;
    let after = again.policy().await;
    assert!(after.revision > before.revision);
    assert_eq!(
        (&after.groups, &after.rules, &after.quarantined),
        (&before.groups, &before.rules, &before.quarantined)
    );
    assert_eq!(
        (&after.endpoints, &after.settings),
        (&before.endpoints, &before.settings)
    );
    assert_eq!(again.app.workloads().len(), 3);
    let graph = again.app.conversations(&Default::default());
    assert_eq!((graph.edges.len(), graph.edges[0].sessions), (1, 1));
    let web = graph.endpoints.iter().find(|e| e.id == "web-id").unwrap();
    assert_eq!(web.display_name, "the web");
    assert_eq!(again.app.domains()[0].tags, ["pci"]);
    assert!(!again.app.node(NODE).unwrap().connected);
}

#[tokio::test]
async fn a_restart_without_any_change_still_grows_the_revision() {
    let world = World::new().await;
    let mut last = world.policy().await.revision;
    for _ in 0..3 {
        let next = world.again().await.policy().await.revision;
        assert!(next > last, "{next} after {last}");
        last = next;
    }
}

#[tokio::test]
async fn a_restart_on_disk_finds_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rampart.db");
    let open = || Arc::new(rampart_store::sqlite::Sqlite::open(&path).unwrap());
    let before = {
        let file = open();
        let world = World::over(file.clone(), file, Arc::default()).await;
        world.shop().await;
        world
            .ingest(vec![learned_process(
                "nv.web.shop",
                "nginx",
                "/usr/sbin/nginx",
            )])
            .await;
        world.set_mode("web.shop", Mode::Protect).await;
        world.policy().await
    };
    let file = open();
    let world = World::over(file.clone(), file, Arc::default()).await;
    let after = world.policy().await;
    assert!(after.revision > before.revision);
    assert_eq!(after.groups, before.groups);
    assert!(
        world
            .event_names()
            .await
            .contains(&"Group.Mode.Changed".to_owned())
    );
}

#[tokio::test]
async fn two_controllers_conflict_and_the_loser_sees_the_change() {
    let one = World::new().await;
    one.shop().await;
    let two = one.again().await;
    let patch = |comment: &str| GroupPatch {
        comment: Some(comment.into()),
        ..GroupPatch::default()
    };
    one.app
        .update_group("nv.web.shop", patch("one"))
        .await
        .unwrap();
    let lost = two.app.update_group("nv.web.shop", patch("two")).await;
    assert!(matches!(lost, Err(AppError::Conflict)));
    assert_eq!(two.app.group("nv.web.shop").unwrap().group.comment, "one");
    two.app
        .update_group("nv.web.shop", patch("two"))
        .await
        .unwrap();
    // What nodes report is tried again by itself.
    one.ingest(vec![learned_process(
        "nv.web.shop",
        "nginx",
        "/usr/sbin/nginx",
    )])
    .await;
    let web = one.app.group("nv.web.shop").unwrap();
    assert_eq!(
        (web.group.comment.as_str(), web.group.profile.rules.len()),
        ("two", 1)
    );
}

#[tokio::test]
async fn two_controllers_cannot_give_one_rule_id_twice() {
    let one = World::new().await;
    one.shop().await;
    let two = one.again().await;
    let insert = |to: &str| RuleEdit::Insert {
        after: None,
        rules: vec![NetworkRule {
            from: "nv.web.shop".into(),
            to: to.into(),
            ..NetworkRule::default()
        }],
    };
    one.app.edit_rules(insert("nv.api.shop")).await.unwrap();
    assert!(matches!(
        two.app.edit_rules(insert("nv.db.shop")).await,
        Err(AppError::Conflict)
    ));
    two.app.edit_rules(insert("nv.db.shop")).await.unwrap();
    let ids: Vec<u32> = two.app.rules().iter().map(|r| r.id.0).collect();
    assert_eq!(ids, [1, 2]);
}

#[tokio::test]
async fn changes_of_another_controller_are_followed() {
    let one = World::new().await;
    let two = one.again().await;
    let _tasks = two.app.spawn_tasks();
    let mut policy = two.app.policy();
    one.app.create_group(address_group("office")).await.unwrap();
    until("the group", || two.app.group("office").is_ok()).await;
    let has_it = |snapshot: &rampart_model::PolicySnapshot| {
        snapshot.groups.iter().any(|g| g.name.as_str() == "office")
    };
    let waited = tokio::time::timeout(
        std::time::Duration::from_secs(10),
        policy.wait_for(|s| has_it(s)),
    )
    .await;
    assert!(waited.unwrap().is_ok());
}

#[tokio::test]
async fn many_changes_at_once_all_hold() {
    let world = World::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let app = world.app.clone();
        tasks.spawn(async move { app.create_group(address_group(&format!("g{n}"))).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(world.app.groups().len(), 53);
    assert!(matches!(
        world.app.create_group(address_group("g7")).await,
        Err(AppError::AlreadyExists { .. })
    ));
}

#[tokio::test]
async fn unused_learned_groups_go_after_a_day() {
    let world = World::new().await;
    world.shop().await;
    world
        .ingest(vec![Report::Conversations(vec![talk(
            "web",
            "10.0.0.3",
            80,
            Verdict::Learn,
            1,
        )])])
        .await;
    let keep = NetworkRule {
        from: "nv.db.shop".into(),
        to: "external".into(),
        ..NetworkRule::default()
    };
    world
        .app
        .edit_rules(RuleEdit::Insert {
            after: None,
            rules: vec![keep],
        })
        .await
        .unwrap();
    world.app.age().await.unwrap();
    let stop = |id: &str| Report::Stopped {
        workload: id.into(),
        at: Timestamp(START),
        exit_code: 0,
    };
    world.ingest(vec![stop("web-id"), stop("db-id")]).await;
    world.clock.advance(HOUR);
    world.app.age().await.unwrap();
    // The containers are forgotten, their groups are not.
    assert!(world.app.workload("web-id").is_err());
    assert!(
        world
            .app
            .conversations(&Default::default())
            .edges
            .is_empty()
    );
    assert!(world.app.group("nv.web.shop").is_ok());
    world.clock.advance(24 * HOUR);
    world.app.age().await.unwrap();
    assert!(world.app.group("nv.web.shop").is_err());
    let ids: Vec<u32> = world.app.rules().iter().map(|r| r.id.0).collect();
    assert_eq!(ids, [1], "the learned rule goes with the group");
    assert!(world.app.group("nv.api.shop").is_ok(), "in use");
    assert!(
        world.app.group("nv.db.shop").is_ok(),
        "named by an operator's rule"
    );
    let names = world.event_names().await;
    assert!(
        names.contains(&"Group.Auto.Remove".to_owned())
            && names.contains(&"Container.Remove".to_owned())
    );
}

#[tokio::test]
async fn lost_nodes_are_told_of_and_forgotten_after_a_day() {
    let world = World::new().await;
    world.shop().await;
    world.app.agent_lost(&NODE.into());
    world.app.agent_lost(&NODE.into());
    assert!(!world.app.node(NODE).unwrap().connected);
    assert_eq!(world.app.summary().disconnected_enforcers, 1);
    world.clock.advance(HOUR);
    world.app.age().await.unwrap();
    assert!(world.app.node(NODE).is_ok());
    world.app.agent_connected(&NODE.into());
    world.clock.advance(48 * HOUR);
    world.app.age().await.unwrap();
    assert!(world.app.node(NODE).is_ok(), "it came back");
    world.app.agent_lost(&NODE.into());
    world.clock.advance(25 * HOUR);
    world.app.age().await.unwrap();
    assert!(world.app.node(NODE).is_err());
    assert!(world.app.workloads().is_empty());
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let names = world.event_names().await;
        let count = |name: &str| names.iter().filter(|n| *n == name).count();
        if (
            count("Enforcer.Disconnect"),
            count("Enforcer.Connect"),
            count("Enforcer.Stop"),
        ) == (2, 1, 1)
        {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{names:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn quiet_groups_are_promoted() {
    let world = World::new().await;
    world
        .app
        .update_settings(|s| {
            s.auto_monitor_after_secs = 600;
            s.auto_protect_after_secs = 1200;
        })
        .await
        .unwrap();
    world.shop().await;
    let modes = |service: &str| {
        let service = world.app.service(service).unwrap();
        (service.policy_mode, service.profile_mode)
    };
    world.clock.advance(9 * MINUTE);
    world
        .ingest(vec![learned_process(
            "nv.web.shop",
            "nginx",
            "/usr/sbin/nginx",
        )])
        .await;
    world.clock.advance(MINUTE);
    world.app.promote().await.unwrap();
    assert_eq!(modes("web.shop"), (Mode::Monitor, Mode::Discover));
    assert_eq!(modes("api.shop"), (Mode::Monitor, Mode::Monitor));
    world.clock.advance(10 * MINUTE);
    world.app.promote().await.unwrap();
    assert_eq!(modes("web.shop"), (Mode::Monitor, Mode::Monitor));
    world.clock.advance(10 * MINUTE);
    world.app.promote().await.unwrap();
    assert_eq!(modes("web.shop"), (Mode::Protect, Mode::Monitor));
    // The group of the hosts is left to the operator.
    assert_eq!(modes("nodes"), (Mode::Discover, Mode::Discover));
    assert!(
        world
            .event_names()
            .await
            .contains(&"Group.Auto.Promote".to_owned())
    );
}

#[tokio::test]
async fn a_violation_puts_promotion_off() {
    let world = World::new().await;
    world
        .app
        .update_settings(|s| s.auto_protect_after_secs = 600)
        .await
        .unwrap();
    world.shop().await;
    world.set_mode("web.shop", Mode::Monitor).await;
    world.clock.advance(9 * MINUTE);
    world
        .ingest(vec![Report::Conversations(vec![talk(
            "web",
            "1.2.3.4",
            99,
            Verdict::Violate,
            1,
        )])])
        .await;
    world.clock.advance(MINUTE);
    world.app.promote().await.unwrap();
    let web = world.app.service("web.shop").unwrap();
    assert_eq!(
        (web.policy_mode, web.profile_mode),
        (Mode::Monitor, Mode::Protect)
    );
}

#[tokio::test]
async fn listeners_hear_of_changes() {
    let world = World::new().await;
    let mut live = world.app.subscribe();
    world.shop().await;
    world
        .ingest(vec![Report::Conversations(vec![talk(
            "web",
            "10.0.0.3",
            80,
            Verdict::Learn,
            1,
        )])])
        .await;
    world.app.publish_policy().await.unwrap();
    let mut heard = Vec::new();
    while let Ok(event) = live.try_recv() {
        heard.push(event);
    }
    let has = |kind: &'static str, id: &str| {
        heard.contains(&Live {
            kind,
            id: id.into(),
        })
    };
    assert!(has("workload", "web-id") && has("group", "nv.web.shop") && has("node", NODE));
    assert!(has("conversation", "") && has("log", "event") && has("policy", ""));
}

#[tokio::test]
async fn stopped_containers_are_bounded() {
    let world = World::new().await;
    let reports = (0..2500).map(|n| {
        let mut one = workload("web");
        one.id = format!("w{n:04}").into();
        one.running = false;
        one.finished_at = Timestamp(START + n);
        Report::Workload(Box::new(one))
    });
    world.ingest(reports.collect()).await;
    world.app.age().await.unwrap();
    assert_eq!(world.app.workloads().len(), 2000);
    assert!(world.app.workload("w2499").is_ok() && world.app.workload("w0499").is_err());
}
