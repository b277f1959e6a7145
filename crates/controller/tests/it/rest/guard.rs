//! Every endpoint of the table refuses who may not, and paths are forgiving.

use super::{Api, client::Client};
use hyper::Method;
use rampart_controller::{
    auth::Role,
    rest::{ENDPOINTS, Endpoint, Need},
};
use serde_json::{Value, json};

/// The path with its variable parts filled.
fn path(endpoint: &Endpoint, fill: &str) -> String {
    let parts = endpoint
        .path
        .split('/')
        .map(|part| if part.starts_with('{') { fill } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn knock(client: &Client, endpoint: &Endpoint, fill: &str) -> (u16, Value) {
    let body = if endpoint.verb.method() == Method::GET {
        Value::Null
    } else {
        json!({})
    };
    let reply = client
        .call(endpoint.verb.method(), &path(endpoint, fill), &body)
        .await;
    (reply.status.as_u16(), reply.json())
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let api = Api::new().await;
    let mut forged = api.client();
    forged.token = "0".repeat(43);
    for endpoint in ENDPOINTS.iter().filter(|e| e.need != Need::Open) {
        for client in [&api.client(), &forged] {
            let (status, body) = knock(client, endpoint, "x").await;
            assert_eq!(
                (status, &body["code"]),
                (401, &json!(3)),
                "{:?} {}",
                endpoint.verb,
                endpoint.path
            );
        }
    }
    let open: Vec<_> = ENDPOINTS
        .iter()
        .filter(|e| e.need == Need::Open)
        .map(|e| (e.verb.method(), e.path))
        .collect();
    assert_eq!(
        open,
        [(Method::POST, "/v1/auth"), (Method::GET, "/v1/eula")]
    );
}

#[tokio::test]
async fn a_reader_writes_nothing() {
    let api = Api::new().await;
    let reader = api.user("rita", Role::Reader, &[]).await;
    for endpoint in ENDPOINTS {
        let reads = !endpoint.need.writes();
        if reads {
            continue;
        }
        let (status, body) = knock(&reader, endpoint, "x").await;
        assert_eq!(
            (status, &body["code"]),
            (403, &json!(25)),
            "{:?} {}",
            endpoint.verb,
            endpoint.path
        );
    }
    // What changes something is marked so, but for one's own session and account.
    let unmarked: Vec<_> = ENDPOINTS
        .iter()
        .filter(|e| e.verb.method() != Method::GET && !e.need.writes() && e.need != Need::Open)
        .map(|e| (e.verb.method(), e.path))
        .collect();
    assert_eq!(
        unmarked,
        [
            (Method::PATCH, "/v1/auth"),
            (Method::DELETE, "/v1/auth"),
            (Method::PATCH, "/v1/user/{fullname}"),
            (Method::POST, "/v2/workload"),
        ]
    );
}

#[tokio::test]
async fn who_has_one_domain_sees_no_other_and_no_cluster() {
    let api = Api::shop().await;
    api.world
        .app
        .create_service(
            "mail",
            "office",
            "",
            rampart_controller::app::ServiceChange::default(),
        )
        .await
        .unwrap();
    let (inside, outside) = (
        api.user("ina", Role::None, &[("admin", &["shop"])]).await,
        api.user("otto", Role::None, &[("admin", &["office"])])
            .await,
    );
    for endpoint in ENDPOINTS {
        match endpoint.need {
            Need::Read(_) | Need::Write(_) => {
                let (status, body) = knock(&inside, endpoint, "x").await;
                assert_eq!(
                    (status, &body["code"]),
                    (403, &json!(25)),
                    "{:?} {}",
                    endpoint.verb,
                    endpoint.path
                );
            }
            Need::ReadDomain(_) | Need::WriteDomain(_) if endpoint.path.contains('{') => {
                let fill = match endpoint.path {
                    p if p.contains("/workload/") => "web-id",
                    p if p.contains("/service/") => "web.shop",
                    p if p.contains("/log/")
                        || p.contains("/policy/")
                        || p.contains("_rules")
                        || p.contains("/conversation/") =>
                    {
                        continue;
                    }
                    _ => "nv.web.shop",
                };
                let (status, body) = knock(&outside, endpoint, fill).await;
                let body_matters = status == 400 && endpoint.verb.method() != Method::GET;
                assert!(
                    body_matters || (status, &body["code"]) == (403, &json!(25)),
                    "{:?} {}: {status}",
                    endpoint.verb,
                    endpoint.path
                );
            }
            _ => {}
        }
    }
    for (client, names) in [
        (&inside, vec!["api-id", "db-id", "web-id"]),
        (&outside, vec![]),
    ] {
        let list = client.get("/v1/workload?s_id=asc").await.ok();
        let ids: Vec<_> = list["workloads"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| w["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, names);
    }
    let groups = outside.get("/v1/group").await.ok();
    let names: Vec<_> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| g["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["nv.mail.office"]);
    let profile = json!({"process_profile_config": {"group": "nv.web.shop", "process_change_list": [{"name": "sh", "path": "/bin/sh", "action": "allow"}]}});
    assert_eq!(
        outside
            .patch("/v1/process_profile/nv.web.shop", &profile)
            .await
            .code(),
        (403, 25)
    );
    inside
        .patch("/v1/process_profile/nv.web.shop", &profile)
        .await
        .ok();
    let modes =
        |services: Value| json!({"config": {"services": services, "policy_mode": "Monitor"}});
    assert_eq!(
        outside
            .patch("/v1/service/config", &modes(json!(["web.shop"])))
            .await
            .code(),
        (403, 25)
    );
    assert_eq!(
        inside
            .patch("/v1/service/config", &modes(Value::Null))
            .await
            .code(),
        (403, 25),
        "every service is not one's domain"
    );
    inside
        .patch("/v1/service/config", &modes(json!(["web.shop"])))
        .await
        .ok();
}

#[tokio::test]
async fn unknown_paths_and_methods_have_their_codes() {
    let api = Api::new().await;
    assert_eq!(api.admin.get("/v1/nonsense").await.code(), (404, 1));
    assert_eq!(api.admin.get("/").await.code(), (404, 1));
    assert_eq!(api.admin.delete("/v1/workload").await.code(), (405, 2));
    let head = api
        .admin
        .send(api.admin.request(Method::HEAD, "/v1/selfuser", ""))
        .await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert!(
        !api.world
            .event_names()
            .await
            .iter()
            .any(|name| name == "RESTful.Write"),
        "looking is no change"
    );
    assert_eq!(api.admin.get("/v1/workload/none").await.code(), (404, 7));
}

#[tokio::test]
async fn paths_are_forgiving_as_real_clients_need() {
    let api = Api::new().await;
    for path in [
        "/v1//workload",
        "/v1/workload/",
        "//v1///workload//",
        "/v1//workload?limit=1",
    ] {
        assert!(
            api.admin.get(path).await.ok()["workloads"].is_array(),
            "{path}"
        );
    }
    let mut client = api.client();
    client.token = client
        .post("/v1//auth", &super::sign_in("admin", super::PASSWORD, None))
        .await
        .token();
    api.admin
        .patch("/v1/domain/", &json!({"config": {"tag_per_domain": false}}))
        .await
        .ok();
}

#[tokio::test]
async fn every_change_and_every_refusal_is_kept() {
    let api = Api::shop().await;
    let reader = api.user("rita", Role::Reader, &[]).await;
    api.admin.post("/v1/group", &json!({"config": {"name": "front", "criteria": [{"key": "service", "op": "=", "value": "web"}]}})).await.ok();
    assert_eq!(reader.delete("/v1/group/front").await.code(), (403, 25));
    let log = api
        .admin
        .get("/v1/log/event?f_category=in,RESTFUL|AUTH&s_reported_timestamp=asc")
        .await
        .ok();
    let events = log["events"].as_array().unwrap();
    let write = events
        .iter()
        .find(|e| e["name"] == "RESTful.Write")
        .unwrap();
    assert_eq!(
        (
            &write["user"],
            &write["rest_method"],
            &write["rest_request"]
        ),
        (&json!("admin"), &json!("POST"), &json!("/v1/group"))
    );
    assert!(write["rest_body"].as_str().unwrap().contains("front"));
    assert_eq!(
        (&write["user_roles"], &write["user_addr"]),
        (&json!({"": "admin"}), &json!("127.0.0.1"))
    );
    let denied = events
        .iter()
        .find(|e| e["name"] == "User.Resource.Access.Denied")
        .unwrap();
    assert_eq!(
        (&denied["user"], &denied["level"]),
        (&json!("rita"), &json!("Warning"))
    );
}

#[tokio::test]
async fn metrics_need_a_credential() {
    let api = Api::shop().await;
    assert_eq!(api.client().get("/metrics").await.code(), (401, 3));
    let none = api.user("none", Role::CiOps, &[]).await;
    assert_eq!(none.get("/metrics").await.code(), (403, 25));
    api.admin.get("/v1/workload").await.ok();
    let body = json!({"apikey": {"apikey_name": "prometheus", "expiration_type": "never", "role": "reader"}});
    let secret = api.admin.post("/v1/api_key", &body).await.ok()["apikey"]["apikey_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut request = api.client().request(Method::GET, "/metrics", "");
    request.headers_mut().insert(
        "authorization",
        format!("Bearer prometheus:{secret}").parse().unwrap(),
    );
    let reply = api.client().send(request).await;
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    for line in [
        "rampart_workloads_running 3",
        "rampart_nodes 1",
        "rampart_http_requests_total{method=\"GET\",path=\"/v1/workload\",status=\"200\"} 1",
        "rampart_node_info{node=\"node-1\",tier=\"none\"} 1",
        "rampart_password_hashes_total",
        "# EOF",
    ] {
        assert!(text.contains(line), "no {line} in {text}");
    }
}
