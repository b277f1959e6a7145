//! Response rules, from the REST call to what enforcers are told and what the log keeps.

use super::Api;
use crate::world::{NODE, START, World};
use rampart_model::{
    LogBody, LogLevel, LogRecord, Report, Timestamp,
    event::{Incident, Subject, WorkloadRef},
};
use serde_json::{Value, json};

/// A process of a container against its profile.
fn incident(uid: &str, service: &str) -> LogRecord {
    let group = format!("nv.{service}.shop");
    LogRecord {
        uid: uid.into(),
        at: Timestamp(START + 1000),
        level: LogLevel::Warning,
        name: "Process.Profile.Violation".into(),
        message: "ncat is not in the profile".into(),
        node: NODE.into(),
        node_name: String::new(),
        workload: Some(WorkloadRef {
            id: format!("{service}-id").into(),
            ..WorkloadRef::default()
        }),
        body: LogBody::Incident(Box::new(Incident {
            group: group.as_str().into(),
            process: Subject {
                name: "ncat".into(),
                ..Subject::default()
            },
            ..Incident::default()
        })),
    }
}

async fn happens(world: &World, uid: &str, service: &str) {
    let record = Box::new(incident(uid, service));
    world.ingest(vec![Report::Record(record)]).await;
}

fn rule(action: &str) -> Value {
    json!({"event": "security-event", "group": "nv.web.shop", "actions": [action],
        "conditions": [{"type": "name", "value": "Process.Profile.Violation"}, {"type": "process", "value": "ncat"}]})
}

async fn insert(api: &Api, rule: Value) {
    let body = json!({"insert": {"rules": [rule]}});
    api.admin.patch("/v1/response/rule", &body).await.ok();
}

async fn quarantined(world: &World) -> Vec<String> {
    let policy = world.policy().await;
    policy.quarantined.iter().map(|id| id.to_string()).collect()
}

async fn ids(api: &Api) -> Vec<u64> {
    let rules = api.admin.get("/v1/response/rule").await.ok()["rules"].clone();
    let rows = rules.as_array().unwrap().iter();
    rows.map(|rule| rule["id"].as_u64().unwrap()).collect()
}

async fn incidents(world: &World) -> Vec<String> {
    let records = world.records().await.into_iter();
    let incidents = records.filter(|r| matches!(r.body, LogBody::Incident(_)));
    incidents.map(|r| r.uid).collect()
}

#[tokio::test]
async fn an_incident_cuts_its_container_off_until_it_is_released() {
    let api = Api::shop().await;
    insert(&api, rule("quarantine")).await;
    happens(&api.world, "i-0", "api").await;
    assert!(quarantined(&api.world).await.is_empty(), "another group");
    happens(&api.world, "i-1", "web").await;
    assert_eq!(quarantined(&api.world).await, ["web-id"]);
    assert_eq!(incidents(&api.world).await, ["i-0", "i-1"]);
    let config = api.admin.get("/v1/workload/web-id/config").await.ok()["config"].clone();
    assert_eq!(
        (&config["quarantine"], &config["quarantine_reason"]),
        (
            &json!(true),
            &json!("response rule 1: Process.Profile.Violation")
        )
    );
    let shown = api.admin.get("/v1/response/rule/1").await.ok()["rule"].clone();
    assert_eq!(
        (&shown["match_counter"], &shown["last_match_timestamp"]),
        (&json!(1), &json!(START / 1000))
    );
    let other = json!({"request": {"unquarantine": {"response_rule": 2}}});
    api.admin.post("/v1/system/request", &other).await.ok();
    assert_eq!(quarantined(&api.world).await, ["web-id"]);
    let request = json!({"request": {"unquarantine": {"response_rule": 1}}});
    api.admin.post("/v1/system/request", &request).await.ok();
    assert!(quarantined(&api.world).await.is_empty());
    // The node sends the same once more: it was acted on already.
    happens(&api.world, "i-1", "web").await;
    assert!(quarantined(&api.world).await.is_empty());
    happens(&api.world, "i-2", "web").await;
    assert_eq!(quarantined(&api.world).await, ["web-id"]);
    let metrics = api.admin.get("/metrics").await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    for line in [
        "rampart_response_matches_total 2",
        "rampart_response_actions_total{action=\"quarantine\"} 2",
    ] {
        assert!(text.contains(line), "no {line}");
    }
}

