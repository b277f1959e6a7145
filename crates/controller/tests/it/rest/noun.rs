//! What real clients send and read, noun by noun.

use super::{Api, fixture, has};
use crate::world::START;
use rampart_model::Verdict;
use serde_json::{Value, json};

/// Ids of the user's rules, in order.
async fn rule_ids(api: &Api) -> Vec<u64> {
    let rules = api
        .admin
        .get("/v1/policy/rule?f_cfg_type=user_created")
        .await
        .ok();
    rules["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["id"].as_u64().unwrap())
        .collect()
}

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
async fn modes_switch_for_network_and_profile_apart() {
    let api = Api::shop().await;
    let mode = async |service: &str| {
        let s = api.admin.get(&format!("/v1/service/{service}")).await.ok()["service"].clone();
        (
            s["policy_mode"].as_str().unwrap().to_owned(),
            s["profile_mode"].as_str().unwrap().to_owned(),
            s["baseline_profile"].as_str().unwrap().to_owned(),
        )
    };
    let patch =
        async |path: &str, config: Value| api.admin.patch(path, &json!({"config": config})).await;
    patch(
        "/v1/service/config",
        json!({"services": ["web.shop"], "policy_mode": "Monitor", "baseline_profile": null}),
    )
    .await
    .ok();
    assert_eq!(
        mode("web.shop").await,
        ("Monitor".into(), "Monitor".into(), "basic".into())
    );
    patch(
        "/v1/service/config/network",
        json!({"services": ["web.shop"], "policy_mode": "Protect"}),
    )
    .await
    .ok();
    patch("/v1/service/config/profile", json!({"services": ["web.shop"], "profile_mode": "Discover", "baseline_profile": "zero-drift"})).await.ok();
    assert_eq!(
        mode("web.shop").await,
        ("Protect".into(), "Discover".into(), "zero-drift".into())
    );
    assert_eq!(
        mode("api.shop").await,
        ("Discover".into(), "Discover".into(), "basic".into())
    );
    assert_eq!(
        patch(
            "/v1/service/config",
            json!({"services": [], "policy_mode": "Protect"})
        )
        .await
        .code(),
        (400, 6)
    );
    assert_eq!(
        patch(
            "/v1/service/config",
            json!({"services": ["none.shop"], "policy_mode": "Protect"})
        )
        .await
        .code(),
        (404, 7)
    );
    assert_eq!(
        patch(
            "/v1/service/config",
            json!({"services": ["web.shop"], "policy_mode": "Attack"})
        )
        .await
        .code(),
        (400, 6)
    );
    api.admin
        .post(
            "/v1/system/request",
            &json!({"request": {"policy_mode": "Monitor"}}),
        )
        .await
        .ok();
    assert_eq!(
        mode("api.shop").await,
        ("Monitor".into(), "Monitor".into(), "basic".into())
    );
    let summary = api.admin.get("/v1/system/summary").await.ok()["summary"].clone();
    assert_eq!(
        (
            &summary["services"],
            &summary["monitor_services"],
            &summary["running_workloads"]
        ),
        (&json!(3), &json!(3), &json!(3))
    );
    assert_eq!(
        (&summary["cvedb_version"], &summary["cvedb_create_time"]),
        (&json!("0.000"), &json!(""))
    );

    api.admin
        .post(
            "/v1/service",
            &json!({"config": {"name": "mail", "domain": "office"}}),
        )
        .await
        .ok();
    assert_eq!(
        api.admin.get("/v1/group/nv.mail.office").await.ok()["group"]["domain"],
        "office"
    );
}

#[tokio::test]
async fn network_rules_are_an_ordered_list() {
    let api = Api::shop().await;
    let rule = |from: &str, to: &str, ports: &str| json!({"id": 0, "from": from, "to": to, "ports": ports, "applications": ["any"], "action": "allow", "disable": false, "comment": null, "cfg_type": "user_created"});
    let edit = async |body: Value| api.admin.patch("/v1/policy/rule", &body).await;
    edit(json!({"insert": {"rules": [rule("nv.web.shop", "nv.api.shop", "tcp/80"), rule("nv.api.shop", "nv.db.shop", "tcp/5432")]}})).await.ok();
    let [a, b] = rule_ids(&api).await[..] else {
        panic!("two rules")
    };
    edit(json!({"insert": {"after": 0, "rules": [rule("nv.web.shop", "external", "any")]}}))
        .await
        .ok();
    let ids = rule_ids(&api).await;
    let first = ids[0];
    assert_eq!(ids, [first, a, b]);
    edit(json!({"move": {"after": b, "id": first}})).await.ok();
    assert_eq!(rule_ids(&api).await, [a, b, first]);
    edit(json!({"move": {"after": -i64::try_from(b).unwrap(), "id": first}}))
        .await
        .ok();
    assert_eq!(rule_ids(&api).await, [a, first, b]);
    edit(json!({"move": {"after": -i64::try_from(a).unwrap(), "id": b}}))
        .await
        .ok();
    assert_eq!(rule_ids(&api).await, [b, a, first]);
    edit(json!({"delete": [first]})).await.ok();
    assert_eq!(rule_ids(&api).await, [b, a]);

    let change = json!({"config": {"id": a, "ports": "tcp/80,udp/53-60,icmp", "applications": ["HTTP"], "action": "deny", "disable": true, "cfg_type": "user_created"}});
    api.admin
        .patch(&format!("/v1/policy/rule/{a}"), &change)
        .await
        .ok();
    let shown = api.admin.get(&format!("/v1/policy/rule/{a}")).await.ok()["rule"].clone();
    for (field, expected) in [
        ("from", json!("nv.web.shop")),
        ("ports", json!("tcp/80,udp/53-60,icmp")),
        ("applications", json!(["HTTP"])),
        ("action", json!("deny")),
        ("disable", json!(true)),
        ("learned", json!(false)),
        ("cfg_type", json!("user_created")),
        ("match_counter", json!(0)),
    ] {
        assert_eq!(shown[field], expected, "{field}");
    }
    for (body, code) in [
        (json!({}), (400, 6)),
        (json!({"insert": {"rules": []}}), (400, 6)),
        (
            json!({"insert": {"rules": [{"from": "nv.web.shop"}]}}),
            (400, 6),
        ),
        (
            json!({"insert": {"rules": [rule("nv.web.shop", "nv.api.shop", "tcp/99999")]}}),
            (400, 6),
        ),
        (json!({"move": {"after": -99999, "id": a}}), (404, 7)),
        (json!({"delete": [1], "move": {"id": 1}}), (400, 6)),
    ] {
        assert_eq!(edit(body.clone()).await.code(), code, "{body}");
    }
    assert_eq!(
        rule_ids(&api).await,
        [b, a],
        "a refused edit changes nothing"
    );
    edit(json!({"rules": [{"id": a}, {"id": b}]})).await.ok();
    assert_eq!(rule_ids(&api).await, [a, b]);
    api.admin.delete(&format!("/v1/policy/rule/{a}")).await.ok();
    api.admin.delete("/v1/policy/rule").await.ok();
    assert!(rule_ids(&api).await.is_empty());
}

#[tokio::test]
async fn profiles_are_read_and_edited() {
    let api = fixture::everything().await;
    let body = json!({"process_profile_config": {"group": "nv.web.shop", "process_change_list": [{"name": "curl", "path": "/usr/bin/curl", "user": "root", "action": "deny", "allow_update": true}], "baseline": "zero-drift"}});
    api.admin
        .patch("/v1/process_profile/nv.web.shop", &body)
        .await
        .ok();
    let profile =
        api.admin.get("/v1/process_profile/nv.web.shop").await.ok()["process_profile"].clone();
    assert_eq!(
        (&profile["baseline"], &profile["mode"]),
        (&json!("zero-drift"), &json!("Discover"))
    );
    let list = profile["process_list"].as_array().unwrap();
    let curl = list.iter().find(|p| p["name"] == "curl").unwrap();
    assert_eq!(
        (&curl["action"], &curl["cfg_type"], &curl["allow_update"]),
        (&json!("deny"), &json!("user_created"), &json!(true))
    );
    let uuid = curl["uuid"].as_str().unwrap();
    let used = api
        .admin
        .get(&format!("/v1/process_rules/{uuid}"))
        .await
        .ok()["process_rules"]
        .clone();
    assert_eq!(
        (
            &used[0]["group"],
            &used[0]["active"],
            &used[0]["rule"]["name"]
        ),
        (&json!("nv.web.shop"), &json!(1), &json!("curl"))
    );
    let delete = json!({"process_profile_config": {"process_delete_list": [{"name": "curl", "path": "/usr/bin/curl", "user": "root"}]}});
    api.admin
        .patch("/v1/process_profile/nv.web.shop", &delete)
        .await
        .ok();
    assert_eq!(
        api.admin
            .get(&format!("/v1/process_rules/{uuid}"))
            .await
            .code(),
        (404, 7)
    );
    let alerts = json!({"process_profile_config": {"alert_disabled": true}});
    assert_eq!(
        api.admin
            .patch("/v1/process_profile/nv.web.shop", &alerts)
            .await
            .code(),
        (400, 4)
    );

    let add = json!({"config": {"add_filters": [{"filter": "/etc/passwd", "recursive": false, "behavior": "block_access", "applications": ["/usr/sbin/useradd"]}]}});
    api.admin
        .patch("/v1/file_monitor/nv.web.shop", &add)
        .await
        .ok();
    let files =
        api.admin.get("/v1/file_monitor/nv.web.shop").await.ok()["profile"]["filters"].clone();
    let passwd = files
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["filter"] == "/etc/passwd")
        .unwrap();
    assert_eq!(
        (&passwd["behavior"], &passwd["applications"]),
        (&json!("block_access"), &json!(["/usr/sbin/useradd"]))
    );
    let bad = json!({"config": {"add_filters": [{"filter": "etc", "behavior": "block_access"}]}});
    assert_eq!(
        api.admin
            .patch("/v1/file_monitor/nv.web.shop", &bad)
            .await
            .code(),
        (400, 6)
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
async fn settings_in_both_versions() {
    let api = Api::new().await;
    let patch = json!({"config": {"new_service_policy_mode": "Protect", "cluster_name": "east"}, "net_config": {"net_service_status": true, "strict_group_mode": true}, "atmo_config": {"mode_auto_d2m": true, "mode_auto_d2m_duration": 7200}});
    api.admin.patch("/v1/system/config", &patch).await.ok();
    let v1 = api.admin.get("/v1/system/config").await.ok()["config"].clone();
    let v2 = api.admin.get("/v2/system/config").await.ok()["config"].clone();
    for (key, part, expected) in [
        ("new_service_policy_mode", "new_svc", json!("Protect")),
        ("cluster_name", "misc", json!("east")),
        ("net_service_status", "net_svc", json!(true)),
        ("strict_group_mode", "net_svc", json!(true)),
        ("mode_auto_d2m", "mode_auto", json!(true)),
        ("mode_auto_d2m_duration", "mode_auto", json!(7200)),
        ("syslog_status", "syslog", json!(false)),
        ("auth_order", "auth", json!(["local"])),
    ] {
        assert_eq!((&v1[key], &v2[part][key]), (&expected, &expected), "{key}");
    }
    // What a client read it may send back; what it cannot have it is told.
    api.admin
        .patch("/v1/system/config", &json!({"config": v1}))
        .await
        .ok();
    let v2_patch = json!({"config_v2": {"svc_cfg": {"new_service_policy_mode": "Monitor"}, "misc_cfg": {"unused_group_aging": 48}}});
    api.admin.patch("/v2/system/config", &v2_patch).await.ok();
    assert_eq!(
        api.admin.get("/v1/system/config").await.ok()["config"]["unused_group_aging"],
        48
    );
    for (body, code) in [
        (json!({"config": {"syslog_status": true}}), (400, 4)),
        (
            json!({"config": {"cluster_name": "west", "no_such": 1}}),
            (400, 6),
        ),
    ] {
        assert_eq!(
            api.admin.patch("/v1/system/config", &body).await.code(),
            code,
            "{body}"
        );
    }
    assert_eq!(
        api.admin.get("/v1/system/config").await.ok()["config"]["cluster_name"],
        "east",
        "all or nothing"
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

#[tokio::test]
async fn users_and_roles() {
    let api = Api::new().await;
    let user = json!({"user": {"fullname": "rita", "username": "rita", "password": "Sh0rt", "role": "reader"}});
    assert_eq!(api.admin.post("/v1/user", &user).await.code(), (400, 14));
    let user = json!({"user": {"fullname": "rita", "password": super::PASSWORD, "role": "none"}});
    assert_eq!(api.admin.post("/v1/user", &user).await.code(), (400, 6));
    let user = json!({"user": {"fullname": "rita", "password": super::PASSWORD, "role": "reader", "email": "rita@example.org", "timeout": 600}});
    api.admin.post("/v1/user", &user).await.ok();
    assert_eq!(api.admin.post("/v1/user", &user).await.code(), (400, 13));
    api.admin
        .patch(
            "/v1/user/rita/role/admin",
            &json!({"config": {"fullname": "rita", "role": "admin", "domains": ["shop"]}}),
        )
        .await
        .ok();
    let shown = api.admin.get("/v1/user/rita").await.ok()["user"].clone();
    assert_eq!(
        (
            &shown["role_domains"],
            &shown["timeout"],
            &shown["password"]
        ),
        (&json!({"admin": ["shop"]}), &json!(600), &json!(""))
    );
    api.admin
        .patch(
            "/v1/user/rita",
            &json!({"config": {"fullname": "rita", "role": "", "timeout": 0, "email": ""}}),
        )
        .await
        .ok();
    let shown = api.admin.get("/v1/user/rita").await.ok()["user"].clone();
    assert_eq!(
        (&shown["role"], &shown["timeout"], &shown["email"]),
        (&json!(""), &json!(600), &json!(""))
    );
    let users = api.admin.get("/v1/user?s_username=desc").await.ok();
    assert_eq!(
        (&users["users"][0]["username"], &users["domain_roles"]),
        (&json!("rita"), &json!(["admin", "reader"]))
    );
    let roles = api.admin.get("/v1/user_role").await.ok();
    let names: Vec<_> = roles["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["admin", "reader", "ciops"]);
    let options =
        api.admin.get("/v1/user_role_permission/options").await.ok()["options"]["global_options"]
            .clone();
    assert_eq!(options.as_array().unwrap().len(), 13);
    for (body, code) in [
        (
            json!({"config": {"name": "default", "min_len": 4}}),
            (400, 6),
        ),
        (
            json!({"config": {"name": "default", "active": false}}),
            (400, 4),
        ),
    ] {
        assert_eq!(
            api.admin
                .patch("/v1/password_profile/default", &body)
                .await
                .code(),
            code,
            "{body}"
        );
    }
    assert_eq!(
        api.admin
            .get("/v1/password_profile/nvsyspwdprofile")
            .await
            .ok()["pwd_profile"]["min_len"],
        8
    );
}
