//! The queue: who gets what, and when; leases, failures, and matching again.

use crate::{
    scanner::{self, failure, info, outcome, report, take, work_off},
    world::{MINUTE, NODE, World, workload},
};
use rampart_controller::{
    AppError,
    app::{Asked, MAX_ATTEMPTS, Place, ScanProgress},
};
use rampart_model::{
    NodeId, Report,
    scan_job::{JobTarget, Order, Outcome, Priority, ScannerInfo},
};

fn host() -> JobTarget {
    JobTarget::Host { node: NODE.into() }
}

fn of(order: &Order) -> String {
    match order {
        Order::List { .. } => "list".into(),
        Order::Test { .. } => "test".into(),
        Order::Image { image, .. } => format!("{}:{}", image.repository, image.tag),
        Order::Workload { workload, .. } => workload.to_string(),
        Order::Host { node, .. } => node.to_string(),
        Order::Platform { name, .. } => name.clone(),
        Order::Rematch { .. } => "rematch".into(),
    }
}

#[tokio::test]
async fn the_urgent_comes_first_and_each_once() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    app.create_registry(scanner::registry("shop"))
        .await
        .unwrap();
    app.scan_registry("shop").await.unwrap();
    app.enqueue_scans(vec![Asked::new(host(), Priority::Routine)])
        .await
        .unwrap();
    app.enqueue_scans(vec![Asked::new(host(), Priority::Routine)])
        .await
        .unwrap();
    app.scan_workload("web-id").await.unwrap();
    app.scan_workload("web-id").await.unwrap();
    let mut order = Vec::new();
    let me = info("s1");
    while let Some(work) = take(app, &me).await {
        order.push(of(&work.order));
        app.finish_work(&work.lease, "s1", outcome(&work.order))
            .await
            .unwrap();
    }
    assert_eq!(
        order,
        [
            "list",
            "web-id",
            "n1",
            "shop/api:1",
            "shop/db:1",
            "shop/web:1"
        ],
        "what somebody asks for, then the rest in the order it came"
    );
    let totals = app.scan_totals();
    assert_eq!(
        (totals.scanned, totals.scheduled, totals.scanning),
        (5, 0, 0)
    );
    app.scan_registry("shop").await.unwrap();
    assert_eq!(
        work_off(app, &me).await,
        1,
        "images that were scanned are not scanned again"
    );
}

#[tokio::test]
async fn a_container_is_scanned_on_its_node_only() {
    let world = World::new().await;
    world.shop().await;
    world.app.scan_workload("web-id").await.unwrap();
    let far = ScannerInfo {
        node: NodeId::default(),
        ..info("far")
    };
    assert!(take(&world.app, &far).await.is_none());
    let work = take(&world.app, &info("near")).await.unwrap();
    let Order::Workload { pid, executed, .. } = &work.order else {
        panic!("{:?}", work.order)
    };
    assert_eq!(
        (*pid, executed.len()),
        (100, 1),
        "with what was executed there"
    );
}

#[tokio::test]
async fn a_lease_that_ran_out_is_given_to_another_and_the_first_is_refused() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    app.scan_workload("web-id").await.unwrap();
    let first = take(app, &info("s1")).await.unwrap();
    assert!(take(app, &info("s2")).await.is_none(), "it is leased");
    assert_eq!(
        app.workload_scan("web-id").unwrap().progress,
        ScanProgress::Scanning
    );
    world.clock.advance(50_000);
    app.renew_lease(&first.lease).await.unwrap();
    world.clock.advance(50_000);
    assert!(take(app, &info("s2")).await.is_none(), "it was renewed");
    world.clock.advance(20_000);
    let second = take(app, &info("s2")).await.unwrap();
    assert!(matches!(
        app.renew_lease(&first.lease).await,
        Err(AppError::Conflict)
    ));
    let late = app
        .finish_work(&first.lease, "s1", outcome(&first.order))
        .await;
    assert!(matches!(late, Err(AppError::Conflict)), "{late:?}");
    app.finish_work(&second.lease, "s2", outcome(&second.order))
        .await
        .unwrap();
    // The answer was lost: it is sent again, even to a controller that was restarted.
    app.finish_work(&second.lease, "s2", outcome(&second.order))
        .await
        .unwrap();
    let again = world.again().await;
    again
        .app
        .finish_work(&second.lease, "s2", outcome(&second.order))
        .await
        .unwrap();
    let reports = world.records().await;
    let reports = reports
        .iter()
        .filter(|r| r.name == "Container.Scan.Report")
        .count();
    assert_eq!(reports, 1);
}

