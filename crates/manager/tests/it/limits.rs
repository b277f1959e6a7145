//! A controller that is away, bodies and connections beyond the limits, a bad configuration.

use crate::fake::{DEADLINE, PASSWORD, identity, stand, stand_with};
use axum::http::{Method, StatusCode};
use rampart_manager::{Config, ServeError, bind};
use std::error::Error;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

#[tokio::test]
async fn a_controller_that_is_away_is_a_clear_error() {
    // A port that was free a moment ago, and nobody on it.
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let stand = stand_with(|config| config.controller_url = format!("https://{address}")).await;
    let answer = stand.sign_in(PASSWORD).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    let body = answer.json();
    assert_eq!(
        (body["code"].as_u64(), body["error"].as_str()),
        (Some(11), Some("Controller unreachable"))
    );
    assert!(body["message"].as_str().unwrap().contains("Try again"));
    assert_eq!(stand.get("/healthz", &[]).await.json()["status"], "ok");
    // Signing out works all the same.
    let cookie = "__Host-rampart_session=x";
    let out = stand
        .change(Method::DELETE, "/api/v1/auth", cookie, "")
        .await;
    assert_eq!(out.status, StatusCode::OK);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_controller_with_another_certificate_is_not_trusted() {
    let stand = stand_with(|config| config.controller_ca_pem = identity().cert_pem.into()).await;
    assert_eq!(
        stand.sign_in(PASSWORD).await.status,
        StatusCode::BAD_GATEWAY
    );
    assert_eq!(stand.controller.requests().len(), 0);
}

#[tokio::test]
async fn bodies_up_to_two_mebibytes_pass_and_larger_ones_do_not() {
    let stand = stand().await;
    let cookie = stand.session().await;
    let limit = 2 * 1024 * 1024;
    let whole = stand
        .change(Method::POST, "/api/v1/file", &cookie, vec![b'x'; limit])
        .await;
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!(whole.json()["body"], limit);
    let before = stand.controller.requests().len();
    let large = stand
        .change(Method::POST, "/api/v1/file", &cookie, vec![b'x'; limit + 1])
        .await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(stand.controller.requests().len(), before);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_slot() {
    let stand = stand_with(|config| config.max_connections = 1).await;
    let mut held = stand.connect().await;
    held.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0u8; 12];
    timeout(DEADLINE, held.read_exact(&mut first))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut second = Box::pin(stand.get("/healthz", &[]));
    tokio::select! {
        _ = &mut second => panic!("served beyond the limit"),
        () = tokio::task::yield_now() => {}
    }
    drop(held);
    assert_eq!(
        timeout(DEADLINE, second).await.unwrap().status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let stand = stand().await;
    let mut slow = stand.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ")
        .await
        .unwrap();
    let mut rest = Vec::new();
    // 10 s for the head, and some for a busy machine.
    let cut = timeout(DEADLINE * 3, slow.read_to_end(&mut rest)).await;
    assert!(cut.is_ok(), "the connection was kept");
}

#[tokio::test]
async fn a_bad_configuration_says_what_is_wrong() {
    type Change = fn(&mut Config);
    let cases: [(Change, &str); 6] = [
        (
            |c| c.controller_url = "http://127.0.0.1:1".into(),
            "only https",
        ),
        (
            |c| c.controller_url = "https://127.0.0.1:1/x".into(),
            "must not have a path",
        ),
        (|c| c.controller_url = "not a url".into(), "not a URL"),
        (|c| c.tls_cert_pem = Vec::new(), "console certificate"),
        (|c| c.tls_key_pem = Vec::new(), "console key"),
        (
            |c| c.controller_ca_pem = b"x".to_vec(),
            "controller certificate",
        ),
    ];
    let ours = identity();
    for (change, want) in cases {
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), "https://127.0.0.1:1");
        config.controller_ca_pem = ours.cert_pem.clone().into();
        config.tls_cert_pem = ours.cert_pem.clone().into();
        config.tls_key_pem = ours.key_pem.clone().into();
        change(&mut config);
        let error = bind(config).await.err().expect(want).to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let stand = stand().await;
    let ours = identity();
    let mut config = Config::new(stand.address, "https://127.0.0.1:1");
    config.controller_ca_pem = ours.cert_pem.clone().into();
    config.tls_cert_pem = ours.cert_pem.into();
    config.tls_key_pem = ours.key_pem.into();
    let error = bind(config).await.err().unwrap();
    assert!(matches!(error, ServeError::Listen { addr, .. } if addr == stand.address));
    assert!(error.to_string().contains(&stand.address.to_string()));
    assert!(error.source().is_some());
}
