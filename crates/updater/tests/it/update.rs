//! Whole updates: a feed that breaks keeps its last good rows, and whatever breaks, the database that
//! was there stays in use.

use crate::server::{Response, Server, file};
use rampart_model::{PackageKind, Timestamp};
use rampart_updater::{
    collect::{FeedInput, Given},
    feed,
    fetch::FetchConfig,
    key,
    publish::{self, InstallOptions, Installed, PublishError},
    service::{Config, Service, UpdateError, update},
};
use rampart_vuln::{
    advisory::{Advisory, Bucket},
    db::{BuildMeta, Builder, Database, SigningKey},
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn config(folder: &Path, feeds: &[(&str, String)]) -> Config {
    let mut config = Config::new(folder);
    config.feeds = feeds
        .iter()
        .map(|(name, place)| FeedInput {
            feed: feed::by_name(name).unwrap(),
            given: vec![Given::parse(place)],
        })
        .collect();
    config.fetch = FetchConfig {
        attempts: 2,
        backoff: Duration::from_millis(1),
        max_wait: Duration::from_millis(1),
        read_timeout: Duration::from_secs(5),
        ..FetchConfig::default()
    };
    config
}

/// A list of that many OSV documents.
fn osv(count: usize) -> String {
    let documents: Vec<String> = (0..count)
        .map(|at| {
            format!(
                r#"{{"id":"CVE-2026-{at:04}","modified":"2026-01-01T00:00:00Z","affected":[{{"package":{{"ecosystem":"npm","name":"p{at}"}},"versions":["1.0"]}}]}}"#
            )
        })
        .collect();
    format!("[{}]", documents.join(","))
}

fn open(config: &Config) -> Database {
    let keys = config.trusted().unwrap();
    publish::verify(
        &config.database(),
        publish::read(&config.database()).unwrap(),
        &keys,
    )
    .unwrap()
}

fn rows(config: &Config) -> u64 {
    open(config).info().rows
}

/// A server whose answer can be changed.
async fn changing(first: Response) -> (Server, Arc<Mutex<Response>>) {
    let answer = Arc::new(Mutex::new(first));
    let said = answer.clone();
    let server = Server::start(move |_, _| said.lock().unwrap().clone()).await;
    (server, answer)
}

#[tokio::test]
async fn a_feed_that_breaks_keeps_its_last_good_rows() {
    let broken_zip = {
        let mut zip = b"PK\x03\x04".to_vec();
        zip.extend([0; 200]);
        zip
    };
    let page = "<html><body>Please log in</body></html>";
    let half_bad = format!(
        "[{},{}]",
        &osv(60)[1..osv(60).len() - 1],
        vec!["{}"; 40].join(",")
    );
    let gzip_cut = {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(osv(100).as_bytes()).unwrap();
        let whole = gzip.finish().unwrap();
        whole[..whole.len() / 2].to_vec()
    };
    let cases: Vec<(&str, Response, &str)> = vec![
        ("gone", Response::new(404, ""), "answered 404"),
        ("busy", Response::new(429, ""), "answered 429"),
        ("down", Response::new(500, ""), "answered 500"),
        ("cut", Response::ok(osv(100)).cut_at(1000), "broke off"),
        ("a page", Response::ok(page), "web page"),
        ("empty list", Response::ok("[]"), "nothing in it"),
        (
            "not JSON",
            Response::ok("[1,2"),
            "nothing of it could be read",
        ),
        (
            "half unreadable",
            Response::ok(half_bad),
            "40.0 % of its entries cannot be read",
        ),
        (
            "shrunk",
            Response::ok(osv(90)),
            "lost 10.0 % of its rows, from 100 to 90",
        ),
        (
            "broken zip",
            Response::ok(broken_zip),
            "the archive is broken",
        ),
        (
            "truncated gzip",
            Response::ok(gzip_cut),
            "the archive is broken",
        ),
    ];
    for (what, answer, reason) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (server, said) = changing(Response::ok(osv(100))).await;
        let kev = r#"{"vulnerabilities":[{"cveID":"CVE-2026-0001","dateAdded":"2026-01-01"}]}"#;
        let other = Server::start(move |request, _| file(request, kev.as_bytes(), "\"k\"")).await;
        let feeds = [
            ("osv", server.url("/all.json")),
            ("kev", other.url("/kev.json")),
        ];
        let config = config(folder.path(), &feeds);
        let first = update(&config, NOW, &|_| {}).await.unwrap();
        assert_eq!((rows(&config), first.alarms().len()), (100, 0), "{what}");
        let version = open(&config).info().version;

        *said.lock().unwrap() = answer;
        let later = Timestamp(NOW.0 + 3_600_000);
        let second = update(&config, later, &|_| {}).await.unwrap();
        let alarms = second.alarms();
        assert_eq!(alarms.len(), 1, "{what}");
        assert!(alarms[0].1.contains(reason), "{what}: {}", alarms[0].1);
        let database = open(&config);
        assert_eq!(database.info().rows, 100, "{what}");
        assert!(database.info().version > version, "{what}");
        let state = database
            .info()
            .feeds
            .iter()
            .find(|feed| feed.name == "osv")
            .unwrap();
        assert!(
            state.stale && state.error.contains(reason),
            "{what}: {state:?}"
        );
        assert_eq!(
            state.fetched_at, NOW,
            "{what}: its age is that of the good copy"
        );

        *said.lock().unwrap() = Response::ok(osv(101));
        let third = update(&config, later, &|_| {}).await.unwrap();
        assert_eq!((rows(&config), third.alarms().len()), (101, 0), "{what}");
    }
}