#[tokio::test]
async fn what_fails_is_tried_again_later_and_then_no_more() {
    let world = World::new().await;
    world.shop().await;
    let (app, me) = (&world.app, info("s1"));
    app.scan_workload("web-id").await.unwrap();
    for attempt in 1..=MAX_ATTEMPTS {
        let work = take(app, &me)
            .await
            .unwrap_or_else(|| panic!("attempt {attempt}"));
        app.fail_work(&work.lease, "s1", failure("the disk is full", true))
            .await
            .unwrap();
        assert!(take(app, &me).await.is_none(), "not at once");
        world.clock.advance(60 * MINUTE);
    }
    assert!(take(app, &me).await.is_none());
    let scan = app.workload_scan("web-id").unwrap();
    assert_eq!(scan.progress, ScanProgress::Failed);
    assert_eq!(scan.summary.unwrap().error, "the disk is full");
    // What cannot work is not tried again.
    app.scan_workload("api-id").await.unwrap();
    let work = take(app, &me).await.unwrap();
    app.fail_work(&work.lease, "s1", failure("no such file system", false))
        .await
        .unwrap();
    assert_eq!(
        app.workload_scan("api-id").unwrap().progress,
        ScanProgress::Failed
    );
}

#[tokio::test]
async fn a_job_that_kills_its_scanners_ends() {
    let world = World::new().await;
    world.shop().await;
    world.app.scan_workload("web-id").await.unwrap();
    for _ in 0..MAX_ATTEMPTS {
        take(&world.app, &info("s1")).await.unwrap();
        world.clock.advance(2 * MINUTE);
    }
    assert!(take(&world.app, &info("s1")).await.is_none());
    let summary = world.app.workload_scan("web-id").unwrap().summary.unwrap();
    assert!(
        summary.error.contains("none came back"),
        "{}",
        summary.error
    );
}

#[tokio::test]
async fn a_failed_scan_keeps_what_the_one_before_found() {
    let world = World::new().await;
    world.shop().await;
    let (app, me) = (&world.app, info("s1"));
    app.scan_workload("web-id").await.unwrap();
    work_off(app, &me).await;
    app.scan_workload("web-id").await.unwrap();
    let work = take(app, &me).await.unwrap();
    app.fail_work(&work.lease, "s1", failure("gone", false))
        .await
        .unwrap();
    let scan = app.workload_scan("web-id").unwrap();
    assert_eq!(
        (scan.progress, scan.counts.critical),
        (ScanProgress::Failed, 1)
    );
    let (_, report) = app.scan_report(&scan.key, Place::default()).await.unwrap();
    assert_eq!(report.vulnerabilities.len(), 3);
}

#[tokio::test]
async fn new_containers_are_scanned_once_for_an_image() {
    let world = World::new().await;
    world.shop().await;
    let (app, me) = (&world.app, info("s1"));
    let replica = |name: &str| {
        let mut it = workload("web");
        it.id = name.into();
        it.image_digest = scanner::digest("web:1");
        Report::Workload(Box::new(it))
    };
    world
        .ingest(vec![replica("r1"), replica("r2"), replica("r3")])
        .await;
    app.schedule_scans().await.unwrap();
    assert_eq!(app.scan_totals().scheduled, 0, "nobody asked for it");
    app.update_scan_config(|config| {
        config.auto_workloads = true;
        config.auto_hosts = true;
    })
    .await
    .unwrap();
    app.schedule_scans().await.unwrap();
    assert_eq!(app.scan_totals().scheduled, 0, "there is no scanner yet");
    assert!(take(app, &me).await.is_none());
    app.schedule_scans().await.unwrap();
    app.schedule_scans().await.unwrap();
    assert_eq!(
        app.scan_totals().scheduled,
        5,
        "web, api, db, one replica, the host"
    );
    assert_eq!(work_off(app, &me).await, 5);
    for id in ["r1", "r2", "r3", "web-id"] {
        let scan = app.workload_scan(id).unwrap();
        assert_eq!(
            (scan.progress, scan.counts.critical),
            (ScanProgress::Finished, 1),
            "{id}"
        );
    }
    app.schedule_scans().await.unwrap();
    assert_eq!(app.scan_totals().scheduled, 0);
    world.clock.advance(25 * 60 * MINUTE);
    assert!(take(app, &me).await.is_none());
    app.schedule_scans().await.unwrap();
    assert_eq!(app.scan_totals().scheduled, 1, "the host, daily");
}

#[tokio::test]
async fn a_newer_database_matches_again_what_is_known() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    app.create_registry(scanner::registry("shop"))
        .await
        .unwrap();
    let mut other = scanner::registry("other");
    other.rescan_after_db_update = false;
    app.create_registry(other).await.unwrap();
    app.scan_registry("shop").await.unwrap();
    app.scan_host("n1").await.unwrap();
    work_off(app, &info("s1")).await;
    let newer = ScannerInfo {
        database: Some(scanner::database(8)),
        ..info("s1")
    };
    let mut seen = Vec::new();
    while let Some(work) = take(app, &newer).await {
        seen.push(of(&work.order));
        app.finish_work(&work.lease, "s1", outcome(&work.order))
            .await
            .unwrap();
    }
    assert_eq!(
        seen, ["rematch"; 3],
        "the images; the host is not scanned by itself"
    );
    let counts = app.registry_images("shop").unwrap()[0].scan.counts;
    assert_eq!((counts.critical, counts.high), (1, 0));
    assert_eq!(app.scan_totals().database.version, 8);
    let names = world.event_names().await;
    assert_eq!(
        names.iter().filter(|n| *n == "Scanner.Update").count(),
        2,
        "7, then 8"
    );
    assert!(
        take(app, &info("old")).await.is_none(),
        "an older database changes nothing"
    );
}

