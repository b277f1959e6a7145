//! What real clients send and read, noun by noun.

use super::{Api, fixture, has};
use crate::world::{NODE, START};
use rampart_model::{Mode, Verdict};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_container_as_clients_know_it() {
    let api = fixture::everything().await;
    let workload = api.admin.get("/v1/workload/web-id").await.ok()["workload"].clone();
    for (field, expected) in [
        ("id", json!("web-id")),
        ("name", json!("web-1")),
        ("display_name", json!("web-1")),
        ("domain", json!("shop")),
        ("service", json!("web.shop")),
        ("service_group", json!("nv.web.shop")),
        ("state", json!("discover")),
        ("policy_mode", json!("Discover")),
        ("host_id", json!("n1")),
        ("running", json!(true)),
        ("created_at", json!("2025-12-31T23:59:58Z")),
        ("started_at", json!("2025-12-31T23:59:59Z")),
        ("finished_at", json!("")),
        (
            "interfaces",
            json!({"eth0": [{"ip": "10.0.0.2", "ip_prefix": 24, "gateway": ""}]}),
        ),
        (
            "ports",
            json!([{"ip_proto": 6, "port": 80, "host_ip": "", "host_port": 8080}]),
        ),
        ("groups", json!(["nv.web.shop", "front", "containers"])),
        (
            "mounts",
            json!([{"source": "/srv", "destination": "/data", "read_only": true}]),
        ),
        ("service_mesh_sidecar", json!(false)),
    ] {
        assert_eq!(workload[field], expected, "{field}");
    }
    let v2 = api.admin.get("/v2/workload/web-id").await.ok()["workload"].clone();
    for field in [
        "brief.id",
        "brief.service_group",
        "security.policy_mode",
        "security.scan_summary.status",
        "rt_attributes.interfaces.eth0",
        "misc.groups.0",
        "enforcer_id",
        "secured_at",
    ] {
        has(&v2, field);
    }
    let some = api
        .admin
        .post("/v2/workload", &json!({"ids": ["web-id", "gone"]}))
        .await
        .ok();
    assert_eq!(some["workloads"].as_array().unwrap().len(), 1);
    let brief = api
        .admin
        .get("/v1/workload?brief=true&f_name=web-1")
        .await
        .ok()["workloads"][0]
        .clone();
    assert_eq!(
        (&brief["service"], brief.get("labels")),
        (&json!("web.shop"), None)
    );
    let process = api.admin.get("/v1/workload/web-id/process").await.ok()["processes"][0].clone();
    assert_eq!(
        (&process["pid"], &process["name"]),
        (&json!(7), &json!("nginx"))
    );
    for field in ["path", "cwd", "started_at", "cmdline", "action"] {
        has(&process, field);
    }
}

#[tokio::test]
async fn quarantine_is_set_shown_and_ended() {
    let api = Api::shop().await;
    api.admin
        .patch(
            "/v1/workload/web-id",
            &json!({"config": {"quarantine": true}}),
        )
        .await
        .ok();
    let config = api.admin.get("/v1/workload/web-id/config").await.ok();
    assert_eq!(
        config["config"],
        json!({"wire": "default", "quarantine": true, "quarantine_reason": "user-configured"})
    );
    assert_eq!(
        api.admin.get("/v1/workload/web-id").await.ok()["workload"]["state"],
        "quarantined"
    );
    api.admin
        .post(
            "/v1/system/request",
            &json!({"request": {"unquarantine": {"group": "nv.api.shop"}}}),
        )
        .await
        .ok();
    assert_eq!(
        api.admin.get("/v1/workload/web-id/config").await.ok()["config"]["quarantine"],
        true
    );
    api.admin
        .post(
            "/v1/system/request",
            &json!({"request": {"unquarantine": {"group": "nv.web.shop"}}}),
        )
        .await
        .ok();
    assert_eq!(
        api.admin.get("/v1/workload/web-id/config").await.ok()["config"]["quarantine"],
        false
    );
    assert_eq!(
        api.admin
            .patch(
                "/v1/workload/web-id",
                &json!({"config": {"wire": "inline"}})
            )
            .await
            .code(),
        (400, 4)
    );
}

