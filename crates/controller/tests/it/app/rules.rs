//! The ordered rule list, edited as NeuVector's clients edit it.

use crate::world::{World, talk};
use rampart_controller::{AppError, app::RuleEdit};
use rampart_model::{
    Action, ConfigSource, NetworkRule, PortRange, Protocol, Report, RuleId, Verdict,
};
use rampart_store::Txn;

fn rule(id: u32, to: &str) -> NetworkRule {
    NetworkRule {
        id: RuleId(id),
        from: "nv.web.shop".into(),
        to: to.into(),
        ..NetworkRule::default()
    }
}

fn kept(id: u32) -> NetworkRule {
    NetworkRule {
        id: RuleId(id),
        ..NetworkRule::default()
    }
}

async fn world() -> World {
    let world = World::new().await;
    world.shop().await;
    world
}

fn ids(world: &World) -> Vec<u32> {
    world.app.rules().iter().map(|rule| rule.id.0).collect()
}

fn insert(after: Option<u32>, rules: Vec<NetworkRule>) -> RuleEdit {
    RuleEdit::Insert { after, rules }
}

#[tokio::test]
async fn rules_are_inserted_and_moved() {
    let world = world().await;
    let app = &world.app;
    world
        .ingest(vec![Report::Conversations(vec![talk(
            "web",
            "10.0.0.4",
            5432,
            Verdict::Learn,
            1,
        )])])
        .await;
    app.edit_rules(insert(
        None,
        vec![rule(0, "nv.api.shop"), rule(0, "nv.db.shop")],
    ))
    .await
    .unwrap();
    assert_eq!(
        ids(&world),
        [1, 2, 10_000],
        "a user's rules come before the learned ones"
    );
    app.edit_rules(insert(Some(0), vec![rule(7, "external")]))
        .await
        .unwrap();
    app.edit_rules(insert(
        Some(1),
        vec![rule(0, "external"), rule(0, "external")],
    ))
    .await
    .unwrap();
    assert_eq!(ids(&world), [7, 1, 3, 4, 2, 10_000]);
    let reposition = |after, id| {
        app.edit_rules(RuleEdit::Move {
            after,
            id: RuleId(id),
        })
    };
    reposition(Some(0), 2).await.unwrap();
    assert_eq!(ids(&world), [2, 7, 1, 3, 4, 10_000]);
    reposition(Some(1), 7).await.unwrap();
    assert_eq!(ids(&world), [2, 1, 7, 3, 4, 10_000]);
    reposition(None, 2).await.unwrap();
    assert_eq!(ids(&world), [1, 7, 3, 4, 2, 10_000]);
    reposition(Some(0), 10_000).await.unwrap();
    reposition(Some(7), 7).await.unwrap();
    assert_eq!(ids(&world), [10_000, 1, 7, 3, 4, 2]);
    assert!(matches!(
        reposition(Some(99), 7).await,
        Err(AppError::Invalid { .. })
    ));
    assert!(matches!(
        reposition(None, 99).await,
        Err(AppError::NotFound { .. })
    ));
    assert_eq!(
        ids(&world.again().await),
        ids(&world),
        "the order is stored"
    );
}

#[tokio::test]
async fn bad_rules_change_nothing() {
    let world = world().await;
    let app = &world.app;
    app.edit_rules(insert(None, vec![rule(5, "nv.db.shop")]))
        .await
        .unwrap();
    let refused = |edit| async { app.edit_rules(edit).await.unwrap_err() };
    assert!(matches!(
        refused(insert(None, vec![rule(5, "nv.db.shop")])).await,
        AppError::AlreadyExists { .. }
    ));
    assert!(matches!(
        refused(insert(None, vec![rule(0, "nv.db.shop"), rule(0, "nobody")])).await,
        AppError::NotFound { .. }
    ));
    assert!(matches!(
        refused(insert(None, vec![rule(10_001, "nv.db.shop")])).await,
        AppError::Invalid { .. }
    ));
    assert!(matches!(
        refused(insert(None, vec![rule(0, "")])).await,
        AppError::Invalid { .. }
    ));
    let unknown_app = NetworkRule {
        applications: vec!["Gopher".into()],
        ..rule(0, "nv.db.shop")
    };
    assert!(matches!(
        refused(insert(None, vec![unknown_app])).await,
        AppError::Invalid { .. }
    ));
    assert!(matches!(
        refused(RuleEdit::Delete(vec![RuleId(5), RuleId(6)])).await,
        AppError::NotFound { .. }
    ));
    assert!(matches!(
        refused(RuleEdit::Update(Box::new(rule(6, "nv.db.shop")))).await,
        AppError::NotFound { .. }
    ));
    assert!(matches!(
        refused(RuleEdit::Replace(vec![kept(5), kept(5)])).await,
        AppError::Invalid { .. }
    ));
    assert_eq!(ids(&world), [5]);
}