#[tokio::test]
async fn registries_are_listed_by_their_schedule() {
    let world = World::new().await;
    let (app, me) = (&world.app, info("s1"));
    let mut registry = scanner::registry("shop");
    registry.schedule = rampart_model::ScheduleKind::Periodical;
    registry.interval_secs = 600;
    app.create_registry(registry).await.unwrap();
    app.create_registry(scanner::registry("manual"))
        .await
        .unwrap();
    app.schedule_scans().await.unwrap();
    assert_eq!(work_off(app, &me).await, 4);
    world.clock.advance(9 * MINUTE);
    app.schedule_scans().await.unwrap();
    assert_eq!(work_off(app, &me).await, 0);
    world.clock.advance(MINUTE);
    app.schedule_scans().await.unwrap();
    assert_eq!(work_off(app, &me).await, 1);
    app.scan_registry("shop").await.unwrap();
    let work = take(app, &me).await.unwrap();
    app.stop_registry("shop").await.unwrap();
    let late = app
        .finish_work(&work.lease, "s1", outcome(&work.order))
        .await;
    assert!(matches!(late, Err(AppError::Conflict)));
}

#[tokio::test]
async fn what_is_gone_is_forgotten_with_its_report() {
    let world = World::new().await;
    world.shop().await;
    let (app, me) = (&world.app, info("s1"));
    app.create_registry(scanner::registry("shop"))
        .await
        .unwrap();
    app.scan_registry("shop").await.unwrap();
    work_off(app, &me).await;
    assert_eq!(world.artifacts.names().await.unwrap().len(), 3);
    app.delete_registry("shop").await.unwrap();
    assert_eq!(app.scan_totals().scanned, 0);
    app.age_scans().await.unwrap();
    assert_eq!(
        world.artifacts.names().await.unwrap().len(),
        3,
        "maybe one is being written"
    );
    app.age_scans().await.unwrap();
    assert!(world.artifacts.names().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_report_of_another_kind_is_refused() {
    let world = World::new().await;
    world.shop().await;
    world.app.scan_host("n1").await.unwrap();
    let work = take(&world.app, &info("s1")).await.unwrap();
    let wrong = Outcome::Listing(Default::default());
    let refused = world.app.finish_work(&work.lease, "s1", wrong).await;
    assert!(matches!(refused, Err(AppError::Invalid { .. })));
    let right = Outcome::Report(Box::new(report("node-1")));
    world
        .app
        .finish_work(&work.lease, "s1", right)
        .await
        .unwrap();
}

#[tokio::test]
async fn two_controllers_share_one_queue() {
    let world = World::new().await;
    world.shop().await;
    let other = world.again().await;
    let mut tasks = other.app.spawn_tasks();
    world
        .app
        .create_registry(scanner::registry("shop"))
        .await
        .unwrap();
    world.app.scan_registry("shop").await.unwrap();
    crate::world::until("the other controller to know of it", || {
        other.app.scan_totals().scheduled == 1
    })
    .await;
    assert_eq!(work_off(&other.app, &info("s2")).await, 4);
    // The first has not heard of it; its own take finds out by the conflict.
    assert!(take(&world.app, &info("s1")).await.is_none());
    assert_eq!(world.app.scan_totals().scanned, 3);
    tasks.shutdown().await;
}

/// A scanner that was killed and started again waited a minute for its own lease to end.
#[tokio::test]
async fn a_scanner_that_is_back_has_its_work_again_at_once() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    app.scan_workload("web-id").await.unwrap();
    let process = |session: &str| ScannerInfo {
        session: session.into(),
        ..info("s1")
    };
    let first = take(app, &process("p1")).await.unwrap();
    assert!(take(app, &process("p1")).await.is_none(), "it works on it");
    assert!(
        take(app, &info("s1")).await.is_none(),
        "of no known process"
    );
    assert!(take(app, &info("s2")).await.is_none(), "of another scanner");
    let again = take(app, &process("p2")).await.unwrap();
    assert_eq!(of(&again.order), "web-id");
    assert_ne!(again.lease, first.lease);
    assert!(matches!(
        app.renew_lease(&first.lease).await,
        Err(AppError::Conflict)
    ));
    let late = app.finish_work(&first.lease, "s1", outcome(&first.order));
    assert!(matches!(late.await, Err(AppError::Conflict)));
    app.finish_work(&again.lease, "s1", outcome(&again.order))
        .await
        .unwrap();
    assert_eq!(app.scan_totals().scanned, 1);
}
