//! Filters, order and pages, of lists in memory and of the kept records.

use super::{Api, fixture};
use crate::world::START;
use rampart_controller::auth::Role;
use rampart_model::{LogBody, LogLevel, LogRecord, Timestamp};
use serde_json::{Value, json};

/// The `name` (or `id`) of each row, joined.
async fn rows(client: &super::Client, path: &str, key: &str, column: &str) -> String {
    let body = client.get(path).await.ok();
    let rows = body[key].as_array().unwrap();
    rows.iter()
        .map(|row| row[column].as_str().unwrap_or_default().to_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn lists_know_the_query_language() {
    let api = Api::shop().await;
    for (query, expected) in [
        ("s_name=asc", "api-1 db-1 web-1"),
        ("s_name=desc&limit=2", "web-1 db-1"),
        ("s_name=asc&start=1&limit=1", "db-1"),
        ("s_name=asc&start=-1&limit=2", "db-1 web-1"),
        ("f_name=web-1", "web-1"),
        ("f_name=in,web|api&s_name=asc", "api-1 web-1"),
        ("f_name=prefix,d", "db-1"),
        (
            "f_running=true&f_domain=shop&f_name=neq,db-1&s_name=asc",
            "api-1 web-1",
        ),
        ("f_running=false", ""),
        ("f_labels.tier=api", "api-1"),
        ("f_exit_code=lt,1&s_name=asc", "api-1 db-1 web-1"),
    ] {
        assert_eq!(
            rows(
                &api.admin,
                &format!("/v1/workload?{query}"),
                "workloads",
                "name"
            )
            .await,
            expected,
            "{query}"
        );
    }
    let v2 = api
        .admin
        .get("/v2/workload?f_name=web-1&f_policy_mode=Discover")
        .await
        .ok();
    assert_eq!(v2["workloads"][0]["brief"]["id"], "web-id");
    assert_eq!(
        rows(
            &api.admin,
            "/v1/group?f_learned=true&f_reserved=false&s_name=asc",
            "groups",
            "name"
        )
        .await,
        "nv.api.shop nv.db.shop nv.web.shop"
    );
    assert_eq!(
        rows(
            &api.admin,
            "/v1/group?brief=true&f_kind=external",
            "groups",
            "name"
        )
        .await,
        "external"
    );
    assert_eq!(
        rows(&api.admin, "/v1/group?scope=fed", "groups", "name").await,
        ""
    );
}

#[tokio::test]
async fn records_are_filtered_by_the_names_on_the_wire() {
    let api = fixture::everything().await;
    for (query, expected) in [
        ("", "i-1"),
        ("f_proc_name=sh", "i-1"),
        ("f_proc_parent_path=prefix,/usr", "i-1"),
        ("f_proc_name=bash", ""),
        (
            "f_level=Critical&f_workload_id=web-id&f_group=nv.web.shop",
            "i-1",
        ),
        ("f_mechanism=fanotify", "i-1"),
        ("f_reported_timestamp=gte,1767225610", "i-1"),
        ("f_reported_timestamp=gt,1767225610", ""),
        ("f_reported_timestamp=lt,1767225610", ""),
        ("f_reported_timestamp=lte,1767225610", "i-1"),
        ("text=SH%20-C", "i-1"),
        ("group=nv.web.shop&workload=web-id", "i-1"),
    ] {
        assert_eq!(
            rows(
                &api.admin,
                &format!("/v1/log/incident?{query}"),
                "incidents",
                "id"
            )
            .await,
            expected,
            "{query}"
        );
    }
    assert_eq!(
        rows(
            &api.admin,
            "/v1/log/violation?f_client_id=web-id&f_server_port=443&f_policy_id=0",
            "violations",
            "id"
        )
        .await,
        "v-1"
    );
    assert_eq!(
        rows(
            &api.admin,
            "/v1/log/threat?f_severity=Critical&f_server_workload_name=web-1",
            "threats",
            "id"
        )
        .await,
        "t-1"
    );
}

#[tokio::test]
async fn pages_of_records_neither_repeat_nor_miss() {
    let api = Api::new().await;
    let record = |n: i64| LogRecord {
        uid: format!("e{n:03}"),
        at: Timestamp(START + n * 1000),
        level: LogLevel::Info,
        name: "Test.Event".into(),
        message: String::new(),
        node: String::new().into(),
        node_name: String::new(),
        workload: None,
        body: LogBody::Event(Default::default()),
    };
    api.world
        .app
        .record((0..25).map(record).collect())
        .await
        .unwrap();
    let base = "/v1/log/event?f_name=Test.Event";
    assert_eq!(
        rows(&api.admin, &format!("{base}&limit=3"), "events", "id").await,
        "e024 e023 e022"
    );
    assert_eq!(
        rows(
            &api.admin,
            &format!("{base}&start=3&limit=2"),
            "events",
            "id"
        )
        .await,
        "e021 e020"
    );
    assert_eq!(
        rows(
            &api.admin,
            &format!("{base}&start=-1&limit=2"),
            "events",
            "id"
        )
        .await,
        "e000 e001"
    );
    assert_eq!(
        rows(
            &api.admin,
            &format!("{base}&s_reported_timestamp=asc&limit=2"),
            "events",
            "id"
        )
        .await,
        "e000 e001"
    );
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{base}&limit=10&total=true{cursor}");
        let page = api.admin.get(&path).await.ok();
        assert_eq!(page["total"], 25);
        seen.extend(
            page["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["id"].clone()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 25);
    seen.dedup();
    assert_eq!(
        (seen.len(), &seen[0], &seen[24]),
        (25, &json!("e024"), &json!("e000"))
    );
}

#[tokio::test]
async fn a_histogram_counts_what_the_lists_show() {
    let api = fixture::everything().await;
    let from = START / 1000;
    let path = format!(
        "/v1/log/histogram?bucket=3600&f_reported_timestamp=gte,{from}&f_reported_timestamp=lte,{}",
        from + 7200
    );
    let bars = api.admin.get(&path).await.ok()["bars"].clone();
    let counts: Vec<(&Value, &Value, &Value)> = bars
        .as_array()
        .unwrap()
        .iter()
        .map(|b| (&b["timestamp"], &b["kind"], &b["count"]))
        .collect();
    for kind in ["incident", "violation", "threat"] {
        assert!(
            counts.contains(&(&json!(from), &json!(kind), &json!(1))),
            "{kind}: {bars}"
        );
    }
    let outsider = api
        .user("otto", Role::None, &[("reader", &["office"])])
        .await;
    assert_eq!(outsider.get(&path).await.ok()["bars"], json!([]));
    for list in ["incident", "violation", "threat", "security"] {
        let body = outsider.get(&format!("/v1/log/{list}")).await.ok();
        assert!(
            body.as_object()
                .unwrap()
                .values()
                .all(|rows| rows.as_array().is_none_or(Vec::is_empty)),
            "{list}: {body}"
        );
    }
    assert_eq!(outsider.get("/v1/log/incident/i-1").await.code(), (403, 25));
    let insider = api.user("ina", Role::None, &[("reader", &["shop"])]).await;
    assert_eq!(
        insider.get("/v1/log/incident").await.ok()["incidents"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
