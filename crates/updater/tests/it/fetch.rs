//! Fetching: from servers that are slow, wrong, cut off, behind proxies and under other authorities.

use crate::server::{Request, Response, Server, file};
use rampart_updater::{
    feed::Remote,
    fetch::{FetchConfig, FetchError, Fetched, Fetcher},
    state::FileMeta,
};
use std::{path::Path, time::Duration};

fn config() -> FetchConfig {
    FetchConfig {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        backoff: Duration::from_millis(1),
        max_wait: Duration::from_millis(5),
        ..FetchConfig::default()
    }
}

async fn get(url: &str, folder: &Path, known: Option<&FileMeta>) -> Result<Fetched, FetchError> {
    get_remote(&Remote::of_url(url, 0), folder, known, config()).await
}

async fn get_remote(
    remote: &Remote,
    folder: &Path,
    known: Option<&FileMeta>,
    config: FetchConfig,
) -> Result<Fetched, FetchError> {
    Fetcher::new(config)?
        .get("test", remote, known, folder, &|_| {})
        .await
}

fn new(fetched: Result<Fetched, FetchError>) -> FileMeta {
    match fetched {
        Ok(Fetched::New(meta)) => meta,
        other => panic!("not fetched: {other:?}"),
    }
}

const BODY: &[u8] = &[7; 100_000];

#[tokio::test]
async fn unchanged_files_are_not_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| file(request, BODY, "\"v1\"")).await;
    let url = server.url("/a.json");
    let meta = new(get(&url, folder.path(), None).await);
    assert_eq!((meta.bytes, meta.etag.as_str()), (100_000, "\"v1\""));
    assert_eq!(std::fs::read(folder.path().join("a.json")).unwrap(), BODY);
    assert_eq!(
        get(&url, folder.path(), Some(&meta)).await.unwrap(),
        Fetched::Unchanged
    );
    assert_eq!(server.requests()[1].header("if-none-match"), "\"v1\"");
}

#[tokio::test]
async fn a_cut_transfer_goes_on_where_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    let body: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let whole = body.clone();
    let server = Server::start(move |request, before| {
        let response = file(request, &whole, "\"v1\"");
        let length = response.body.len();
        if before < 2 {
            response.cut_at(length / 2)
        } else {
            response
        }
    })
    .await;
    let meta = new(get(&server.url("/a.json"), folder.path(), None).await);
    assert_eq!(meta.bytes, 400_000);
    assert_eq!(std::fs::read(folder.path().join("a.json")).unwrap(), body);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].header("range"), "");
    assert!(
        requests[1].header("range").starts_with("bytes="),
        "{requests:?}"
    );
    assert_eq!(requests[1].header("if-range"), "\"v1\"");
}

#[tokio::test]
async fn what_changed_meanwhile_is_fetched_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request, before| match before {
        0 => file(request, BODY, "\"v1\"").cut_at(50_000),
        _ => file(request, b"second", "\"v2\""),
    })
    .await;
    let meta = new(get(&server.url("/a.json"), folder.path(), None).await);
    assert_eq!((meta.bytes, meta.etag.as_str()), (6, "\"v2\""));
    assert_eq!(
        std::fs::read(folder.path().join("a.json")).unwrap(),
        b"second"
    );
}

#[tokio::test]
async fn without_a_validator_nothing_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, before| match before {
        0 => Response::ok(BODY).cut_at(50_000),
        _ => Response::ok("second"),
    })
    .await;
    assert_eq!(
        new(get(&server.url("/a.json"), folder.path(), None).await).bytes,
        6
    );
    assert_eq!(server.requests()[1].header("range"), "");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, before| match before {
        0 => Response::new(429, "slow down").with("Retry-After", "1"),
        1 => Response::new(503, ""),
        _ => Response::ok("{}"),
    })
    .await;
    assert_eq!(
        new(get(&server.url("/a.json"), folder.path(), None).await).bytes,
        2
    );
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    type Handler = fn(&Request, usize) -> Response;
    let cases: &[(&str, Handler, &str, usize)] = &[
        (
            "a page by its type",
            |_, _| Response::ok("hello").with("Content-Type", "text/html; charset=utf-8"),
            "web page",
            1,
        ),
        (
            "a page by its bytes",
            |_, _| Response::ok("\n<!DOCTYPE html><html>log in</html>"),
            "web page",
            1,
        ),
        ("gone", |_, _| Response::new(404, ""), "answered 404", 1),
        (
            "forbidden",
            |_, _| Response::new(403, ""),
            "answered 403",
            1,
        ),
        (
            "always busy",
            |_, _| Response::new(429, ""),
            "answered 429",
            4,
        ),
        (
            "always cut",
            |_, _| Response::ok(BODY).cut_at(10),
            "broke off",
            4,
        ),
        (
            "a range that was not asked for",
            |_, _| Response::new(206, "x").with("Content-Range", "bytes 7-8/9"),
            "answered 503",
            4,
        ),
    ];
    for (what, handler, reason, requests) in cases {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(handler).await;
        let error = get(&server.url("/a.json"), folder.path(), None)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{what}: {error}");
        assert_eq!(server.requests().len(), *requests, "{what}");
        assert!(!folder.path().join("a.json").exists(), "{what}");
    }
}

