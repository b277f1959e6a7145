//! Changes arrive as they happen, to whom they may.

use super::Api;
use rampart_controller::auth::Role;
use rampart_model::Mode;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// The `data:` lines of a stream, as they come.
struct Events(BufReader<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>);

impl Events {
    async fn open(client: &super::Client, query: &str) -> Self {
        let mut stream = client.tls().await;
        let head = format!(
            "GET /v1/live{query} HTTP/1.1\r\nhost: localhost\r\nx-auth-token: {}\r\naccept-encoding: gzip\r\n\r\n",
            client.token
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut events = Self(BufReader::new(stream));
        assert_eq!(events.line().await, "HTTP/1.1 200 OK");
        while !events.line().await.starts_with(':') {}
        events
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(Duration::from_secs(30), self.0.read_line(&mut line));
        read.await.expect("nothing came").unwrap();
        line.trim_end().to_owned()
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            let read =
                tokio::time::timeout(Duration::from_secs(30), self.0.read_line(&mut line)).await;
            if read.expect("nothing came").unwrap_or(0) == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn changes_are_told_at_once() {
    let api = Api::shop().await;
    let mut events = Events::open(&api.admin, "?kind=group").await;
    api.world.set_mode("web.shop", Mode::Monitor).await;
    let event = events.next().await.unwrap();
    assert_eq!(event["kind"], "group");
    assert!(event["id"] == "nv.web.shop" || event["id"] == "", "{event}");
}

#[tokio::test]
async fn another_domain_is_not_mentioned() {
    let api = Api::shop().await;
    let otto = api
        .user("otto", Role::None, &[("reader", &["office"])])
        .await;
    let mut events = Events::open(&otto, "?kind=workload").await;
    let mut mail = crate::world::workload("mail");
    mail.domain = "office".into();
    let reports = [crate::world::workload("cart"), mail]
        .map(|w| rampart_model::Report::Workload(Box::new(w)));
    api.world.ingest(reports.to_vec()).await;
    assert_eq!(
        events.next().await.unwrap(),
        json!({"kind": "workload", "id": "mail-id"})
    );
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let api = Api::shop().await;
    let rita = api.user("rita", Role::Reader, &[]).await;
    let mut events = Events::open(&rita, "").await;
    rita.delete("/v1/auth").await.ok();
    api.world.set_mode("web.shop", Mode::Monitor).await;
    while events.next().await.is_some() {}
    assert_eq!(api.client().get("/v1/live").await.code(), (401, 3));
}