#[tokio::test]
async fn shrinking_is_accepted_when_said() {
    let folder = tempfile::tempdir().unwrap();
    let (server, said) = changing(Response::ok(osv(100))).await;
    let mut config = config(folder.path(), &[("osv", server.url("/all.json"))]);
    update(&config, NOW, &|_| {}).await.unwrap();
    *said.lock().unwrap() = Response::ok(osv(10));
    config.collect.accept = vec!["osv".to_owned()];
    update(&config, NOW, &|_| {}).await.unwrap();
    assert_eq!(rows(&config), 10);
}

#[tokio::test]
async fn nothing_reachable_leaves_everything_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = changing(Response::ok(osv(3))).await;
    let feeds = [("osv", server.url("/all.json"))];
    let config = config(folder.path(), &feeds);
    drop(server);
    // At first start: no database, and the reason.
    let error = update(&config, NOW, &|_| {}).await.unwrap_err();
    assert!(
        matches!(&error, UpdateError::NothingAtAll { first } if first.contains("cannot be reached")),
        "{error}"
    );
    let service = Service::new(config.clone());
    let status = service.once().await;
    assert_eq!((status.version, status.failures), (0, 1));
    let said = status.summary(NOW);
    assert!(
        said.starts_with("no vulnerability database: no feed gave a row: osv: all.json: "),
        "{said}"
    );

    let (server, _) = changing(Response::ok(osv(3))).await;
    let config = Config {
        feeds: self::config(folder.path(), &[("osv", server.url("/all.json"))]).feeds,
        ..config
    };
    update(&config, NOW, &|_| {}).await.unwrap();
    let before = std::fs::read(config.database()).unwrap();
    drop(server);
    let error = update(&config, NOW, &|_| {}).await.unwrap_err();
    assert!(matches!(error, UpdateError::NothingNew { .. }), "{error}");
    assert_eq!(std::fs::read(config.database()).unwrap(), before);
    let status = Service::new(config).once().await;
    assert_eq!((status.rows, status.failures), (3, 1));
}

#[tokio::test]
async fn unchanged_feeds_make_no_new_database() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| file(request, osv(5).as_bytes(), "\"v1\"")).await;
    let config = config(folder.path(), &[("osv", server.url("/all.json"))]);
    let first = update(&config, NOW, &|_| {}).await.unwrap();
    assert!(matches!(first.installed, Installed::New { .. }));
    let second = update(&config, Timestamp(NOW.0 + 1), &|_| {})
        .await
        .unwrap();
    assert!(matches!(second.installed, Installed::Same { .. }));
    assert_eq!(server.requests()[1].header("if-none-match"), "\"v1\"");
}

