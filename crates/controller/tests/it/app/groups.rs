//! Groups, services, profiles, quarantine, settings.

use crate::world::{World, learned_process, workload};
use rampart_controller::{
    AppError,
    app::{FilePatch, GroupPatch, ProfilePatch, RuleEdit, ServiceChange, WorkloadState},
};
use rampart_model::{
    Action, Baseline, ConfigSource, Criterion, CriterionOp, FileBehavior, FileRule, Group,
    GroupKind, Mode, NetworkRule, ProcessRule, Report,
};

fn group(name: &str, key: &str, value: &str) -> Group {
    let criterion = Criterion {
        key: key.into(),
        op: CriterionOp::Equal,
        value: value.into(),
    };
    Group {
        name: name.into(),
        criteria: vec![criterion],
        ..Group::default()
    }
}

fn process(name: &str, path: &str, action: Action) -> ProcessRule {
    ProcessRule {
        name: name.into(),
        path: path.into(),
        action,
        ..ProcessRule::default()
    }
}

#[tokio::test]
async fn members_follow_criteria() {
    let world = World::new().await;
    world.shop().await;
    let members = |name: &str| {
        let view = world.app.group(name).unwrap();
        view.members
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    world
        .app
        .create_group(group("front", "tier", "web"))
        .await
        .unwrap();
    assert_eq!(members("front"), ["web-id"]);
    assert_eq!(members("containers"), ["api-id", "db-id", "web-id"]);
    assert_eq!(members("nv.web.shop"), ["web-id"]);
    assert!(members("nodes").is_empty() && members("external").is_empty());
    let criteria = Some(group("", "domain", "shop").criteria);
    world
        .app
        .update_group(
            "front",
            GroupPatch {
                criteria,
                ..GroupPatch::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(members("front"), ["api-id", "db-id", "web-id"]);
    let groups = &world.app.workload("web-id").unwrap().groups;
    assert_eq!(
        groups.iter().map(|g| g.as_str()).collect::<Vec<_>>(),
        ["nv.web.shop", "front", "containers"]
    );
}

#[tokio::test]
async fn groups_are_made_and_unmade() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    app.create_group(group("office", "address", "10.9.0.0/16"))
        .await
        .unwrap();
    assert_eq!(app.group("office").unwrap().group.kind, GroupKind::Address);
    let refused = |name: &'static str, key: &'static str, value: &'static str| async move {
        app.create_group(group(name, key, value)).await.unwrap_err()
    };
    assert!(matches!(
        refused("office", "address", "10.0.0.1").await,
        AppError::AlreadyExists { .. }
    ));
    assert!(matches!(
        refused("nodes", "image", "x").await,
        AppError::Invalid { .. }
    ));
    assert!(matches!(
        refused("nv.x", "image", "x").await,
        AppError::Invalid { .. }
    ));
    assert!(matches!(
        refused("g", "address", "example.org").await,
        AppError::Invalid { .. }
    ));
    assert!(matches!(
        app.create_group(Group {
            name: "g".into(),
            ..Group::default()
        })
        .await,
        Err(AppError::Invalid { .. })
    ));
    assert!(matches!(
        app.delete_group("external").await,
        Err(AppError::ReadOnly { .. })
    ));
    assert!(matches!(
        app.delete_group("nobody").await,
        Err(AppError::NotFound { .. })
    ));
    assert!(matches!(
        app.delete_group("nv.web.shop").await,
        Err(AppError::InUse { .. })
    ));
    let rule = NetworkRule {
        from: "nv.web.shop".into(),
        to: "office".into(),
        ..NetworkRule::default()
    };
    app.edit_rules(RuleEdit::Insert {
        after: None,
        rules: vec![rule],
    })
    .await
    .unwrap();
    assert_eq!(app.group("office").unwrap().rules.len(), 1);
    assert!(matches!(
        app.delete_group("office").await,
        Err(AppError::InUse { .. })
    ));
    app.edit_rules(RuleEdit::Delete(vec![app.rules()[0].id]))
        .await
        .unwrap();
    app.delete_group("office").await.unwrap();
    assert!(app.group("office").is_err());
}

#[tokio::test]
async fn modes_change_apart_and_are_told_of() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    let patch = GroupPatch {
        policy_mode: Some(Mode::Protect),
        ..GroupPatch::default()
    };
    app.update_group("nv.web.shop", patch.clone())
        .await
        .unwrap();
    let web = app.workload("web-id").unwrap();
    assert_eq!(
        (web.policy_mode, web.profile_mode),
        (Mode::Protect, Mode::Discover)
    );
    let change = ServiceChange {
        profile_mode: Some(Mode::Monitor),
        ..ServiceChange::default()
    };
    app.configure_services(&[], change).await.unwrap();
    assert_eq!(
        app.workload("web-id").unwrap().state,
        WorkloadState::Monitor
    );
    assert_eq!(app.service("nodes").unwrap().profile_mode, Mode::Monitor);
    let told: Vec<String> = world
        .records()
        .await
        .into_iter()
        .filter(|r| r.name == "Group.Mode.Changed")
        .map(|r| r.message)
        .collect();
    assert_eq!(told.len(), 5);
    assert_eq!(
        told[0],
        "mode of group nv.web.shop: network Discover → Protect"
    );
    for name in ["external", "containers"] {
        assert!(
            matches!(
                app.update_group(name, patch.clone()).await,
                Err(AppError::Invalid { .. })
            ),
            "{name}"
        );
    }
    let unknown = app
        .configure_services(&["nobody".into()], ServiceChange::default())
        .await;
    assert!(matches!(unknown, Err(AppError::NotFound { .. })));
}

