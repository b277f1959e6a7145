//! The policy as enforcers get it: learn, alert, block.

use crate::world::{World, learned_process, until, workload};
use rampart_controller::app::RuleEdit;
use rampart_model::{
    Mode, NetworkRule, NodeId, Report, Verdict, Workload,
    workload::{InterfaceAddress, Pod},
};
use rampart_policy::{ProcessAsk, Reason};

#[tokio::test]
async fn what_was_learned_is_allowed_and_the_rest_is_reported_then_stopped() {
    let world = World::new().await;
    world.shop().await;
    world
        .ingest(vec![learned_process(
            "nv.web.shop",
            "nginx",
            "/usr/sbin/nginx",
        )])
        .await;
    let nginx = ProcessAsk {
        name: "nginx",
        path: "/usr/sbin/nginx",
        user: "www",
        ..ProcessAsk::default()
    };
    let shell = ProcessAsk {
        name: "sh",
        path: "/bin/sh",
        user: "www",
        ..ProcessAsk::default()
    };
    for (mode, expected) in [
        (Mode::Discover, Verdict::Learn),
        (Mode::Monitor, Verdict::Violate),
        (Mode::Protect, Verdict::Deny),
    ] {
        world.set_mode("web.shop", mode).await;
        let policy = world.engine().await.compile(&workload("web"));
        assert_eq!(
            policy.judge_process(&nginx).verdict,
            Verdict::Allow,
            "{mode}"
        );
        let got = policy.judge_process(&shell);
        assert_eq!(
            (got.verdict, got.reason),
            (expected, Reason::NotListed),
            "{mode}"
        );
        // The other services stay as they are.
        let other = world.engine().await.compile(&workload("api"));
        assert_eq!(other.profile_mode, Mode::Discover);
    }
}

#[tokio::test]
async fn changes_reach_the_enforcers_by_themselves_and_only_changes() {
    let world = World::new().await;
    world.shop().await;
    let mut policy = world.app.policy();
    let first = world.policy().await.revision;
    policy.mark_unchanged();
    // Many changes at once make few snapshots, each newer than the last.
    let mut last = first;
    for n in 0..40 {
        world
            .ingest(vec![learned_process(
                "nv.web.shop",
                &format!("p{n}"),
                &format!("/bin/p{n}"),
            )])
            .await;
        let now = policy.borrow().revision;
        assert!(now >= last);
        last = now;
    }
    let done = |snapshot: &rampart_model::PolicySnapshot| {
        snapshot
            .groups
            .iter()
            .any(|g| g.name.as_str() == "nv.web.shop" && g.profile.rules.len() == 40)
    };
    tokio::time::timeout(
        std::time::Duration::from_secs(10),
        policy.wait_for(|s| done(s)),
    )
    .await
    .unwrap()
    .unwrap();
    assert!(policy.borrow().revision <= first + 40);
    // What is no change makes no revision.
    let revision = world.policy().await.revision;
    world
        .ingest(vec![
            learned_process("nv.web.shop", "p1", "/bin/p1"),
            Report::Stats(Default::default()),
        ])
        .await;
    assert_eq!(world.policy().await.revision, revision);
}

#[tokio::test]
async fn endpoints_are_the_running_containers_addresses() {
    let world = World::new().await;
    world.shop().await;
    let pod = |sandbox: &str| {
        Some(Pod {
            sandbox_id: sandbox.into(),
            name: "p".into(),
            ..Pod::default()
        })
    };
    let address = InterfaceAddress {
        ip: "10.0.5.5".parse().unwrap(),
        prefix: 24,
        gateway: None,
    };
    let pause = Workload {
        id: "a-pause".into(),
        sandbox: true,
        pod: pod("a-pause"),
        interfaces: [("eth0".into(), vec![address])].into(),
        ..workload("pause")
    };
    let inside = Workload {
        id: "z-app".into(),
        pod: pod("a-pause"),
        interfaces: Default::default(),
        ..workload("app")
    };
    let host = Workload {
        id: "h".into(),
        host_network: true,
        ..workload("host")
    };
    world
        .ingest(
            [pause, inside, host]
                .map(|w| Report::Workload(Box::new(w)))
                .into(),
        )
        .await;
    let ends: Vec<(String, String, String)> = world
        .policy()
        .await
        .endpoints
        .iter()
        .map(|e| {
            (
                e.address.to_string(),
                e.workload.to_string(),
                e.groups[0].to_string(),
            )
        })
        .collect();
    let end = |a: &str, w: &str, g: &str| (a.to_owned(), w.to_owned(), g.to_owned());
    assert_eq!(
        ends,
        [
            end("10.0.0.2", "web-id", "nv.web.shop"),
            end("10.0.0.3", "api-id", "nv.api.shop"),
            end("10.0.0.4", "db-id", "nv.db.shop"),
            end("10.0.5.5", "z-app", "nv.app.shop"),
        ]
    );
}

#[tokio::test]
async fn one_address_on_two_nodes_is_two_endpoints() {
    let world = World::new().await;
    world.shop().await;
    let far = Workload {
        id: "far".into(),
        service: "far".into(),
        ..workload("web")
    };
    world
        .app
        .ingest(&NodeId::from("n2"), vec![Report::Workload(Box::new(far))])
        .await
        .unwrap();
    let policy = world.policy().await;
    let same: Vec<&str> = policy
        .endpoints
        .iter()
        .filter(|e| e.address.to_string() == "10.0.0.2")
        .map(|e| e.node.as_str())
        .collect();
    assert_eq!(same, ["n1", "n2"]);
}

#[tokio::test]
async fn a_dropped_controller_stops_publishing() {
    let world = World::new().await;
    let policy = world.app.policy();
    drop(world);
    until("the end of the publisher", || policy.has_changed().is_err()).await;
}

#[tokio::test]
async fn rule_edits_are_in_the_next_snapshot_in_order() {
    let world = World::new().await;
    world.shop().await;
    let rule = |to: &str| NetworkRule {
        from: "nv.web.shop".into(),
        to: to.into(),
        ..NetworkRule::default()
    };
    let insert = RuleEdit::Insert {
        after: Some(0),
        rules: vec![rule("nv.api.shop"), rule("nv.db.shop")],
    };
    world.app.edit_rules(insert).await.unwrap();
    let order: Vec<String> = world
        .policy()
        .await
        .rules
        .iter()
        .map(|r| r.to.to_string())
        .collect();
    assert_eq!(order, ["nv.api.shop", "nv.db.shop"]);
}
