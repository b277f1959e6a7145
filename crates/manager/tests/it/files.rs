//! The console's files: caching, compression, headers, odd paths, a build without them.

use crate::fake::{stand, stand_with};
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rampart_manager::Assets;
use std::path::Path;

#[tokio::test]
async fn hashed_files_are_cached_for_good_and_compressed() {
    let stand = stand().await;
    let plain = stand.get("/assets/app-1a2b.js", &[]).await;
    assert_eq!(plain.status, StatusCode::OK);
    assert_eq!(
        plain.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(
        plain.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(plain.header("content-encoding"), "");
    let small = stand
        .get(
            "/assets/app-1a2b.js",
            &[("accept-encoding", "br, gzip;q=0.8")],
        )
        .await;
    assert_eq!(small.header("content-encoding"), "gzip");
    assert!(small.body.len() < plain.body.len() / 10);
    let refused = stand
        .get("/assets/app-1a2b.js", &[("accept-encoding", "gzip;q=0")])
        .await;
    assert_eq!(refused.header("content-encoding"), "");
    let etag = plain.header("etag").to_owned();
    for tag in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}")] {
        let same = stand
            .get("/assets/app-1a2b.js", &[("if-none-match", &tag)])
            .await;
        assert_eq!(same.status, StatusCode::NOT_MODIFIED, "{tag}");
        assert_eq!(same.body.len(), 0);
    }
    assert_eq!(
        stand.get("/logo.svg", &[]).await.header("cache-control"),
        "no-cache"
    );
}

#[tokio::test]
async fn pages_of_the_console_get_the_index_with_a_nonce_of_their_own() {
    let stand = stand().await;
    let mut nonces = Vec::new();
    for path in [
        "/",
        "/index.html",
        "/groups/nv.web.shop",
        "/events?tab=incident",
    ] {
        let answer = stand.get(path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let policy = answer.header("content-security-policy").to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap()
            .to_owned();
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            page.contains(&format!("content=\"{nonce}\"")),
            "{path}: {page}"
        );
        nonces.push(nonce);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let stand = stand().await;
    for path in [
        "/",
        "/assets/app-1a2b.js",
        "/assets/none.js",
        "/api/v1/group",
        "/healthz",
    ] {
        let answer = stand.get(path, &[]).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("script-src 'self';"), "{path}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(
            answer
                .header("strict-transport-security")
                .starts_with("max-age=31536000")
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
    }
}

#[tokio::test]
async fn no_path_leads_out() {
    let stand = stand().await;
    let cookie = stand.session().await;
    let before = stand.controller.requests().len();
    let cases = [
        ("/assets/../../../etc/passwd", StatusCode::NOT_FOUND),
        ("/assets/%2e%2e/index.html", StatusCode::NOT_FOUND),
        ("/assets/none.js", StatusCode::NOT_FOUND),
        ("/none.js", StatusCode::NOT_FOUND),
        ("/api/v1/../metrics", StatusCode::BAD_REQUEST),
        ("/api/v1/%2e%2e/metrics", StatusCode::BAD_REQUEST),
        ("/api/v1/x/%2E./y", StatusCode::BAD_REQUEST),
        ("/api/metrics", StatusCode::NOT_FOUND),
        ("/api", StatusCode::NOT_FOUND),
        ("/api/v3/x", StatusCode::NOT_FOUND),
    ];
    for (path, status) in cases {
        let answer = stand.get(path, &[("cookie", &cookie)]).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("root:"),
            "{path}"
        );
    }
    assert_eq!(stand.controller.requests().len(), before);
    let post = stand.send(Method::POST, "/", &[], "x").await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_build_without_the_console_says_how_to_build_it() {
    let stand = stand_with(|config| config.assets = Assets::default()).await;
    for path in ["/", "/groups", "/assets/app.js"] {
        let answer = stand.get(path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(
            String::from_utf8_lossy(&answer.body).contains("make ui"),
            "{path}"
        );
    }
    // The API is there all the same.
    let cookie = stand.session().await;
    let answer = stand.get("/api/v1/group", &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn the_embedded_console_is_whole_or_absent() {
    let assets = Assets::embedded();
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist/index.html");
    assert_eq!(assets.is_empty(), !dist.exists(), "{}", dist.display());
    let stand = stand_with(|config| config.assets = assets.clone()).await;
    let page = stand.get("/", &[]).await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    if assets.is_empty() {
        assert!(page.contains("make ui"));
        return;
    }
    assert!(
        !page.contains("__RAMPART_NONCE__"),
        "the nonce was not filled in"
    );
    for file in page
        .split(['"', '\''])
        .filter(|part| part.starts_with("/assets/"))
    {
        assert_eq!(stand.get(file, &[]).await.status, StatusCode::OK, "{file}");
    }
}

#[tokio::test]
async fn a_head_over_http_2_has_no_body() {
    let stand = stand().await;
    let io = TokioIo::new(stand.connect_with(&["h2"]).await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    for path in ["/", "/healthz", "/api/v1/group"] {
        let request = hyper::Request::builder()
            .method(Method::HEAD)
            .uri(format!("{}{path}", stand.origin()))
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_ne!(response.headers()["content-length"], "0", "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 0, "{path}");
    }
}