#[tokio::test]
async fn services_are_made_before_their_containers() {
    let world = World::new().await;
    let app = &world.app;
    let change = ServiceChange {
        policy_mode: Some(Mode::Protect),
        baseline: Some(Baseline::ZeroDrift),
        ..ServiceChange::default()
    };
    app.create_service("web", "shop", "ours", change.clone())
        .await
        .unwrap();
    assert!(matches!(
        app.create_service("web", "shop", "", change.clone()).await,
        Err(AppError::AlreadyExists { .. })
    ));
    assert!(matches!(
        app.create_service("a b", "", "", change.clone()).await,
        Err(AppError::Invalid { .. })
    ));
    assert!(matches!(
        app.create_service("", "", "", change).await,
        Err(AppError::Invalid { .. })
    ));
    world
        .ingest(vec![Report::Workload(Box::new(workload("web")))])
        .await;
    let web = app.workload("web-id").unwrap();
    assert_eq!(
        (web.policy_mode, web.profile_mode, web.baseline),
        (Mode::Protect, Mode::Discover, Baseline::ZeroDrift)
    );
    let service = app.service("web.shop").unwrap();
    assert_eq!(
        (
            service.comment.as_str(),
            service.source,
            service.running_members
        ),
        ("ours", ConfigSource::User, 1)
    );
}

