//! Detection rules of the nodes: where they are live, what they matched, and what is shown of it.

use super::{Api, has};
use crate::world::{NODE, START};
use rampart_controller::auth::Role;
use rampart_model::{
    DetectionRule, DetectionStats, LogBody, LogLevel, LogRecord, Node, NodeStats, Report,
    RuleState, Timestamp,
    detection::RuleHits,
    event::{Incident, Subject, WorkloadRef},
};
use serde_json::{Value, json};

pub(crate) const SHELL: &str = "Shell in a container / with a terminal";

fn rule(name: &str, priority: &str, state: RuleState, reason: &str) -> DetectionRule {
    DetectionRule {
        name: name.into(),
        description: format!("{name}, described"),
        priority: priority.into(),
        tags: vec!["container".into(), "T1059".into(), "T1059.004".into()],
        condition: "spawned_process and container and shell".into(),
        output: "shell %proc.name".into(),
        file: "execution.yaml".into(),
        line: 12,
        events: vec!["execve".into(), "execveat".into()],
        state,
        reason: reason.into(),
    }
}

/// Reports of the world's node.
pub(crate) fn reports() -> Vec<Report> {
    let hits = RuleHits {
        count: 3,
        last: Timestamp(START + 60_000),
    };
    let stats = NodeStats {
        at: Timestamp(START),
        detection: DetectionStats {
            events: 41,
            kinds: [("openat".to_owned(), 40), ("execve".to_owned(), 1)].into(),
            matched: [("Critical".to_owned(), 3)].into(),
            hits: [(SHELL.to_owned(), hits)].into(),
        },
        ..NodeStats::default()
    };
    vec![
        Report::DetectionRules(vec![
            rule(SHELL, "Critical", RuleState::Live, ""),
            rule(
                "Read of a secret",
                "Warning",
                RuleState::Silent,
                "it waits for open",
            ),
            rule(
                "Noise",
                "Debug",
                RuleState::Off,
                "it is turned off where it is written",
            ),
        ]),
        Report::Stats(stats),
    ]
}

pub(crate) fn matched(uid: &str, domain: &str, rule: &str) -> LogRecord {
    LogRecord {
        uid: uid.into(),
        at: Timestamp(START + 50_000),
        level: LogLevel::Critical,
        name: "Detection.Rule.Matched".into(),
        message: format!("{rule}: shell sh"),
        node: NODE.into(),
        node_name: "node-1".into(),
        workload: Some(WorkloadRef {
            id: format!("{domain}-id").as_str().into(),
            domain: domain.into(),
            ..WorkloadRef::default()
        }),
        body: LogBody::Incident(Box::new(Incident {
            rule_id: rule.into(),
            process: Subject {
                name: "sh".into(),
                ancestors: vec!["nginx".into()],
                ..Subject::default()
            },
            count: 1,
            ..Incident::default()
        })),
    }
}

async fn api() -> Api {
    let api = Api::shop().await;
    let node = Node {
        name: "node-1".into(),
        ..Node::default()
    };
    api.world.ingest(vec![Report::Node(Box::new(node))]).await;
    api.world.ingest(reports()).await;
    let records = vec![
        matched("d-1", "shop", SHELL),
        matched("d-2", "bank", SHELL),
        matched("d-3", "shop", "Rule that is gone"),
    ];
    api.world.app.record(records).await.unwrap();
    api
}

#[tokio::test]
async fn rules_are_listed_with_where_they_work_and_what_they_found() {
    let api = api().await;
    let rules = api.admin.get("/v1/detection/rule").await.ok()["rules"].clone();
    let names: Vec<_> = rules
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["name"])
        .collect();
    assert_eq!(names, ["Noise", "Read of a secret", SHELL]);
    let shell = &rules[2];
    for (field, expected) in [
        ("priority", json!("Critical")),
        ("techniques", json!(["T1059", "T1059.004"])),
        ("file", json!("execution.yaml")),
        ("line", json!(12)),
        ("enabled", json!(true)),
        ("state", json!("live")),
        ("reason", json!("")),
        ("hits", json!(3)),
        ("incidents", json!(2)),
        ("last_seen_timestamp", json!((START + 60_000) / 1000)),
    ] {
        assert_eq!(shell[field], expected, "{field}");
    }
    assert_eq!(
        shell["nodes"],
        json!([{"id": NODE, "name": "node-1", "state": "live", "reason": "", "hits": 3}])
    );
    let silent = &rules[1];
    assert_eq!(
        (&silent["state"], &silent["reason"], &silent["last_seen_at"]),
        (&json!("silent"), &json!("it waits for open"), &json!(""))
    );
    assert_eq!(
        (&rules[0]["enabled"], &rules[0]["state"]),
        (&json!(false), &json!("off"))
    );
    let found = api
        .admin
        .get("/v1/detection/rule?f_state=silent&f_priority=Warning")
        .await
        .ok();
    assert_eq!(found["rules"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_rule_tells_its_condition_and_only_incidents_the_caller_may_see() {
    let api = api().await;
    let path = "/v1/detection/rule/Shell%20in%20a%20container%20%2F%20with%20a%20terminal";
    let shown = api.admin.get(path).await.ok()["rule"].clone();
    assert_eq!(
        shown["condition"],
        "spawned_process and container and shell"
    );
    has(&shown, "description");
    let ids = |rule: &Value| {
        let recent = rule["recent"].as_array().unwrap().iter();
        let mut ids: Vec<_> = recent
            .map(|i| i["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&shown), ["d-1", "d-2"]);
    assert_eq!(shown["recent"][0]["proc_ancestors"], json!(["nginx"]));
    let reader = api.user("rita", Role::Reader, &[]).await;
    assert_eq!(ids(&reader.get(path).await.ok()["rule"]), ["d-1", "d-2"]);
    let none = api
        .user("shopper", Role::None, &[("reader", &["shop"])])
        .await;
    assert_eq!(none.get(path).await.code().0, 403);
    assert_eq!(
        api.admin.get("/v1/detection/rule/none").await.code(),
        (404, 7)
    );
}

#[tokio::test]
async fn new_rules_replace_the_old_ones_and_figures_are_metrics() {
    let api = api().await;
    let metrics = api.admin.get("/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "rampart_detection_events_total{node=\"node-1\"} 41",
        "rampart_detection_events_by_type_total{node=\"node-1\",type=\"openat\"} 40",
        "rampart_detection_matches_total{node=\"node-1\",priority=\"Critical\"} 3",
        "rampart_detection_rules{node=\"node-1\",state=\"live\"} 1",
        "rampart_detection_rules{node=\"node-1\",state=\"silent\"} 1",
        "rampart_detection_rules{node=\"node-1\",state=\"off\"} 1",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
    api.world
        .ingest(vec![Report::DetectionRules(Vec::new())])
        .await;
    let rules = api.admin.get("/v1/detection/rule").await.ok();
    assert_eq!(rules["rules"], json!([]));
}
