//! Bodies and connections nobody should send.

use super::{Api, sign_in};
use hyper::Method;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Case = (Method, &'static str, Vec<u8>, (u16, u64), &'static str);

/// Method, path, body, status and code, what the message says.
fn bad_bodies() -> Vec<Case> {
    let (post, patch) = (|| Method::POST, || Method::PATCH);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_value = format!("{{\"config\":{{\"x\":{deep}}}}}").into_bytes();
    let deep = deep.into_bytes();
    let long = format!("{{\"config\":{{\"name\":\"{}\"}}}}", "a".repeat(3 << 20)).into_bytes();
    let json = (400, 6);
    let name = (400, 15);
    vec![
        (post(), "/v1/group", Vec::new(), json, "empty"),
        (
            post(),
            "/v1/group",
            b"{\"config\":".to_vec(),
            json,
            "line 1 column 10",
        ),
        (
            post(),
            "/v1/group",
            b"{\n\"config\":{\"name\":7}}".to_vec(),
            json,
            "line 2 column",
        ),
        (
            post(),
            "/v1/group",
            b"{\"config\":{\"name\":\"\xff\xfe\"}}".to_vec(),
            json,
            "unicode",
        ),
        (
            post(),
            "/v1/group",
            b"{\"config\":{}} more".to_vec(),
            json,
            "trailing characters",
        ),
        (post(), "/v1/group", deep.clone(), json, "line 1"),
        (
            patch(),
            "/v1/system/config",
            deep_value,
            json,
            "recursion limit",
        ),
        (post(), "/v1/group", long, (413, 6), "2 MiB"),
        (post(), "/v1/auth", deep, json, "line 1"),
        (post(), "/v1/auth", b"{}".to_vec(), json, "username"),
        (
            post(),
            "/v1/group",
            b"{\"config\":{\"name\":\"../../etc\"}}".to_vec(),
            name,
            "a name has",
        ),
        (
            post(),
            "/v1/group",
            b"{\"config\":{\"name\":\"x\\u001b[31m<b>\"}}".to_vec(),
            name,
            "a name has",
        ),
    ]
}

#[tokio::test]
async fn bad_bodies_get_a_clear_answer() {
    let api = Api::new().await;
    for (method, path, body, code, says) in bad_bodies() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let reply = api.admin.send(api.admin.request(method, path, body)).await;
        assert_eq!(reply.code(), code, "{path} {shown}: {}", reply.json());
        let answer = reply.json();
        assert!(
            answer["message"].as_str().unwrap().contains(says),
            "{path} {shown}: {answer}"
        );
    }
    // It still serves, and nothing was made.
    let groups = api.admin.get("/v1/group?f_reserved=false").await.ok();
    assert_eq!(groups["groups"], json!([]));
}

#[tokio::test]
async fn bad_queries_get_a_clear_answer() {
    let api = Api::shop().await;
    for (path, says) in [
        ("/v1/workload?f_nmae=web", "no field `nmae`"),
        ("/v1/workload?limit=many", "a whole number"),
        ("/v1/workload?f_name=%ff", "percent-encoded"),
        ("/v1/log/event?f_nothing=1", "no field `nothing`"),
        ("/v1/log/event?cursor=zzz", "cursor"),
        (
            "/v1/log/event?f_reported_timestamp=gte,soon",
            "whole number",
        ),
        ("/v1/log/event?f_level=loud", "not a level"),
        ("/v1/log/histogram?bucket=0", "bucket"),
        ("/v1/log/histogram?bucket=1", "buckets"),
        ("/v1/policy/rule/abc", "number"),
        ("/v1/group?scope=global", "local or fed"),
    ] {
        let reply = api.admin.get(path).await;
        assert_eq!(reply.code(), (400, 6), "{path}: {}", reply.json());
        assert!(
            reply.json()["message"].as_str().unwrap().contains(says),
            "{path}: {}",
            reply.json()
        );
    }
    let long = format!("/v1/workload?f_name={}", "a".repeat(9000));
    assert_eq!(api.admin.get(&long).await.code(), (400, 6));
}

#[tokio::test]
async fn answers_carry_their_headers_and_are_compressed_when_long() {
    let api = Api::shop().await;
    let mut request = api.admin.request(Method::GET, "/v1/workload", "");
    request
        .headers_mut()
        .insert("accept-encoding", "gzip".parse().unwrap());
    request
        .headers_mut()
        .insert("x-request-id", "abc-123".parse().unwrap());
    let reply = api.admin.send(request).await;
    for (name, value) in [
        ("content-encoding", "gzip"),
        ("x-request-id", "abc-123"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        assert_eq!(
            reply.headers.get(name).map(|v| v.to_str().unwrap()),
            Some(value),
            "{name}"
        );
    }
    assert_eq!(reply.body[..2], [0x1f, 0x8b]);

    let mut short = api.admin.request(Method::GET, "/v1/eula", "");
    short
        .headers_mut()
        .insert("accept-encoding", "gzip".parse().unwrap());
    short
        .headers_mut()
        .insert("x-request-id", "bad id\u{e9}".parse().unwrap());
    let reply = api.admin.send(short).await;
    assert_eq!(reply.headers.get("content-encoding"), None);
    assert_eq!(
        reply.headers["x-request-id"].len(),
        36,
        "a bad id is replaced"
    );
}

#[tokio::test]
async fn a_client_that_never_finishes_its_head_is_dropped() {
    let api = Api::new().await;
    let mut slow = api.client().tls().await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: ")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection stayed open");
    // Others are served meanwhile and after.
    assert_eq!(api.client().get("/healthz").await.status, 200);
}

#[tokio::test]
async fn plain_http_and_noise_do_not_disturb() {
    let api = Api::new().await;
    for noise in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        &[0u8; 4096],
        b"\x16\x03\x01\xff\xff",
    ] {
        let mut socket = tokio::net::TcpStream::connect(api.address).await.unwrap();
        socket.write_all(noise).await.unwrap();
    }
    assert_eq!(
        api.client()
            .post("/v1/auth", &sign_in("admin", super::PASSWORD, None))
            .await
            .status,
        200
    );
    assert_eq!(
        api.admin
            .post("/v1/eula", &json!({"eula": {"accepted": true}}))
            .await
            .status,
        200
    );
    assert_eq!(
        api.client().get("/v1/eula").await.ok()["eula"]["accepted"],
        true
    );
}

#[tokio::test]
async fn the_server_stops_when_told_and_frees_its_port() {
    let api = Api::new().await;
    let address = api.address;
    api.stop().await;
    std::net::TcpListener::bind(address).unwrap();
}
