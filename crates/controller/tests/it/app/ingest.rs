//! What a batch of reports does, once, twice, and when the store fails.

use crate::world::{NODE, START, World, learned_process, talk, workload};
use async_trait::async_trait;
use rampart_controller::{
    AppError,
    app::{FilePatch, WorkloadState},
};
use rampart_model::{
    Baseline, FileBehavior, FileRule, LogBody, LogKind, LogLevel, LogRecord, Mode, Node, NodeStats,
    Report, Timestamp, Verdict,
    event::{Activity, Incident, WorkloadRef},
};
use rampart_store::{
    BoxStream, Change, Entry, Listing, LogQuery, Revision, Store, StoreError, Txn, memory::Memory,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

#[tokio::test]
async fn a_node_and_its_containers_appear() {
    let world = World::new().await;
    world.shop().await;
    let web = world.app.workload("web-id").unwrap();
    assert_eq!(web.group.as_str(), "nv.web.shop");
    assert_eq!(web.service_name, "web.shop");
    assert_eq!(
        (web.policy_mode, web.profile_mode, web.baseline),
        (Mode::Discover, Mode::Discover, Baseline::Basic)
    );
    assert_eq!(web.state, WorkloadState::Discover);
    assert_eq!(
        (web.workload.node.as_str(), web.workload.node_name.as_str()),
        (NODE, "node-1")
    );
    let node = world.app.node(NODE).unwrap();
    assert!(node.connected);
    assert_eq!(node.workloads.len(), 3);
    assert_eq!(node.groups_by_mode[&Mode::Discover], 3);
    let services: Vec<String> = world
        .app
        .services()
        .iter()
        .map(|s| s.name.clone())
        .collect();
    assert_eq!(services, ["api.shop", "db.shop", "web.shop"]);
    let summary = world.app.summary();
    assert_eq!(
        (
            summary.hosts,
            summary.enforcers,
            summary.running_workloads,
            summary.services
        ),
        (1, 1, 3, 3)
    );
    assert_eq!(summary.platform, "Docker");
    let domains = world.app.domains();
    assert_eq!(
        (domains.len(), domains[0].name.as_str(), domains[0].services),
        (1, "shop", 3)
    );
    let mut names = world.event_names().await;
    names.sort();
    assert_eq!(
        names,
        [
            "Container.Start",
            "Container.Start",
            "Container.Start",
            "Enforcer.Join"
        ]
    );
}

#[tokio::test]
async fn a_batch_that_comes_twice_changes_nothing() {
    let world = World::new().await;
    let mut stopped = workload("db");
    stopped.id = "old-id".into();
    let batch = vec![
        Report::Node(Box::new(Node {
            name: "node-1".into(),
            ..Node::default()
        })),
        Report::Workload(Box::new(workload("web"))),
        Report::Workload(Box::new(stopped)),
        Report::Stopped {
            workload: "old-id".into(),
            at: Timestamp(START + 5),
            exit_code: 3,
        },
        learned_process("nv.web.shop", "nginx", "/usr/sbin/nginx"),
        Report::Conversations(vec![talk("web", "1.2.3.4", 443, Verdict::Learn, 10)]),
        Report::Record(Box::new(incident("i1"))),
    ];
    world.ingest(batch.clone()).await;
    let seen = |world: &World| {
        let graph = world.app.conversations(&Default::default());
        (
            graph
                .edges
                .iter()
                .map(|e| (e.sessions, e.bytes))
                .collect::<Vec<_>>(),
            world.app.rules().len(),
            world
                .app
                .group("nv.web.shop")
                .unwrap()
                .group
                .profile
                .rules
                .clone(),
        )
    };
    let (before, events) = (seen(&world), world.event_names().await);
    world.ingest(batch).await;
    assert_eq!(seen(&world), before);
    assert_eq!(world.event_names().await, events);
    assert_eq!(before.0, [(1, 30)]);
    let old = world.app.workload("old-id").unwrap();
    assert_eq!(
        (old.state, old.workload.exit_code, old.workload.pid),
        (WorkloadState::Exit, 3, 0)
    );
}

#[tokio::test]
async fn what_an_inventory_does_not_list_has_stopped() {
    let world = World::new().await;
    world.shop().await;
    world
        .ingest(vec![Report::Inventory(vec![
            "web-id".into(),
            "unknown".into(),
        ])])
        .await;
    let running = |id: &str| world.app.workload(id).unwrap().workload.running;
    assert!(running("web-id"));
    assert!(!running("api-id") && !running("db-id"));
    // Another node's inventory says nothing about this one.
    world
        .app
        .ingest(&"n2".into(), vec![Report::Inventory(vec![])])
        .await
        .unwrap();
    assert!(running("web-id"));
    let stops = world
        .event_names()
        .await
        .iter()
        .filter(|n| *n == "Container.Stop")
        .count();
    assert_eq!(stops, 2);
}

#[tokio::test]
async fn a_node_speaks_for_itself_only() {
    let world = World::new().await;
    world.shop().await;
    let other = "n2".into();
    world
        .app
        .ingest(
            &other,
            vec![
                Report::Stopped {
                    workload: "web-id".into(),
                    at: Timestamp(START),
                    exit_code: 0,
                },
                Report::Record(Box::new(LogRecord {
                    node: NODE.into(),
                    ..incident("x")
                })),
                Report::Node(Box::new(Node {
                    id: NODE.into(),
                    name: "evil".into(),
                    ..Node::default()
                })),
            ],
        )
        .await
        .unwrap();
    assert!(world.app.workload("web-id").unwrap().workload.running);
    assert_eq!(world.app.log_record("x").await.unwrap().node.as_str(), "n2");
    assert_eq!(world.app.node(NODE).unwrap().node.name, "node-1");
    assert_eq!(world.app.node("n2").unwrap().node.name, "evil");
}

#[tokio::test]
async fn stats_and_processes_are_shown() {
    let world = World::new().await;
    world.shop().await;
    world
        .ingest(vec![Report::Stats(NodeStats {
            cpu: 0.5,
            ..NodeStats::default()
        })])
        .await;
    assert!((world.app.node(NODE).unwrap().stats.cpu - 0.5).abs() < f64::EPSILON);
    assert_eq!(
        world.app.processes("web-id", false).await.unwrap()[0].name,
        "nginx"
    );
    assert_eq!(world.app.processes("web-id", true).await.unwrap(), []);
    assert!(matches!(
        world.app.processes("nobody", false).await,
        Err(AppError::NotFound { .. })
    ));
    let mut far = workload("far");
    far.node = "n9".into();
    world
        .app
        .ingest(&"n9".into(), vec![Report::Workload(Box::new(far))])
        .await
        .unwrap();
    assert!(matches!(
        world.app.processes("far-id", false).await,
        Err(AppError::Agent(_))
    ));
}

#[tokio::test]
async fn hostile_reports_hold_up_nobody() {
    let world = World::new().await;
    world.shop().await;
    let mut huge = workload("huge");
    huge.id = "x".repeat(100_000).into();
    let mut odd = workload("odd");
    odd.service = "\u{1b}[31m<script>alert(1)</script>\n/../%00".repeat(200);
    let mut loud = workload("loud");
    loud.env = vec!["E".repeat(1 << 20); 300];
    loud.labels = (0..5000)
        .map(|n| (format!("l{n}"), "v".repeat(10_000)))
        .collect();
    let long = LogRecord {
        uid: "u".repeat(5000),
        message: "\u{1b}]0;x\u{7}".into(),
        ..incident("")
    };
    world
        .ingest(vec![
            Report::Workload(Box::new(huge)),
            Report::Workload(Box::new(odd)),
            Report::Workload(Box::new(loud)),
            learned_process(&"nv.".repeat(2000), "a", "/a"),
            learned_process("nv.web.shop", &"n".repeat(100_000), "/a"),
            learned_process("nv.web.shop", "ok", "not a path"),
            learned_process("external", "ok", "/bin/ok"),
            Report::Record(Box::new(incident(""))),
            Report::Record(Box::new(incident(""))),
            Report::Record(Box::new(long)),
            learned_process("nv.web.shop", "good", "/bin/good"),
        ])
        .await;
    let view = world.app.group("nv.web.shop").unwrap();
    let names: Vec<&str> = view
        .group
        .profile
        .rules
        .iter()
        .map(|r| r.name.as_str())
        .collect();
    assert_eq!(names, ["good"]);
    let group = world.app.workload("odd-id").unwrap().group.clone();
    assert!(group.as_str().len() <= 450 && group.as_str().is_ascii());
    let loud = world.app.workload("loud-id").unwrap();
    assert!(loud.workload.env.iter().map(String::len).sum::<usize>() <= 256 * 4096);
    assert_eq!(loud.workload.labels.len(), 256);
    // Without a uid the same record is the same; a long uid is shortened.
    let incidents = LogQuery {
        kinds: vec![LogKind::Incident],
        ..LogQuery::default()
    };
    assert_eq!(world.app.log(&incidents).await.unwrap().records.len(), 2);
    for bad in ["", "a:b", &"x".repeat(500)] {
        assert!(matches!(
            world.app.ingest(&bad.into(), vec![]).await,
            Err(AppError::Invalid { .. })
        ));
    }
}

#[tokio::test]
async fn a_report_that_can_never_be_stored_is_refused_by_itself() {
    let world = World::new().await;
    world.shop().await;
    // An operator filled a group up to what one value of the store takes.
    let block = FileBehavior::BlockAccess;
    let filter = |n: usize| format!("/{n}/{}", "p".repeat(4000));
    let mut at = 0;
    for step in [500, 50, 5, 1] {
        loop {
            let rule = |n| FileRule {
                filter: filter(n),
                behavior: block,
                ..FileRule::default()
            };
            let add = (at..at + step).map(rule).collect();
            let patch = FilePatch {
                add,
                ..FilePatch::default()
            };
            match world.app.patch_files("nv.web.shop", patch).await {
                Ok(()) => at += step,
                Err(AppError::Invalid { .. }) => break,
                Err(other) => panic!("{other}"),
            }
        }
    }
    let learn = |n: usize| Report::LearnedFile {
        group: "nv.web.shop".into(),
        filter: filter(n),
        behavior: block,
        application: format!("/bin/{}", "a".repeat(4000)),
    };
    let mut batch: Vec<Report> = (0..8).map(learn).collect();
    batch.insert(3, learned_process("nv.api.shop", "api", "/bin/api"));
    world.ingest(batch).await;
    let api = world.app.group("nv.api.shop").unwrap();
    assert_eq!(api.group.profile.rules.len(), 1);
    let names = world.event_names().await;
    assert!(names.contains(&"Enforcer.Report.Refused".to_owned()));
}

#[tokio::test]
async fn records_get_the_names_the_controller_knows() {
    let world = World::new().await;
    world.shop().await;
    let mut record = incident("i1");
    record.workload = Some(WorkloadRef {
        id: "web-id".into(),
        ..WorkloadRef::default()
    });
    world.ingest(vec![Report::Record(Box::new(record))]).await;
    let kept = world.app.log_record("i1").await.unwrap();
    let of = kept.workload.unwrap();
    assert_eq!(
        (
            of.name.as_str(),
            of.domain.as_str(),
            of.service.as_str(),
            of.group.as_str(),
            kept.node_name.as_str()
        ),
        ("web-1", "shop", "web.shop", "nv.web.shop", "node-1")
    );
}

#[tokio::test]
async fn two_hundred_thousand_records_are_kept() {
    let world = World::new().await;
    let total = 200_000;
    let mut sent = 0;
    while sent < total {
        let batch = (sent..sent + 20_000).map(|n| {
            let body = LogBody::Event(Activity::default());
            Report::Record(Box::new(LogRecord {
                uid: format!("r{n}"),
                body,
                ..incident("")
            }))
        });
        world.ingest(batch.collect()).await;
        sent += 20_000;
    }
    for uid in ["r0", "r99999", "r199999"] {
        assert!(world.app.log_record(uid).await.is_ok(), "{uid}");
    }
    // Counting stops at the store's cap: "at least so many".
    let query = LogQuery {
        with_total: true,
        limit: 1,
        ..LogQuery::default()
    };
    assert_eq!(
        world.app.log(&query).await.unwrap().total,
        Some(rampart_store::log::TOTAL_CAP)
    );
    // Retention brings them down to what the settings keep.
    world
        .app
        .update_settings(|s| s.event_retention_max_records = 1000)
        .await
        .unwrap();
    let kept = 1000;
    assert_eq!(world.app.retain_events().await.unwrap(), total + 1 - kept);
}

#[tokio::test]
async fn nothing_is_acknowledged_that_is_not_stored() {
    let failing = Arc::new(Failing::default());
    let world = World::over(failing.clone(), Arc::new(Memory::default()), Arc::default()).await;
    world.shop().await;
    failing.full.store(true, Ordering::SeqCst);
    let learn = || vec![learned_process("nv.web.shop", "nginx", "/usr/sbin/nginx")];
    let refused = world.app.ingest(&NODE.into(), learn()).await;
    assert!(matches!(refused, Err(AppError::Store(StoreError::Full))));
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
    let talk = || {
        vec![Report::Conversations(vec![talk(
            "web",
            "1.2.3.4",
            443,
            Verdict::Learn,
            1,
        )])]
    };
    assert!(world.app.ingest(&NODE.into(), talk()).await.is_err());
    assert!(
        world
            .app
            .conversations(&Default::default())
            .edges
            .is_empty()
    );
    failing.full.store(false, Ordering::SeqCst);
    world.ingest(learn()).await;
    world.ingest(talk()).await;
    assert_eq!(
        world
            .app
            .group("nv.web.shop")
            .unwrap()
            .group
            .profile
            .rules
            .len(),
        1
    );
    assert_eq!(
        world.app.conversations(&Default::default()).edges[0].sessions,
        1
    );
}

fn incident(uid: &str) -> LogRecord {
    LogRecord {
        uid: uid.into(),
        at: Timestamp(START),
        level: LogLevel::Warning,
        name: "Process.Profile.Violation".into(),
        message: "process is not in the profile".into(),
        node: NODE.into(),
        node_name: String::new(),
        workload: None,
        body: LogBody::Incident(Box::new(Incident {
            group: "nv.web.shop".into(),
            ..Incident::default()
        })),
    }
}

/// A store whose disk can be full.
#[derive(Default)]
struct Failing {
    inner: Memory,
    full: AtomicBool,
}

#[async_trait]
impl Store for Failing {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.inner.list(prefix).await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        if self.full.load(Ordering::SeqCst) {
            Err(StoreError::Full)
        } else {
            self.inner.commit(txn).await
        }
    }

    async fn wipe(&self) -> Result<(), StoreError> {
        self.inner.wipe().await
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Change, StoreError>>, StoreError> {
        self.inner.watch(prefix, after).await
    }
}