#[tokio::test]
async fn groups_are_made_changed_and_deleted() {
    let api = Api::shop().await;
    let config = json!({"config": {"name": "front", "comment": "faces out", "criteria": [{"key": "service", "op": "=", "value": "web.shop"}, {"key": "domain", "op": "=", "value": "shop"}], "cfg_type": "user_created", "monitor_metric": true, "group_sess_cur": 5}});
    api.admin.post("/v1/group", &config).await.ok();
    assert_eq!(api.admin.post("/v1/group", &config).await.code(), (400, 13));
    let group = api.admin.get("/v1/group/front?with_cap=true").await.ok()["group"].clone();
    for (field, expected) in [
        ("comment", json!("faces out")),
        ("cfg_type", json!("user_created")),
        ("kind", json!("container")),
        ("learned", json!(false)),
        ("monitor_metric", json!(true)),
        ("group_sess_cur", json!(5)),
        ("cap_change_mode", json!(false)),
        ("response_rules", json!([])),
    ] {
        assert_eq!(group[field], expected, "{field}");
    }
    assert_eq!(group["criteria"].as_array().unwrap().len(), 2);
    api.admin.patch("/v1/group/front", &json!({"config": {"name": "front", "criteria": [{"key": "service", "op": "contains", "value": "a"}]}})).await.ok();
    assert_eq!(
        api.admin.get("/v1/group/front").await.ok()["group"]["criteria"][0]["op"],
        "contains"
    );
    for (body, code) in [
        (
            json!({"config": {"name": "bad", "criteria": [{"key": "service", "op": "~", "value": "x"}]}}),
            (400, 6),
        ),
        (json!({"config": {"name": "", "criteria": []}}), (400, 15)),
        (
            json!({"config": {"name": "f", "cfg_type": "federal"}}),
            (400, 4),
        ),
        (
            json!({"config": {"name": "huge", "criteria": vec![json!({"key": "service", "op": "=", "value": "x"}); 65]}}),
            (400, 6),
        ),
    ] {
        assert_eq!(
            api.admin.post("/v1/group", &body).await.code(),
            code,
            "{body}"
        );
    }
    let learned = api.admin.get("/v1/group/nv.web.shop").await.ok()["group"].clone();
    assert_eq!(
        learned["criteria"],
        json!([{"key": "service", "value": "web.shop", "op": "="}, {"key": "domain", "value": "shop", "op": "="}])
    );
    assert_eq!(
        (&learned["policy_mode"], &learned["members"][0]["id"]),
        (&json!("Discover"), &json!("web-id"))
    );
    api.admin.delete("/v1/group/front").await.ok();
    assert_eq!(api.admin.get("/v1/group/front").await.code(), (404, 7));
    assert_eq!(
        api.admin.delete("/v1/group/external").await.code(),
        (403, 46)
    );
}

#[tokio::test]
async fn nodes_say_what_they_can_prevent() {
    let api = fixture::everything().await;
    for (path, key) in [("/v1/enforcer/n1", "enforcer"), ("/v1/host/n1", "host")] {
        let node = api.admin.get(path).await.ok()[key].clone();
        assert_eq!(
            (&node["tier"], &node["counters"]["events_received"]),
            (&json!("fanotify"), &json!(7)),
            "{path}"
        );
        let capability = json!({"name": "exec", "mechanism": "fanotify", "strength": "deny", "note": "bpf is not in lsm="});
        assert_eq!(node["capabilities"], json!([capability]), "{path}");
        assert_eq!(node["reasons"], json!(["bpf is not in lsm="]), "{path}");
    }
    let stats = api.admin.get("/v1/enforcer/n1/stats").await.ok();
    assert_eq!(
        (
            &stats["stats"]["span_1"]["cpu"],
            &stats["stats"]["span_1"]["memory"]
        ),
        (&json!(0.01), &json!(64 << 20))
    );
    let alerts = api.admin.get("/v1/system/alerts").await.ok()["acceptable_alerts"]["other_alerts"]
        ["data"]
        .clone();
    assert!(
        alerts
            .as_array()
            .unwrap()
            .iter()
            .any(|a| a["message"] == "node-1 counts 1 of events_dropped"),
        "{alerts}"
    );
    let controller = api.admin.get("/v1/controller").await.ok()["controllers"][0].clone();
    assert_eq!(
        (
            &controller["id"],
            &controller["leader"],
            &controller["connection_state"]
        ),
        (&json!("c1"), &json!(true), &json!("connected"))
    );
    assert_eq!(api.admin.get("/v1/enforcer/none").await.code(), (404, 7));
}