#[tokio::test]
async fn what_is_suppressed_is_counted_and_told_of() {
    let api = Api::shop().await;
    insert(&api, rule("suppress-log")).await;
    for uid in ["i-1", "i-1", "i-2"] {
        happens(&api.world, uid, "web").await;
    }
    happens(&api.world, "i-3", "db").await;
    assert_eq!(incidents(&api.world).await, ["i-3"]);
    let shown = api.admin.get("/v1/response/rule/1").await.ok()["rule"].clone();
    assert_eq!(shown["match_counter"], 2);
    let names = api.world.event_names().await;
    let told = names.iter().filter(|n| *n == "Response.Log.Suppressed");
    assert_eq!(told.count(), 1, "once an hour");
}

#[tokio::test]
async fn what_users_did_is_never_suppressed() {
    let api = Api::shop().await;
    let every = json!({"event": "event", "actions": ["suppress-log"]});
    insert(&api, every).await;
    let group = json!({"config": {"name": "front", "criteria": [{"key": "service", "op": "=", "value": "web"}]}});
    api.admin.post("/v1/group", &group).await.ok();
    let names = api.world.event_names().await;
    assert!(names.iter().filter(|n| *n == "RESTful.Write").count() >= 2);
    let lost = || api.world.app.agent_lost(&NODE.into());
    lost();
    crate::world::until("the event to be suppressed", || {
        api.world.app.response_totals().suppressed == 1
    })
    .await;
    let names = api.world.event_names().await;
    assert!(!names.iter().any(|n| n == "Enforcer.Disconnect"));
}

#[tokio::test]
async fn a_rule_that_is_off_does_nothing() {
    let api = Api::shop().await;
    insert(&api, rule("quarantine")).await;
    let off = json!({"config": {"id": 1, "disable": true}});
    api.admin.patch("/v1/response/rule/1", &off).await.ok();
    happens(&api.world, "i-1", "web").await;
    assert!(quarantined(&api.world).await.is_empty());
    let on = json!({"config": {"id": 1, "disable": false, "group": ""}});
    api.admin.patch("/v1/response/rule/1", &on).await.ok();
    happens(&api.world, "i-2", "db").await;
    assert_eq!(quarantined(&api.world).await, ["db-id"]);
}

#[tokio::test]
async fn the_list_is_ordered_and_survives_a_restart() {
    let api = Api::shop().await;
    for _ in 0..3 {
        insert(&api, rule("suppress-log")).await;
    }
    let edit = async |body: Value| api.admin.patch("/v1/response/rule", &body).await;
    edit(json!({"insert": {"after": 0, "rules": [{"id": 50, "event": "event", "actions": ["quarantine"]}]}}))
        .await
        .ok();
    edit(json!({"move": {"id": 1, "after": 2}})).await.ok();
    assert_eq!(ids(&api).await, [50, 2, 1, 3]);
    edit(json!({"delete": [2]})).await.ok();
    let again = api.world.again().await;
    let kept = again.app.response_rules();
    let numbers: Vec<u32> = kept.iter().map(|v| v.rule.id.0).collect();
    assert_eq!(numbers, [50, 1, 3]);
    happens(&again, "i-1", "web").await;
    assert!(incidents(&again).await.is_empty());
    api.admin.delete("/v1/response/rule/50").await.ok();
    assert_eq!(ids(&api).await, [1, 3]);
    api.admin.delete("/v1/response/rule").await.ok();
    assert!(ids(&api).await.is_empty());
    for body in [
        json!({"move": {"id": 9}}),
        json!({"delete": [9]}),
        json!({"insert": {"after": 9, "rules": [rule("quarantine")]}}),
    ] {
        assert_eq!(edit(body).await.code(), (404, 7));
    }
}