#[tokio::test]
async fn an_imported_database_is_not_replaced_by_the_little_that_can_be_reached() {
    let folder = tempfile::tempdir().unwrap();
    let (big, _) = changing(Response::ok(osv(100))).await;
    let elsewhere = config(folder.path(), &[("osv", big.url("/all.json"))]);
    update(&elsewhere, NOW, &|_| {}).await.unwrap();
    let (small, _) = changing(Response::ok(osv(2))).await;
    let here = config(folder.path(), &[("ghsa", small.url("/all.json"))]);
    let error = update(&here, NOW, &|_| {}).await.unwrap_err();
    assert!(
        matches!(
            error,
            UpdateError::Shrunk {
                before: 100,
                now: 2,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(rows(&here), 100);
}

#[tokio::test]
async fn a_local_folder_is_remembered_too() {
    let folder = tempfile::tempdir().unwrap();
    let feed_folder = folder.path().join("mirror");
    std::fs::create_dir_all(feed_folder.join("npm")).unwrap();
    std::fs::write(feed_folder.join("npm/all.json"), osv(20)).unwrap();
    let config = config(
        &folder.path().join("data"),
        &[("osv", feed_folder.display().to_string())],
    );
    update(&config, NOW, &|_| {}).await.unwrap();
    std::fs::write(feed_folder.join("npm/all.json"), osv(2)).unwrap();
    std::fs::write(feed_folder.join("npm/more.json"), osv(0)).unwrap();
    let error = update(&config, NOW, &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("lost 90.0 %"), "{error}");
    assert_eq!(rows(&config), 20);
}

/// A signed database with one row.
fn database(version: u64, key: &SigningKey, package: &str) -> Vec<u8> {
    let mut builder = Builder::new(BuildMeta {
        version,
        built_at: NOW,
        feeds: Vec::new(),
    });
    let bucket = Bucket::Language(PackageKind::Npm);
    builder.advisory(Advisory::new(bucket, package, "CVE-2026-0001", "osv"));
    let mut bytes = builder.finish();
    publish::sign(&mut bytes, key).unwrap();
    bytes
}

#[tokio::test]
async fn only_a_whole_newer_and_trusted_database_is_taken() {
    let (good, other) = (
        SigningKey::from_bytes(&[1; 32]),
        SigningKey::from_bytes(&[2; 32]),
    );
    let installed = database(10, &good, "left");
    let newer = database(11, &good, "right");
    let mut flipped = newer.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut unsigned = newer.clone();
    unsigned[16..80].fill(0);
    let cases: Vec<(&str, Response, &str)> = vec![
        (
            "older",
            Response::ok(database(9, &good, "left")),
            "older than the installed 10",
        ),
        (
            "same version, other rows",
            Response::ok(database(10, &good, "right")),
            "installed with other contents",
        ),
        (
            "wrong key",
            Response::ok(database(11, &other, "left")),
            "none of the trusted keys",
        ),
        ("unsigned", Response::ok(unsigned), "not signed"),
        ("damaged", Response::ok(flipped), "damaged"),
        (
            "truncated",
            Response::ok(&newer[..newer.len() - 9]),
            "cut short",
        ),
        (
            "a page",
            Response::ok("<!doctype html><p>hello"),
            "web page",
        ),
        (
            "something else",
            Response::ok("{}"),
            "not a vulnerability database",
        ),
        ("gone", Response::new(404, ""), "answered 404"),
    ];
    for (what, answer, reason) in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, _| answer.clone()).await;
        let mut config = config(folder.path(), &[]);
        config.keys = vec![good.verifying_key()];
        config.source = Some(server.url("/vuln.db"));
        std::fs::write(config.database(), &installed).unwrap();
        let error = update(&config, NOW, &|_| {}).await.unwrap_err();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        assert!(text.contains(reason), "{what}: {text}");
        assert_eq!(
            std::fs::read(config.database()).unwrap(),
            installed,
            "{what}"
        );
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains(".new-"))
            .collect();
        assert_eq!(left, [""; 0], "{what}");
    }
}

#[tokio::test]
async fn a_published_database_is_fetched_once() {
    let key = SigningKey::from_bytes(&[1; 32]);
    let bytes = database(11, &key, "left");
    let folder = tempfile::tempdir().unwrap();
    let served = bytes.clone();
    let server = Server::start(move |request, _| file(request, &served, "\"v11\"")).await;
    let mut config = config(folder.path(), &[]);
    config.keys = vec![key.verifying_key()];
    config.source = Some(server.url("/vuln.db"));
    let first = update(&config, NOW, &|_| {}).await.unwrap();
    assert!(matches!(
        first.installed,
        Installed::New { before: None, .. }
    ));
    let second = update(&config, NOW, &|_| {}).await.unwrap();
    assert!(matches!(second.installed, Installed::Same { .. }));
    assert_eq!(server.requests()[1].header("if-none-match"), "\"v11\"");
    assert_eq!(std::fs::read(config.database()).unwrap(), bytes);
}