#[tokio::test]
async fn new_services_get_the_modes_of_the_settings() {
    let world = World::new().await;
    world
        .app
        .update_settings(|s| {
            s.new_service_policy_mode = Mode::Monitor;
            s.new_service_profile_mode = Mode::Protect;
            s.new_service_baseline = Baseline::ZeroDrift;
        })
        .await
        .unwrap();
    world.shop().await;
    let web = world.app.workload("web-id").unwrap();
    assert_eq!(
        (web.policy_mode, web.profile_mode, web.baseline),
        (Mode::Monitor, Mode::Protect, Baseline::ZeroDrift)
    );
    // Nothing is learned outside Discover.
    world
        .ingest(vec![learned_process("nv.web.shop", "sh", "/bin/sh")])
        .await;
    assert!(
        world
            .app
            .group("nv.web.shop")
            .unwrap()
            .group
            .profile
            .rules
            .is_empty()
    );
    assert!(
        world
            .app
            .update_settings(|s| s.event_retention_days = 0)
            .await
            .is_err()
    );
    assert!(
        world
            .app
            .update_settings(|s| s.cluster_name.clear())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn process_rules_are_edited() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    world
        .ingest(vec![
            learned_process("nv.web.shop", "nginx", "/usr/sbin/nginx"),
            learned_process("nv.web.shop", "sh", "/bin/sh"),
        ])
        .await;
    let patch = |change: Vec<ProcessRule>, delete: Vec<ProcessRule>| ProfilePatch {
        change,
        delete,
        ..ProfilePatch::default()
    };
    app.patch_profile(
        "nv.web.shop",
        patch(
            vec![
                process("nc", "*", Action::Deny),
                process("curl", "/usr/bin/curl", Action::Allow),
            ],
            vec![process("sh", "/bin/sh", Action::Allow)],
        ),
    )
    .await
    .unwrap();
    let rules = || {
        app.group("nv.web.shop")
            .unwrap()
            .group
            .profile
            .rules
            .clone()
    };
    let names: Vec<String> = rules().iter().map(|r| r.name.clone()).collect();
    assert_eq!(names, ["nc", "curl", "nginx"]);
    assert!(rules().iter().all(|r| !r.uuid.is_empty()));
    // A change keeps the place and the uuid of the rule.
    let before = rules()[2].clone();
    app.patch_profile(
        "nv.web.shop",
        patch(
            vec![process("nginx", "/usr/sbin/nginx", Action::Deny)],
            vec![],
        ),
    )
    .await
    .unwrap();
    let after = rules()[2].clone();
    assert_eq!(
        (after.uuid.clone(), after.action, after.source),
        (before.uuid, Action::Deny, ConfigSource::User)
    );
    assert_eq!(app.process_rule(&after.uuid)[0].0.as_str(), "nv.web.shop");
    let mode = ProfilePatch {
        mode: Some(Mode::Protect),
        baseline: Some(Baseline::ZeroDrift),
        ..ProfilePatch::default()
    };
    app.patch_profile("nv.web.shop", mode).await.unwrap();
    let profile = app.workload_profile("web-id").unwrap();
    assert_eq!(
        (profile.mode, profile.baseline, profile.rules.len()),
        (Mode::Protect, Baseline::ZeroDrift, 3)
    );
    assert!(
        profile
            .rules
            .iter()
            .all(|r| r.group.as_str() == "nv.web.shop")
    );
    let bad = app
        .patch_profile(
            "nv.web.shop",
            patch(vec![process("", "/x", Action::Allow)], vec![]),
        )
        .await;
    assert!(matches!(bad, Err(AppError::Invalid { .. })));
    assert!(matches!(
        app.patch_profile("external", patch(vec![], vec![])).await,
        Err(AppError::Invalid { .. })
    ));
}

#[tokio::test]
async fn file_rules_are_edited_and_learned() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    let rule = |filter: &str| FileRule {
        filter: filter.into(),
        behavior: FileBehavior::BlockAccess,
        ..FileRule::default()
    };
    let add = |filter: &str| FilePatch {
        add: vec![rule(filter)],
        ..FilePatch::default()
    };
    app.patch_files("nv.web.shop", add("/secret"))
        .await
        .unwrap();
    assert!(matches!(
        app.patch_files("nv.web.shop", add("/secret")).await,
        Err(AppError::AlreadyExists { .. })
    ));
    assert!(matches!(
        app.patch_files("nv.web.shop", add("relative")).await,
        Err(AppError::Invalid { .. })
    ));
    let learned = Report::LearnedFile {
        group: "nv.web.shop".into(),
        filter: "/secret".into(),
        behavior: FileBehavior::BlockAccess,
        application: "/usr/sbin/nginx".into(),
    };
    world.ingest(vec![learned.clone(), learned]).await;
    let files = || app.workload_profile("web-id").unwrap().files;
    assert_eq!(files()[0].applications, ["/usr/sbin/nginx"]);
    let act = Report::LearnedAct {
        group: "nv.web.shop".into(),
        act: rampart_model::Act::Mount,
    };
    world.ingest(vec![act.clone(), act]).await;
    let group = app.group("nv.web.shop").unwrap().group.clone();
    assert!(group.profile.acts.contains(&rampart_model::Act::Mount));
    let update = FilePatch {
        update: vec![FileRule {
            recursive: true,
            ..rule("/secret")
        }],
        ..FilePatch::default()
    };
    app.patch_files("nv.web.shop", update).await.unwrap();
    assert!(files()[0].recursive);
    let unknown = FilePatch {
        update: vec![rule("/none")],
        ..FilePatch::default()
    };
    assert!(matches!(
        app.patch_files("nv.web.shop", unknown).await,
        Err(AppError::NotFound { .. })
    ));
    app.patch_files(
        "nv.web.shop",
        FilePatch {
            delete: vec![rule("/secret")],
            ..FilePatch::default()
        },
    )
    .await
    .unwrap();
    assert!(files().is_empty());
}