#[tokio::test]
async fn what_means_nothing_is_refused_with_what_would_be_right() {
    let api = Api::shop().await;
    let with = |field: &str, value: Value| {
        let mut rule = rule("quarantine");
        rule[field] = value;
        rule
    };
    let condition = |kind: &str, value: &str| json!([{"type": kind, "value": value}]);
    let long = "x".repeat(5000);
    for (rule, text) in [
        (with("event", json!("compliance")), "`compliance`"),
        (
            with("event", json!("admission-control")),
            "`admission-control`",
        ),
        (with("event", json!("serverless")), "`serverless`"),
        (with("event", json!("weather")), "security-event"),
        (with("event", json!("")), "needs `event`"),
        (with("actions", json!(["webhook"])), "no webhooks yet"),
        (with("actions", json!(["kill"])), "`kill`"),
        (
            with("actions", json!(["explode"])),
            "quarantine or suppress-log",
        ),
        (with("actions", json!([])), "needs an action"),
        (with("webhooks", json!(["slack"])), "no webhooks yet"),
        (with("group", json!("nobody")), "does not exist"),
        (with("cfg_type", json!("federal")), "federation"),
        (with("cfg_type", json!("ground")), "Kubernetes"),
        (with("id", json!(100_001)), "below 100000"),
        (with("comment", json!(long)), "1024"),
        (with("conditions", condition("name", &long)), "1024"),
        (with("conditions", condition("name", "")), "1 to 1024"),
        (
            with("conditions", condition("level", ".*(")),
            "one of Debug",
        ),
        (with("conditions", condition("regex", "(")), "cve-name"),
        (
            with("conditions", condition("cve-high", "5")),
            "no condition",
        ),
        (
            with(
                "conditions",
                json!([{"type": "name", "op": "regex", "value": "("}]),
            ),
            "op",
        ),
        (
            with(
                "conditions",
                json!(vec![json!({"type": "name", "value": "x"}); 300]),
            ),
            "256",
        ),
    ] {
        let body = json!({"insert": {"rules": [rule]}});
        let reply = api.admin.patch("/v1/response/rule", &body).await;
        let said = reply.json().to_string();
        assert!(reply.status.is_client_error(), "{said}");
        assert!(said.contains(text), "{said} does not say {text}");
    }
    for body in [json!({}), json!({"insert": {"rules": []}})] {
        let reply = api.admin.patch("/v1/response/rule", &body).await;
        assert_eq!(reply.status, 400);
    }
    assert!(ids(&api).await.is_empty());
    assert_eq!(api.admin.get("/v1/response/rule/x").await.status, 400);
    assert_eq!(api.admin.get("/v1/response/rule?scope=x").await.status, 400);
}

#[tokio::test]
async fn what_rules_can_hold_and_which_mean_a_container() {
    let api = Api::shop().await;
    let options = api.admin.get("/v1/response/options").await.ok();
    let security = &options["response_rule_options"]["security-event"];
    assert_eq!(security["types"], json!(["name", "level", "process"]));
    assert!(options["response_rule_options"]["compliance"].is_null());
    let body = json!({"config": rule("quarantine")});
    api.admin.post("/v1/response/rule", &body).await.ok();
    for (id, count) in [("web-id", 1), ("db-id", 0)] {
        let path = format!("/v1/response/workload_rules/{id}");
        let rules = api.admin.get(&path).await.ok()["rules"].clone();
        assert_eq!(rules.as_array().unwrap().len(), count, "{id}");
    }
    let office = api
        .user(
            "otto",
            rampart_controller::auth::Role::None,
            &[("admin", &["office"])],
        )
        .await;
    let refused = office.get("/v1/response/workload_rules/web-id").await;
    assert_eq!(refused.code(), (403, 25));
}
