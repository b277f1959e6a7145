//! What if: what was reported and kept, judged by a policy that is only tried out.

use super::Api;
use crate::world::{NODE, START, learned_process, talk};
use rampart_controller::auth::Role;
use rampart_model::{
    LogBody, LogLevel, LogRecord, Report, Timestamp, Verdict,
    event::{Incident, Subject, WorkloadRef},
};
use serde_json::{Value, json};

/// nginx was learned, ncat ran against the profile and web spoke to the database and the internet.
async fn lived_in() -> Api {
    let api = Api::shop().await;
    let incident = LogRecord {
        uid: "i-1".into(),
        at: Timestamp(START + 1000),
        level: LogLevel::Warning,
        name: "Process.Profile.Violation".into(),
        message: String::new(),
        node: NODE.into(),
        node_name: String::new(),
        workload: Some(WorkloadRef {
            id: "web-id".into(),
            ..WorkloadRef::default()
        }),
        body: LogBody::Incident(Box::new(Incident {
            group: "nv.web.shop".into(),
            process: Subject {
                name: "busybox".into(),
                path: "/bin/busybox".into(),
                user: "root".into(),
                ..Subject::default()
            },
            count: 3,
            ..Incident::default()
        })),
    };
    api.world
        .ingest(vec![
            learned_process("nv.web.shop", "nginx", "/usr/sbin/nginx"),
            Report::Conversations(vec![
                talk("web", "10.0.0.4", 6379, Verdict::Learn, 10),
                talk("web", "203.0.113.9", 443, Verdict::Learn, 10),
            ]),
            Report::Record(Box::new(incident)),
        ])
        .await;
    api
}

async fn ask(api: &Api, config: Value) -> Value {
    let body = json!({"config": config});
    api.admin.post("/v1/whatif", &body).await.ok()["what_if"].clone()
}

fn rows(answer: &Value) -> Vec<(&str, &str, &str, u64)> {
    let acts = answer["acts"].as_array().unwrap().iter();
    acts.map(|row| {
        (
            row["what"].as_str().unwrap(),
            row["before"].as_str().unwrap(),
            row["after"].as_str().unwrap(),
            row["count"].as_u64().unwrap(),
        )
    })
    .collect()
}

#[tokio::test]
async fn what_protect_would_deny_and_what_a_rule_would_spare() {
    let api = lived_in().await;
    let before = api.world.policy().await;
    let protect = ask(
        &api,
        json!({"group": "nv.web.shop", "profile_mode": "Protect"}),
    )
    .await;
    assert_eq!(rows(&protect), [("/bin/busybox", "learn", "deny", 3)]);
    let act = &protect["acts"][0];
    assert_eq!(
        (&act["kind"], &act["workloads"], &act["reason"]),
        (
            &json!("process"),
            &json!(["web-1"]),
            &json!("process is not in the profile")
        )
    );
    assert_eq!(
        (
            &protect["denied"],
            &protect["newly_denied"],
            &protect["members"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        (&protect["complete"], &protect["not_asked"]),
        (&json!(true), &json!([]))
    );
    let listed = json!({"name": "busybox", "path": "/bin/busybox", "action": "allow"});
    let spared =
        json!({"group": "nv.web.shop", "profile_mode": "Protect", "process_change_list": [listed]});
    assert_eq!(ask(&api, spared).await["denied"], 0);
    let deny = json!({"from": "nv.web.shop", "to": "external", "ports": "any", "action": "deny"});
    let cut = ask(
        &api,
        json!({"group": "nv.web.shop", "policy_mode": "Protect", "add_rules": [deny]}),
    )
    .await;
    let denied = rows(&cut);
    assert_eq!(denied, [("203.0.113.9 tcp/443", "allow", "deny", 1)]);
    assert_eq!(*api.world.policy().await, *before, "nothing was changed");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let api = lived_in().await;
    for (config, text) in [
        (json!({"group": "nobody"}), "does not exist"),
        (json!({"group": "external"}), "no containers"),
        (json!({"group": "containers", "mode": "Protect"}), "no mode"),
        (
            json!({"group": "nv.web.shop", "mode": "Strict"}),
            "Discover",
        ),
        (json!({"group": "nv.web.shop", "modes": "Protect"}), "modes"),
        (
            json!({"group": "nv.web.shop", "delete_rules": [77]}),
            "rule 77",
        ),
        (
            json!({"group": "nv.web.shop", "delete_rules": vec![1; 1001]}),
            "more than 1000",
        ),
        (
            json!({"group": "nv.web.shop", "process_delete_list": [{"name": "x", "path": ""}]}),
            "no process rule",
        ),
    ] {
        let body = json!({"config": config});
        let reply = api.admin.post("/v1/whatif", &body).await;
        let said = reply.json().to_string();
        assert!(reply.status.is_client_error(), "{said}");
        assert!(said.contains(text), "{said} does not say {text}");
    }
    let office = api
        .user("otto", Role::None, &[("admin", &["office"])])
        .await;
    let body = json!({"config": {"group": "nv.web.shop", "mode": "Protect"}});
    assert_eq!(office.post("/v1/whatif", &body).await.code(), (403, 25));
}