#[tokio::test]
async fn long_files_are_refused_before_and_while_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Response::ok(BODY)).await;
    let small = FetchConfig {
        max_bytes: 1000,
        ..config()
    };
    let remote = Remote::of_url(&server.url("/a.json"), 0);
    let error = get_remote(&remote, folder.path(), None, small)
        .await
        .unwrap_err();
    assert!(
        matches!(error, FetchError::TooLong { limit: 1000, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn nobody_there_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a.json", free.local_addr().unwrap());
    drop(free);
    let error = get(&url, folder.path(), None).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test]
async fn mirrors_are_tried_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request, _| match request.target.as_str() {
        "/second/a.json" => Response::ok("{}"),
        _ => Response::new(404, ""),
    })
    .await;
    let mut remote = Remote::of_url(&server.url("/first/a.json"), 0);
    remote.mirrors.push(server.url("/second/a.json"));
    remote.mirrors.push(server.url("/third/a.json"));
    let meta = new(get_remote(&remote, folder.path(), None, config()).await);
    assert_eq!(meta.url, server.url("/second/a.json"));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn checksums_and_pointers() {
    let sum = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let published = std::sync::Mutex::new(sum.to_owned());
    let published = std::sync::Arc::new(published);
    let said = published.clone();
    let server = Server::start(move |request, _| match request.target.as_str() {
        "/archive_latest.txt" => Response::ok("day-2.json\n"),
        "/day-2.json" => Response::ok("{}"),
        "/day-2.json.sha256" => Response::ok(format!("{}  day-2.json\n", said.lock().unwrap())),
        _ => Response::new(404, ""),
    })
    .await;
    let remote = Remote {
        file: "a.json".to_owned(),
        mirrors: vec![server.url("/archive_latest.txt")],
        checksum_suffix: ".sha256",
        pointer: true,
    };
    let folder = tempfile::tempdir().unwrap();
    let meta = new(get_remote(&remote, folder.path(), None, config()).await);
    assert_eq!(
        (meta.sha256.as_str(), meta.url),
        (sum, server.url("/day-2.json"))
    );
    *published.lock().unwrap() = sum.replace('4', "5");
    let error = get_remote(&remote, folder.path(), None, config())
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Checksum { .. }), "{error}");
    assert!(!folder.path().join("a.json").exists());
    *published.lock().unwrap() = "nothing".to_owned();
    let error = get_remote(&remote, folder.path(), None, config())
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::NoChecksum { .. }), "{error}");
}

#[tokio::test]
async fn proxies_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::start(|request, _| {
        assert_eq!(request.target, "http://feeds.invalid/a.json");
        Response::ok("{}")
    })
    .await;
    let through = FetchConfig {
        proxy: Some(proxy.url("")),
        ..config()
    };
    let remote = Remote::of_url("http://feeds.invalid/a.json", 0);
    assert_eq!(
        new(get_remote(&remote, folder.path(), None, through).await).bytes,
        2
    );
}

#[tokio::test]
async fn other_authorities_are_trusted_when_named() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let server = Server::start_tls(tls, |_, _| Response::ok("{}")).await;
    let remote = Remote::of_url(&format!("https://{}/a.json", server.address), 0);
    let folder = tempfile::tempdir().unwrap();
    let error = get_remote(&remote, folder.path(), None, config())
        .await
        .unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    let trusting = FetchConfig {
        ca_pem: vec![made.cert.pem().into_bytes()],
        ..config()
    };
    assert_eq!(
        new(get_remote(&remote, folder.path(), None, trusting).await).bytes,
        2
    );
}