#[tokio::test]
async fn the_map_in_both_forms() {
    let api = fixture::everything().await;
    let map = api.admin.get("/v1/conversation").await.ok();
    let find = |map: &Value, to: &str| {
        map["conversations"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["to"] == to || c["to"]["id"] == to)
            .unwrap()
            .clone()
    };
    let inside = find(&map, "api-id");
    assert_eq!(
        (&inside["from"], &inside["bytes"], &inside["ports"]),
        (&json!("web-id"), &json!(30), &json!(["tcp/8080"]))
    );
    assert_eq!(
        find(&map, "external")["policy_action"],
        Verdict::Violate.name()
    );
    let verbose = api.admin.get("/v1/conversation?verbose=true").await.ok();
    let inside = find(&verbose, "api-id");
    assert_eq!(
        (&inside["from"]["service"], &inside["entries"][0]["port"]),
        (&json!("web.shop"), &json!("tcp/8080"))
    );
    let pair = api.admin.get("/v1/conversation/web-id/api-id").await.ok()["conversation"].clone();
    assert_eq!(
        (
            &pair["entries"][0]["client_ip"],
            &pair["entries"][0]["server_ip"]
        ),
        (&json!("10.0.0.2"), &json!("10.0.0.3"))
    );
    let kinds = api
        .admin
        .get("/v1/conversation_endpoint?s_id=asc")
        .await
        .ok();
    let kind = |id: &str| {
        kinds["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["id"] == id)
            .map(|e| e["kind"].clone())
    };
    assert_eq!(
        (kind("web-id"), kind("external")),
        (Some(json!("container")), Some(json!("external")))
    );
    api.admin
        .patch(
            "/v1/conversation_endpoint/web-id",
            &json!({"config": {"id": "web-id", "display_name": "shop front"}}),
        )
        .await
        .ok();
    let named = api
        .admin
        .get("/v1/conversation_endpoint?f_id=web-id")
        .await
        .ok();
    assert_eq!(named["endpoints"][0]["display_name"], "shop front");
    let session = api
        .admin
        .get("/v1/session?f_workload=web-id&f_enforcer=n1")
        .await
        .ok()["sessions"]
        .clone();
    assert_eq!(session.as_array().unwrap().len(), 2);
    api.admin
        .delete("/v1/conversation/web-id/api-id")
        .await
        .ok();
    assert_eq!(
        api.admin.get("/v1/conversation").await.ok()["conversations"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    api.admin.delete("/v1/conversation").await.ok();
    assert_eq!(
        api.admin.get("/v1/conversation").await.ok()["conversations"],
        json!([])
    );
}

#[tokio::test]
async fn records_as_the_exporter_reads_them() {
    let api = fixture::everything().await;
    let incident = api.admin.get("/v1/log/incident").await.ok()["incidents"][0].clone();
    for (field, expected) in [
        ("id", json!("i-1")),
        ("name", json!("Process.Profile.Violation")),
        ("level", json!("Critical")),
        ("reported_timestamp", json!(START / 1000 + 10)),
        ("reported_at", json!("2026-01-01T00:00:10Z")),
        ("workload_id", json!("web-id")),
        ("workload_domain", json!("shop")),
        ("proc_cmd", json!("sh -c id")),
        ("proc_parent_name", json!("nginx")),
        ("action", json!("deny")),
        ("mechanism", json!("fanotify")),
        ("server_ip", json!("203.0.113.9")),
        ("server_port", json!(4444)),
        ("conn_ingress", json!(false)),
        ("file_name", json!([])),
    ] {
        assert_eq!(incident[field], expected, "{field}");
    }
    let violation = api.admin.get("/v1/log/violation").await.ok()["violations"][0].clone();
    for (field, expected) in [
        ("client_id", json!("web-id")),
        ("server_id", json!("external")),
        ("server_port", json!(443)),
        ("ip_proto", json!(6)),
        ("policy_action", json!("deny")),
        ("policy_id", json!(0)),
        ("applications", json!(["SSL"])),
        ("mechanism", json!("cgroup-sock")),
    ] {
        assert_eq!(violation[field], expected, "{field}");
    }
    let listed = api.admin.get("/v1/log/threat").await.ok()["threats"][0].clone();
    let shown = api.admin.get("/v1/log/threat/t-1").await.ok()["threat"].clone();
    assert_eq!(
        (&listed["packet"], &shown["packet"], &shown["cap_len"]),
        (&json!(""), &json!("R0VUIC8="), &json!(5))
    );
    let audit = api.admin.get("/v1/log/audit").await.ok()["audits"][0].clone();
    assert_eq!(
        (&audit["high_vul_cnt"], &audit["items"][0]),
        (&json!(1), &json!("D.5.4 privileged"))
    );
    let security = api.admin.get("/v1/log/security").await.ok();
    for key in ["incidents", "violations", "threats"] {
        assert_eq!(security[key].as_array().unwrap().len(), 1, "{key}");
    }
    let most =
        api.admin.get("/v1/log/violation/workload").await.ok()["violation_workloads"].clone();
    assert_eq!(
        (&most[0]["count"], &most[0]["workload"]["name"]),
        (&json!(1), &json!("web-1"))
    );
    assert_eq!(api.admin.get("/v1/log/threat/i-1").await.code(), (404, 7));
}

/// Changes are gathered before they are published. In that gap a node on the last published policy
/// was reported as up to date, although the change was not in force anywhere.
#[tokio::test]
async fn a_change_that_is_not_published_yet_is_not_in_force() {
    let api = Api::shop().await;
    let published = api.world.policy().await.revision;
    api.world.node.holds.store(published, Ordering::SeqCst);
    let path = format!("/v1/enforcer/{NODE}/probe_summary");
    let before = api.admin.get(&path).await.ok();
    assert_eq!(before["summary"]["policy_in_force"], true, "{before}");
    api.world.set_mode("web.shop", Mode::Protect).await;
    let after = api.admin.get(&path).await.ok();
    assert_eq!(after["summary"]["policy_in_force"], false, "{after}");
}
