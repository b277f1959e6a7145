//! What clients change: rules, profiles, modes, settings, users.

use super::{Api, fixture};
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