#[test]
fn rollback_and_dates_are_refused_unless_said() {
    let key = SigningKey::from_bytes(&[1; 32]);
    let keys = [key.verifying_key()];
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("vuln.db");
    let install = |version, options| {
        publish::install(
            &target,
            database(version, &key, "left"),
            &target,
            &keys,
            options,
            NOW,
        )
    };
    install(10, InstallOptions::default()).unwrap();
    let error = install(9, InstallOptions::default()).unwrap_err();
    assert!(matches!(
        error,
        PublishError::Rollback {
            offered: 9,
            installed: 10
        }
    ));
    let allowed = InstallOptions {
        allow_rollback: true,
        ..InstallOptions::default()
    };
    assert_eq!(install(9, allowed).unwrap().info().version, 9);

    let mut builder = Builder::new(BuildMeta {
        version: 20,
        built_at: NOW,
        feeds: Vec::new(),
    });
    builder.expires_at(Timestamp(NOW.0 - 1));
    let mut bytes = builder.finish();
    publish::sign(&mut bytes, &key).unwrap();
    let put = |options| publish::install(&target, bytes.clone(), &target, &keys, options, NOW);
    assert!(matches!(
        put(InstallOptions::default()),
        Err(PublishError::Expired)
    ));
    put(InstallOptions {
        allow_expired: true,
        ..InstallOptions::default()
    })
    .unwrap();
}

#[test]
fn a_full_disk_leaves_the_old_database() {
    let test = "a_full_disk_leaves_the_old_database";
    if !rampart_testkit::require(test, &["mount", "umount"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    if let Err(error) =
        rampart_testkit::run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs", &path])
    {
        rampart_testkit::require::skip(test, &error.to_string());
        return;
    }
    let outcome = std::panic::catch_unwind(|| full_disk(folder.path()));
    rampart_testkit::run("umount", &[&path]).unwrap();
    outcome.unwrap();
}

fn full_disk(folder: &Path) {
    let key = SigningKey::from_bytes(&[1; 32]);
    let keys = [key.verifying_key()];
    let target = folder.join("vuln.db");
    let old = database(10, &key, "left");
    publish::install(
        &target,
        old.clone(),
        &target,
        &keys,
        InstallOptions::default(),
        NOW,
    )
    .unwrap();
    std::fs::write(folder.join("filler"), vec![7; 900_000]).unwrap();
    let mut builder = Builder::new(BuildMeta {
        version: 11,
        built_at: NOW,
        feeds: Vec::new(),
    });
    for at in 0..20_000_u32 {
        let bucket = Bucket::Language(PackageKind::Npm);
        let id = format!("CVE-2026-{:05}", at.wrapping_mul(2_654_435_761) % 100_000);
        builder.advisory(Advisory::new(bucket, format!("package-{at}"), id, "osv"));
    }
    let mut bytes = builder.finish();
    publish::sign(&mut bytes, &key).unwrap();
    assert!(bytes.len() > 200_000, "{}", bytes.len());
    let error = publish::install(
        &target,
        bytes,
        &target,
        &keys,
        InstallOptions::default(),
        NOW,
    )
    .unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");
    assert_eq!(std::fs::read(&target).unwrap(), old);
    assert_eq!(
        std::fs::read_dir(folder).unwrap().count(),
        2,
        "no half file is left"
    );
}

#[test]
fn keys_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    let public = key::generate(&path).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(key::secret(&path).unwrap().verifying_key(), public);
    assert_eq!(key::public(&key::public_path(&path)).unwrap(), [public]);
    assert!(
        key::generate(&path).is_err(),
        "an existing key is never overwritten"
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = key::secret(&path).unwrap_err().to_string();
    assert!(error.contains("can be read by others"), "{error}");
    assert!(key::secret(&key::public_path(&path)).is_err());
}

#[tokio::test]
async fn the_service_updates_on_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (server, said) = changing(Response::ok(osv(5))).await;
    let config = config(folder.path(), &[("osv", server.url("/all.json"))]);
    let service = Service::new(config.clone());
    assert_eq!(service.status().version, 0);
    let mut watch = service.watch();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = service.clone();
    let task = tokio::spawn(async move {
        running.run(async { drop(stopped.await) }).await;
    });
    let first = watch
        .wait_for(|status| status.rows == 5 && status.next_run_ms > 0)
        .await
        .unwrap()
        .clone();
    assert_eq!((first.runs, first.failures, first.feeds_stale()), (1, 0, 0));
    // A reader keeps the file it has open while the next one takes its place.
    let held = std::fs::File::open(config.database()).unwrap();
    *said.lock().unwrap() = Response::ok(osv(6));
    service.update_now();
    let second = watch
        .wait_for(|status| status.rows == 6 && !status.running)
        .await
        .unwrap()
        .clone();
    assert!(second.version > first.version);
    use std::os::unix::fs::MetadataExt;
    assert_ne!(
        held.metadata().unwrap().ino(),
        std::fs::metadata(config.database()).unwrap().ino()
    );
    stop.send(()).unwrap();
    task.await.unwrap();
}