#[tokio::test]
async fn a_full_profile_says_so_once() {
    let world = World::new().await;
    world.shop().await;
    let many = |from: usize| {
        (from..from + 2200)
            .map(|n| learned_process("nv.web.shop", &format!("x{n}"), &format!("/tmp/x{n}")))
    };
    world.ingest(many(0).collect()).await;
    world.ingest(many(2200).collect()).await;
    assert_eq!(
        world
            .app
            .group("nv.web.shop")
            .unwrap()
            .group
            .profile
            .rules
            .len(),
        4096
    );
    let told = world
        .event_names()
        .await
        .into_iter()
        .filter(|n| n == "Group.Profile.Full")
        .count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn quarantine_cuts_off_and_is_told_of() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    app.quarantine("web-id", true, "shell seen").await.unwrap();
    app.quarantine("web-id", true, "again").await.unwrap();
    let web = app.workload("web-id").unwrap();
    assert_eq!(
        (web.state, web.quarantine.as_deref()),
        (WorkloadState::Quarantined, Some("shell seen"))
    );
    let policy = world.engine().await.compile(&web.workload);
    assert!(policy.quarantined);
    app.quarantine("web-id", false, "").await.unwrap();
    assert_eq!(
        app.workload("web-id").unwrap().state,
        WorkloadState::Discover
    );
    assert!(world.policy().await.quarantined.is_empty());
    let names = world.event_names().await;
    assert_eq!(
        names[names.len() - 2..],
        ["Container.Quarantined", "Container.Unquarantined"]
    );
    let mut host = workload("host");
    host.host_network = true;
    world.ingest(vec![Report::Workload(Box::new(host))]).await;
    assert!(matches!(
        app.quarantine("host-id", true, "").await,
        Err(AppError::Invalid { .. })
    ));
    assert!(matches!(
        app.quarantine("nobody", true, "").await,
        Err(AppError::NotFound { .. })
    ));
}

#[tokio::test]
async fn domains_are_tagged() {
    let world = World::new().await;
    world.shop().await;
    world
        .app
        .tag_domain("shop", vec!["pci".into()])
        .await
        .unwrap();
    assert_eq!(world.app.domains()[0].tags, ["pci"]);
    world.app.tag_domain("shop", vec![]).await.unwrap();
    assert!(world.app.domains()[0].tags.is_empty());
    assert!(matches!(
        world.app.tag_domain("none", vec![]).await,
        Err(AppError::NotFound { .. })
    ));
    assert!(matches!(
        world.app.tag_domain("shop", vec![String::new()]).await,
        Err(AppError::Invalid { .. })
    ));
}
