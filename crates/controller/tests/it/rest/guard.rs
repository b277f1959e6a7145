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
            (Method::POST, "/v1/whatif"),
            (Method::POST, "/v1/scan/workloads/scan_report"),
            (Method::POST, "/v1/scan/hosts/scan_report"),
            (Method::POST, "/v1/vulasset"),
        ]
    );
}

/// Two administrators of one domain each; `web`, `api` and `db` are in the first one's.
async fn neighbours(api: &Api) -> (Client, Client) {
    let change = rampart_controller::app::ServiceChange::default();
    api.world
        .app
        .create_service("mail", "office", "", change)
        .await
        .unwrap();
    let inside = api.user("ina", Role::None, &[("admin", &["shop"])]).await;
    (
        inside,
        api.user("otto", Role::None, &[("admin", &["office"])])
            .await,
    )
}

/// Something of the domain `shop` to ask an endpoint for; `None` where ids are made at run time,
/// which tests of those lists cover.
fn thing_of_shop(path: &str) -> Option<&'static str> {
    let made = [
        "/log/",
        "/policy/",
        "_rules",
        "/conversation/",
        "/scan/vulnerability/",
    ];
    match path {
        p if made.iter().any(|part| p.contains(part)) => None,
        p if p.contains("/workload/") => Some("web-id"),
        p if p.contains("/service/") => Some("web.shop"),
        _ => Some("nv.web.shop"),
    }
}

#[tokio::test]
async fn who_has_one_domain_is_refused_elsewhere_by_every_endpoint() {
    let api = Api::shop().await;
    let (inside, outside) = neighbours(&api).await;
    let mut asked = 0;
    for endpoint in ENDPOINTS {
        let (status, body) = match endpoint.need {
            Need::Read(_) | Need::Write(_) => knock(&inside, endpoint, "x").await,
            Need::ReadDomain(_) | Need::WriteDomain(_) if endpoint.path.contains('{') => {
                let Some(fill) = thing_of_shop(endpoint.path) else {
                    continue;
                };
                knock(&outside, endpoint, fill).await
            }
            _ => continue,
        };
        asked += 1;
        // An empty body is looked at first where one is needed; the right one is tried below.
        let body_first = status == 400 && endpoint.verb.method() != Method::GET;
        let refused = (status, &body["code"]) == (403, &json!(25));
        assert!(
            refused || body_first,
            "{:?} {}: {status} {body}",
            endpoint.verb,
            endpoint.path
        );
    }
    assert!(asked > 50, "{asked}");
    let profile = json!({"process_profile_config": {"process_change_list": [{"name": "sh", "path": "/bin/sh", "action": "allow"}]}});
    let files = json!({"config": {"add_filters": [{"filter": "/etc/passwd", "behavior": "monitor_change"}]}});
    let quarantine = json!({"config": {"quarantine": true}});
    for (path, body) in [
        ("/v1/process_profile/nv.web.shop", profile),
        ("/v1/file_monitor/nv.web.shop", files),
        ("/v1/group/nv.web.shop", json!({"config": {"comment": "x"}})),
        ("/v1/workload/web-id", quarantine),
        (
            "/v1/service/config",
            json!({"config": {"services": ["web.shop"], "policy_mode": "Monitor"}}),
        ),
    ] {
        assert_eq!(outside.patch(path, &body).await.code(), (403, 25), "{path}");
        assert_ne!(inside.patch(path, &body).await.status, 403, "{path}");
    }
    let every = json!({"config": {"policy_mode": "Monitor"}});
    assert_eq!(
        inside.patch("/v1/service/config", &every).await.code(),
        (403, 25)
    );
}

#[tokio::test]
async fn lists_show_the_domains_one_has() {
    let api = Api::shop().await;
    let (inside, outside) = neighbours(&api).await;
    for (client, path, key, column, expected) in [
        (
            &inside,
            "/v1/workload?s_id=asc",
            "workloads",
            "id",
            vec!["api-id", "db-id", "web-id"],
        ),
        (&outside, "/v1/workload", "workloads", "id", vec![]),
        (
            &outside,
            "/v1/group",
            "groups",
            "name",
            vec!["nv.mail.office"],
        ),
        (
            &outside,
            "/v1/service",
            "services",
            "name",
            vec!["mail.office"],
        ),
        (&inside, "/v1/domain", "domains", "name", vec!["shop"]),
        (
            &outside,
            "/v1/process_profile",
            "process_profiles",
            "group",
            vec!["nv.mail.office"],
        ),
        (&outside, "/v1/log/event", "events", "name", vec![]),
    ] {
        let list = client.get(path).await.ok();
        let rows: Vec<_> = list[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[column].as_str().unwrap())
            .collect();
        assert_eq!(rows, expected, "{path}");
    }
    let summary = outside.get("/v1/system/summary").await.ok()["summary"].clone();
    assert_eq!(
        (&summary["workloads"], &summary["hosts"]),
        (&json!(0), &json!(0))
    );
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