#[tokio::test]
async fn the_list_is_replaced() {
    let world = world().await;
    let app = &world.app;
    world
        .ingest(vec![Report::Conversations(vec![talk(
            "web",
            "10.0.0.4",
            5432,
            Verdict::Learn,
            1,
        )])])
        .await;
    app.edit_rules(insert(
        None,
        vec![rule(1, "nv.db.shop"), rule(2, "nv.api.shop")],
    ))
    .await
    .unwrap();
    let deny = NetworkRule {
        action: Action::Deny,
        ..rule(2, "nv.api.shop")
    };
    app.edit_rules(RuleEdit::Replace(vec![
        kept(10_000),
        deny,
        rule(0, "external"),
    ]))
    .await
    .unwrap();
    assert_eq!(ids(&world), [10_000, 2, 3]);
    assert_eq!(app.rule(RuleId(2)).unwrap().action, Action::Deny);
    assert_eq!(
        app.rule(RuleId(10_000)).unwrap().source,
        ConfigSource::Learned
    );
    assert_eq!(ids(&world.again().await), [10_000, 2, 3]);
    app.edit_rules(RuleEdit::Replace(vec![])).await.unwrap();
    assert!(ids(&world).is_empty());
}

#[tokio::test]
async fn a_rule_is_updated_and_deleted() {
    let world = world().await;
    let app = &world.app;
    app.edit_rules(insert(None, vec![rule(1, "nv.db.shop")]))
        .await
        .unwrap();
    let changed = NetworkRule {
        ports: vec![PortRange::one(Protocol::Tcp, 5432)],
        disabled: true,
        ..rule(1, "nv.db.shop")
    };
    app.edit_rules(RuleEdit::Update(Box::new(changed)))
        .await
        .unwrap();
    let got = app.rule(RuleId(1)).unwrap();
    assert!(got.disabled && got.ports.len() == 1 && got.created_at.is_known());
    app.edit_rules(RuleEdit::Delete(vec![RuleId(1)]))
        .await
        .unwrap();
    assert!(matches!(
        app.rule(RuleId(1)),
        Err(AppError::NotFound { .. })
    ));
    // The number is free again.
    app.edit_rules(insert(None, vec![rule(1, "nv.db.shop")]))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_learned_rule_that_is_changed_is_the_operators() {
    let world = world().await;
    let app = &world.app;
    let learn = |port, at| {
        vec![Report::Conversations(vec![talk(
            "web",
            "10.0.0.4",
            port,
            Verdict::Learn,
            at,
        )])]
    };
    world.ingest(learn(5432, 1)).await;
    let deny = NetworkRule {
        action: Action::Deny,
        ports: vec![PortRange::one(Protocol::Tcp, 22)],
        ..rule(10_000, "nv.db.shop")
    };
    app.edit_rules(RuleEdit::Update(Box::new(deny)))
        .await
        .unwrap();
    assert_eq!(app.rule(RuleId(10_000)).unwrap().source, ConfigSource::User);
    // What it denies is not learned; anything else makes a new rule.
    world.ingest(learn(22, 2)).await;
    world.ingest(learn(6379, 3)).await;
    assert_eq!(ids(&world), [10_000, 10_001]);
    assert_eq!(app.rule(RuleId(10_000)).unwrap().ports.len(), 1);
    assert_eq!(
        app.rule(RuleId(10_001)).unwrap().ports,
        [PortRange::one(Protocol::Tcp, 6379)]
    );
}

#[tokio::test]
async fn rules_of_resources_and_federations_come_first_and_stay() {
    let first = world().await;
    let mut txn = Txn::new();
    for id in [100_000, 110_000] {
        let value = serde_json::to_vec(&rule(id, "nv.db.shop")).unwrap();
        txn = txn.put(format!("config/rule/{id}"), value);
    }
    first.store.commit(txn).await.unwrap();
    let world = first.again().await;
    let app = &world.app;
    app.edit_rules(insert(Some(0), vec![rule(1, "nv.db.shop")]))
        .await
        .unwrap();
    assert_eq!(ids(&world), [100_000, 110_000, 1]);
    for edit in [
        RuleEdit::Delete(vec![RuleId(110_000)]),
        RuleEdit::Move {
            after: None,
            id: RuleId(100_000),
        },
        RuleEdit::Update(Box::new(rule(110_000, "external"))),
    ] {
        assert!(matches!(
            app.edit_rules(edit).await,
            Err(AppError::ReadOnly { .. })
        ));
    }
    let across = RuleEdit::Move {
        after: Some(100_000),
        id: RuleId(1),
    };
    assert!(matches!(
        app.edit_rules(across).await,
        Err(AppError::Invalid { .. })
    ));
    app.edit_rules(RuleEdit::Replace(vec![kept(100_000)]))
        .await
        .unwrap();
    assert_eq!(ids(&world), [100_000, 110_000]);
}

#[tokio::test]
async fn rules_count_what_they_decide() {
    let world = world().await;
    world
        .app
        .edit_rules(insert(None, vec![rule(1, "nv.db.shop")]))
        .await
        .unwrap();
    let mut seen = talk("web", "10.0.0.4", 5432, Verdict::Allow, 7);
    seen.rule = RuleId(1);
    seen.sessions = 3;
    world
        .ingest(vec![Report::Conversations(vec![seen.clone()])])
        .await;
    world.ingest(vec![Report::Conversations(vec![seen])]).await;
    assert_eq!(world.app.rule(RuleId(1)).unwrap().match_count, 3);
    assert_eq!(world.app.rules()[0].match_count, 3);
    world.app.flush().await.unwrap();
    assert_eq!(world.again().await.app.rules()[0].match_count, 3);
    // Counting is no change of policy.
    assert!(
        world
            .policy()
            .await
            .rules
            .iter()
            .all(|r| r.match_count == 0)
    );
}
