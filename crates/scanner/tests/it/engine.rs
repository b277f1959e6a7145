//! The engine against a registry that lists, and a database of one row.

use crate::{
    build::{ImageBuilder, Tar, status},
    server::{Content, Faults, Server},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rampart_model::{
    Distro, Hidden, Package, PackageKind, RegistryImage, ScanReport, Timestamp,
    registry::RegistryAuth,
    scan::{FixStatus, ScanProblem, TargetKind},
    scan_job::{Order, Outcome, RegistryAccess, ScanFailure},
};
use rampart_scanner::{
    registry::{Client, Settings},
    scan::{self, Options, Silent},
    service::{
        ScanEngine,
        engine::{DatabaseSource, Engine},
    },
    source,
    stop::Stop,
};
use rampart_vuln::{
    advisory::{Advisory, Bucket, End, Interval},
    db::{BuildMeta, Builder, Database},
    layer::Selection,
};
use std::sync::Arc;

struct Fixed(Option<Arc<Database>>);

impl DatabaseSource for Fixed {
    fn database(&self) -> Result<Arc<Database>, String> {
        self.0.clone().ok_or_else(|| "there is none".to_owned())
    }
}

fn database() -> Arc<Database> {
    let meta = BuildMeta {
        version: 9,
        built_at: Timestamp(1_767_225_600_000),
        feeds: Vec::new(),
    };
    let mut builder = Builder::new(meta);
    builder.advisory(Advisory {
        intervals: vec![Interval {
            introduced: String::new(),
            end: End::Fixed("3.0.13-1".into()),
        }],
        status: FixStatus::Fixed,
        ..Advisory::new(
            Bucket::os("debian", "12"),
            "openssl",
            "CVE-2025-1",
            "debian",
        )
    });
    Arc::new(Database::open_unsigned(Arc::new(builder.finish())).unwrap())
}

fn engine(database: Option<Arc<Database>>) -> Engine {
    Engine {
        database: Arc::new(Fixed(database)),
        selection: Arc::new(Selection::all()),
        cache: None,
        registry: Settings::default(),
        platform: None,
        concurrency: 1,
        counts: Default::default(),
    }
}

fn rematch() -> Order {
    Order::Rematch {
        previous: Box::new(ScanReport {
            distro: Some(Distro {
                id: "debian".into(),
                version: "12".into(),
                ..Distro::default()
            }),
            packages: vec![Package::new(PackageKind::Deb, "openssl", "3.0.11-1")],
            ..ScanReport::default()
        }),
    }
}

async fn report(engine: &Engine, order: Order) -> ScanReport {
    match engine.run(order, Stop::never()).await.unwrap() {
        Outcome::Report(report) => *report,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_known_is_matched_again() {
    let found = report(&engine(Some(database())), rematch()).await;
    assert_eq!(found.vulnerabilities.len(), 1);
    assert_eq!(found.vulnerabilities[0].id, "CVE-2025-1");
    assert_eq!(found.vulnerabilities[0].fixed_versions, ["3.0.13-1"]);
    assert_eq!(found.database.unwrap().version, 9);
}

#[tokio::test]
async fn without_a_database_the_report_says_so() {
    let engine = engine(None);
    let found = report(&engine, rematch()).await;
    assert!(found.vulnerabilities.is_empty() && found.database.is_none());
    assert_eq!(found.problems[0].reason, "there is none");
    assert_eq!(engine.status().await.database_error, "there is none");
}

const TAGS: &[(&str, &[&str])] = &[
    ("shop/web", &["1.9", "1.10", "latest", "old"]),
    ("shop/api", &["2"]),
    ("other/x", &["1"]),
];

/// Wants a password; `broken` in its catalog has no tags.
async fn answer(State(()): State<()>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    // ci:hunter2
    if headers
        .get(header::AUTHORIZATION)
        .is_none_or(|a| a != "Basic Y2k6aHVudGVyMg==")
    {
        let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"test\"")];
        return (StatusCode::UNAUTHORIZED, ask, "{}").into_response();
    }
    if path == "_catalog" {
        let names: Vec<_> = TAGS
            .iter()
            .map(|(name, _)| *name)
            .chain(["shop/broken"])
            .collect();
        return axum::Json(serde_json::json!({"repositories": names})).into_response();
    }
    for (name, tags) in TAGS {
        if path == format!("{name}/tags/list") {
            return axum::Json(serde_json::json!({"name": name, "tags": tags})).into_response();
        }
        if let Some(tag) = path.strip_prefix(&format!("{name}/manifests/")) {
            let digest = format!(
                "sha256:{:0>64}",
                format!("{:x}", name.len() * 1000 + tag.len())
            );
            return ([("docker-content-digest", digest)], "").into_response();
        }
    }
    (
        StatusCode::NOT_FOUND,
        "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}",
    )
        .into_response()
}

async fn registry(password: &str) -> RegistryAccess {
    let app = Router::new()
        .route("/v2/", get(async || "{}"))
        .route("/v2/{*path}", get(answer))
        .with_state(());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    RegistryAccess {
        url: format!("http://{address}/"),
        auth: RegistryAuth {
            username: "ci".into(),
            password: Hidden::new(password),
            ..RegistryAuth::default()
        },
        ..RegistryAccess::default()
    }
}

async fn list(
    access: RegistryAccess,
    filters: &[&str],
    tag_limit: u32,
) -> Result<(Vec<String>, Vec<String>), ScanFailure> {
    let order = Order::List {
        access,
        filters: filters.iter().map(|f| (*f).to_owned()).collect(),
        repo_limit: 0,
        tag_limit,
    };
    match engine(None).run(order, Stop::never()).await? {
        Outcome::Listing(listed) => Ok((
            listed
                .images
                .iter()
                .map(|i| format!("{}:{}", i.repository, i.tag))
                .collect(),
            listed.problems,
        )),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_registry_is_listed_by_its_filters() {
    let (images, problems) = list(registry("hunter2").await, &["shop/*:*"], 2)
        .await
        .unwrap();
    assert_eq!(
        images,
        ["shop/api:2", "shop/web:1.10", "shop/web:latest"],
        "the newest two"
    );
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("shop/broken"), "{problems:?}");
    let (images, problems) = list(registry("hunter2").await, &["shop/web:1\\.[0-9]+"], 0)
        .await
        .unwrap();
    assert_eq!(images, ["shop/web:1.10", "shop/web:1.9"]);
    assert!(
        problems.is_empty(),
        "nothing else is asked for: {problems:?}"
    );
}

#[tokio::test]
async fn a_wrong_password_is_final_and_told_without_it() {
    let failure = list(registry("wrong-one").await, &["*:*"], 0)
        .await
        .unwrap_err();
    assert!(!failure.retry, "{failure:?}");
    assert!(!failure.reason.contains("wrong-one"), "{failure:?}");
    let order = Order::Test {
        access: registry("hunter2").await,
        filters: vec!["shop/*:*".into()],
    };
    let Ok(Outcome::Tested(steps)) = engine(None).run(order, Stop::never()).await else {
        panic!("no steps")
    };
    assert!(
        steps
            .iter()
            .any(|step| step.kind == "images" && step.text.contains("shop/web")),
        "{steps:?}"
    );
}

/// The service matched by itself once: a distribution out of support, and problems of a judgement,
/// were not the same there as on the command line.
#[test]
fn a_service_judges_as_the_command_line_does() {
    let image = ImageBuilder::new()
        .gz(Tar::default()
            .file("etc/os-release", "ID=debian\nVERSION_ID=\"9\"\n")
            .file("var/lib/dpkg/status", status(&[("openssl", "1.1.0l-1")]))
            .mode("usr/bin/su", 0o4755, "x")
            .end())
        .zst(
            Tar::default()
                .file(
                    "app/package.json",
                    r#"{"name":"left-pad","version":"1.3.0"}"#,
                )
                .end(),
        );
    let mut content = Content::default();
    content.add("shop/web", "1.4", &image);
    let server = Server::plain(content, Faults::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = database();

    let client = Arc::new(Client::new(Settings::default(), Stop::never()).unwrap());
    let reference = server.name("shop/web:1.4").parse().unwrap();
    let source = source::registry::open(client, runtime.handle(), &reference, None).unwrap();
    let mut own = scan::inspect(source, &Options::default(), &Silent)
        .unwrap()
        .report;
    scan::judge(&mut own, &database, &scan::match_options(TargetKind::Image)).unwrap();
    assert!(own.distro.as_ref().unwrap().end_of_life, "{own:?}");
    assert!(!own.problems.is_empty() && !own.config_issues.is_empty());

    let order = Order::Image {
        access: RegistryAccess {
            url: format!("http://{}/", server.address),
            ..RegistryAccess::default()
        },
        image: RegistryImage {
            repository: "shop/web".into(),
            tag: "1.4".into(),
            digest: String::new(),
        },
        scan_layers: true,
    };
    let engine = engine(Some(database));
    let mut served = runtime.block_on(report(&engine, order));
    served.scanned_at = own.scanned_at;
    assert_eq!(served, own);

    let order = Order::Rematch {
        previous: Box::new(served),
    };
    let mut again = runtime.block_on(report(&engine, order));
    again.scanned_at = own.scanned_at;
    assert_eq!(again, own, "judging again adds nothing");
}

#[tokio::test]
async fn a_problem_of_a_judgement_goes_with_it() {
    let unjudged = report(&engine(None), rematch()).await;
    assert_eq!(unjudged.problems.len(), 1);
    let order = Order::Rematch {
        previous: Box::new(unjudged),
    };
    let judged = report(&engine(Some(database())), order).await;
    assert_eq!(judged.vulnerabilities.len(), 1);
    let stale = |problem: &ScanProblem| problem.reason == "there is none";
    assert!(!judged.problems.iter().any(stale), "{:?}", judged.problems);
}
