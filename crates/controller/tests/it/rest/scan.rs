//! Scanning over the API, with a scanner that finds what it is told to.

use super::{Api, PASSWORD, client::Client, has};
use crate::{
    scanner::{self, info, work_off},
    world::START,
};
use hyper::Method;
use rampart_controller::auth::Role;
use rampart_model::{
    Report,
    scan_job::{Finished, GaveUp, TakeRequest, Taken},
};
use serde_json::{Value, json};

const SECRET: &str = "hunter2-of-the-registry";

fn registry() -> Value {
    json!({"config": {
        "registry_type": "Docker Registry", "name": "shop", "registry": "https://registry.example",
        "filters": ["shop/*:*"], "username": "ci", "password": SECRET, "auth_token": "tok-en-of-shop",
        "rescan_after_db_update": true, "scan_layers": true, "repo_limit": 0, "tag_limit": 20,
        "schedule": {"schedule": "manual", "interval": 300}, "jfrog_mode": "Repository Path",
        "cfg_type": "user_created", "ignore_proxy": false
    }})
}

/// A shop whose registry, containers, host and platform were scanned.
pub(super) async fn scanned(api: &Api) {
    let mut web = api.world.app.workload("web-id").unwrap().workload.clone();
    web.image = "shop/web:1".into();
    web.image_digest = scanner::digest("shop/web:1");
    api.world
        .ingest(vec![Report::Workload(Box::new(web))])
        .await;
    api.admin.post("/v1/scan/registry", &registry()).await.ok();
    for path in [
        "/v1/scan/registry/shop/scan",
        "/v1/scan/host/n1",
        "/v1/scan/platform/platform",
    ] {
        api.admin.post(path, &Value::Null).await.ok();
    }
    assert_eq!(work_off(&api.world.app, &info("s1")).await, 6);
}

pub(super) fn image_digest(name: &str) -> String {
    scanner::digest(name).replace("sha256:", "")
}

pub(super) fn image_id(name: &str) -> String {
    scanner::digest(&format!("id of {name}")).replace("sha256:", "")
}

#[tokio::test]
async fn a_registry_is_added_and_scanned() {
    let api = Api::shop().await;
    scanned(&api).await;
    let shop = api.admin.get("/v1/scan/registry/shop").await.ok()["summary"].clone();
    for (field, expected) in [
        ("registry", json!("https://registry.example/")),
        ("registry_type", json!("Docker Registry")),
        ("username", json!("ci")),
        ("filters", json!(["shop/*:*"])),
        ("status", json!("idle")),
        ("scanned", json!(3)),
        ("scheduled", json!(0)),
        ("failed", json!(0)),
        ("images", json!(3)),
        ("has_secret", json!(true)),
        ("schedule", json!({"schedule": "manual", "interval": 300})),
        ("cvedb_version", json!("7")),
        ("cfg_type", json!("user_created")),
    ] {
        assert_eq!(shop[field], expected, "{field}");
    }
    let images = api
        .admin
        .get("/v1/scan/registry/shop/images?s_image=asc")
        .await
        .ok()["images"]
        .clone();
    assert_eq!(images.as_array().unwrap().len(), 3);
    for (field, expected) in [
        ("repository", json!("shop/api")),
        ("tag", json!("1")),
        ("image", json!("shop/api:1")),
        ("image_id", json!(image_id("shop/api:1"))),
        ("status", json!("finished")),
        ("result", json!("succeeded")),
        ("critical", json!(1)),
        ("high", json!(1)),
        ("medium", json!(1)),
        ("fixable", json!(2)),
        ("exploited", json!(1)),
        ("base_os", json!("debian:12")),
        ("run_as_root", json!(true)),
        ("author", json!("shop team")),
        ("secrets", json!(1)),
    ] {
        assert_eq!(images[0][field], expected, "{field}");
    }
}

#[tokio::test]
async fn a_registry_is_changed_and_forgotten() {
    let api = Api::shop().await;
    scanned(&api).await;
    // A password that is not sent stays; one that is empty goes.
    let rename = json!({"config": {"name": "shop", "tag_limit": 5, "schedule": {"schedule": "periodical", "interval": 600}}});
    api.admin
        .patch("/v1/scan/registry/shop", &rename)
        .await
        .ok();
    assert_eq!(
        api.world
            .app
            .registry("shop")
            .unwrap()
            .auth
            .password
            .reveal(),
        SECRET
    );
    let nested = json!({"config": {"name": "shop", "auth": {"username": "", "password": "", "auth_token": ""}, "scan": {"repo_limit": 3}}});
    api.admin
        .patch("/v2/scan/registry/shop", &nested)
        .await
        .ok();
    let shop = api.admin.get("/v1/scan/registry/shop").await.ok()["summary"].clone();
    assert_eq!(
        (
            &shop["username"],
            &shop["has_secret"],
            &shop["tag_limit"],
            &shop["repo_limit"]
        ),
        (&json!(""), &json!(false), &json!(5), &json!(3))
    );
    for (body, code) in [
        (
            json!({"config": {"name": "x", "registry_type": "Attic"}}),
            (400, 6),
        ),
        (
            json!({"config": {"name": "x", "registry_type": "Docker Registry", "registry": "ftp://x"}}),
            (400, 6),
        ),
        (
            json!({"config": {"name": "a/b", "registry_type": "Docker Registry", "registry": "https://x"}}),
            (400, 6),
        ),
        (
            json!({"config": {"name": "x", "registry_type": "Docker Registry", "registry": "https://u:p@x"}}),
            (400, 6),
        ),
        (
            json!({"config": {"name": "x", "registry_type": "Docker Registry", "registry": "https://x", "schedule": {"schedule": "periodical", "interval": 10}}}),
            (400, 6),
        ),
        (registry(), (400, 13)),
    ] {
        assert_eq!(
            api.admin.post("/v1/scan/registry", &body).await.code(),
            code,
            "{body}"
        );
    }
    api.admin
        .post("/v1/scan/registry/shop/scan", &Value::Null)
        .await
        .ok();
    assert_eq!(
        api.admin.get("/v1/scan/registry/shop").await.ok()["summary"]["status"],
        "scanning"
    );
    api.admin.delete("/v1/scan/registry/shop/scan").await.ok();
    assert_eq!(
        api.admin.get("/v1/scan/registry/shop").await.ok()["summary"]["status"],
        "idle"
    );
    api.admin.delete("/v1/scan/registry/shop").await.ok();
    assert_eq!(
        api.admin.get("/v1/scan/registry/shop").await.code(),
        (404, 7)
    );
    assert_eq!(
        api.admin.get("/v1/scan/registry").await.ok()["summarys"],
        json!([])
    );
    let kinds = api.admin.get("/v1/list/registry_type").await.ok();
    assert_eq!(kinds["list"]["registry_type"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn a_secret_of_a_registry_is_shown_and_kept_nowhere_else() {
    let api = Api::shop().await;
    let aws = json!({"config": {"registry_type": "Amazon ECR Registry", "name": "aws", "registry": "https://aws.example",
        "aws_key": {"id": "1", "region": "eu", "access_key_id": "AKIA-of-shop", "secret_access_key": SECRET},
        "gcr_key": {"json_key": SECRET}, "gitlab_private_token": SECRET}});
    api.admin.post("/v1/scan/registry", &registry()).await.ok();
    api.admin.post("/v1/scan/registry", &aws).await.ok();
    let nested = json!({"config": {"name": "deep", "registry_type": "Docker Registry", "registry": "https://d.example", "auth": {"password": SECRET}}});
    api.admin.post("/v2/scan/registry", &nested).await.ok();
    let request = json!({"request": {"registry": "https://registry.example", "repository": "shop/web", "tag": "1", "username": "ci", "password": SECRET}});
    let asked = {
        let (api, request) = (api.admin.clone(), request.clone());
        tokio::spawn(async move { api.post("/v1/scan/repository", &request).await })
    };
    crate::world::until("the request to be queued", || {
        api.world.app.scan_totals().scheduled > 0
    })
    .await;
    work_off(&api.world.app, &info("s1")).await;
    asked.await.unwrap().ok();
    for path in [
        "/v1/scan/registry",
        "/v1/scan/registry/shop",
        "/v1/scan/registry/aws",
        "/v1/scan/registry/deep",
        "/v1/log/event",
        "/v1/log/audit",
        "/v1/system/config",
    ] {
        let text = String::from_utf8(api.admin.get(path).await.body.to_vec()).unwrap();
        for secret in [SECRET, "AKIA-of-shop", "tok-en-of-shop"] {
            assert!(!text.contains(secret), "{secret} in {path}");
        }
    }
    let kept = format!("{:?}", api.world.app.registry("aws").unwrap());
    assert!(!kept.contains(SECRET), "{kept}");
}

#[tokio::test]
async fn reports_of_images_containers_hosts_and_the_platform() {
    let api = Api::shop().await;
    assert_eq!(
        api.admin.get("/v1/scan/workload/web-id").await.code(),
        (404, 7)
    );
    scanned(&api).await;
    let id = image_id("shop/web:1");
    for path in [
        format!("/v1/scan/registry/shop/image/{id}"),
        "/v1/scan/workload/web-id".to_owned(),
        "/v1/scan/host/n1".to_owned(),
        "/v1/scan/platform/platform".to_owned(),
        format!(
            "/v1/scan/image/{}",
            scanner::digest("shop/web:1").replace("sha256:", "")
        ),
    ] {
        let report = api.admin.get(&path).await.ok()["report"].clone();
        let found = &report["vulnerabilities"];
        assert_eq!(found.as_array().unwrap().len(), 3, "{path}");
        for (field, expected) in [
            ("name", json!("CVE-2025-1001")),
            ("severity", json!("Critical")),
            ("package_name", json!("openssl")),
            ("package_version", json!("3.0.11-1")),
            ("fixed_version", json!("3.0.13-1")),
            ("link", json!("https://tracker.example/CVE-2025-1001")),
            ("exploited_since", json!("2025-12-02")),
            ("in_use", json!(true)),
            ("layer", json!(1)),
            ("published_timestamp", json!(1_764_547_200)),
            ("feed_rating", json!("debian")),
            ("tags", json!([])),
        ] {
            assert_eq!(found[0][field], expected, "{path} {field}");
        }
        assert!((found[0]["score_v3"].as_f64().unwrap() - 9.8).abs() < 0.01);
        for field in [
            "modules.0.cves.0.name",
            "secrets.0.evidence",
            "setid_perms.0.path",
            "signature_data.verifiers",
            "base_os",
            "cvedb_version",
        ] {
            has(&report, field);
        }
    }
    let layers = api
        .admin
        .get(&format!("/v1/scan/registry/shop/layers/{id}"))
        .await
        .ok()["report"]["layers"]
        .clone();
    assert_eq!(
        (
            &layers[1]["cmds"],
            &layers[1]["vulnerabilities"][0]["name"],
            &layers[1]["secrets"][0]["path"]
        ),
        (
            &json!("RUN apt-get install"),
            &json!("CVE-2025-1001"),
            &json!("root/.ssh/id_ed25519")
        )
    );
}

#[tokio::test]
async fn what_was_scanned_has_a_summary_and_its_audits() {
    let api = Api::shop().await;
    scanned(&api).await;
    let workload = api.admin.get("/v1/workload/web-id").await.ok()["workload"].clone();
    for (field, expected) in [
        ("status", json!("finished")),
        ("critical", json!(1)),
        ("high", json!(1)),
        ("medium", json!(1)),
        ("in_use", json!(1)),
        ("base_os", json!("debian:12")),
        ("scanned_at", json!("2026-01-01T00:00:00Z")),
    ] {
        assert_eq!(workload["scan_summary"][field], expected, "{field}");
    }
    assert_eq!(workload["image_reg_scanned"], json!(true));
    let host = api.admin.get("/v1/host/n1").await.ok()["host"]["scan_summary"].clone();
    assert_eq!(
        (&host["status"], &host["high"]),
        (&json!("finished"), &json!(1))
    );
    let running = api
        .admin
        .get("/v1/scan/image?start=0&limit=40&f_image=shop/web:1")
        .await
        .ok()["images"]
        .clone();
    assert_eq!(
        (&running[0]["status"], &running[0]["high"]),
        (&json!("finished"), &json!(1))
    );
    let platform = api.admin.get("/v1/scan/platform/").await.ok()["platforms"][0].clone();
    assert_eq!(
        (&platform["platform"], &platform["high"]),
        (&json!("Docker"), &json!(1))
    );
    let summary = api.admin.get("/v1/system/summary").await.ok()["summary"].clone();
    assert_eq!(
        (
            &summary["scanners"],
            &summary["cvedb_version"],
            &summary["cvedb_create_time"]
        ),
        (&json!(1), &json!("7"), &json!("2025-12-31T23:00:00Z"))
    );
    let audits = api.admin.get("/v1/log/audit?s_name=asc").await.ok()["audits"].clone();
    let names: Vec<_> = audits
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "Host.Scan.Report",
            "Platform.Scan.Report",
            "Registry.Scan.Report",
            "Registry.Scan.Report",
            "Registry.Scan.Report"
        ]
    );
    assert_eq!(
        (&audits[2]["high_vul_cnt"], &audits[2]["items"][0]),
        (&json!(1), &json!("CVE-2025-1001"))
    );
}

#[tokio::test]
async fn scanners_status_and_settings() {
    let api = Api::shop().await;
    let empty = api.admin.get("/v1/scan/status").await.ok()["status"].clone();
    assert_eq!(
        (&empty["cvedb_version"], &empty["cvedb_stale"]),
        (&json!("0.000"), &json!(true))
    );
    scanned(&api).await;
    let status = api.admin.get("/v1/scan/status").await.ok()["status"].clone();
    for (field, expected) in [
        ("scanned", json!(5)),
        ("scheduled", json!(0)),
        ("scanning", json!(0)),
        ("failed", json!(0)),
        ("cvedb_age_hours", json!(1)),
        ("cvedb_stale", json!(false)),
        ("scanners", json!(1)),
        ("desired_scanners", json!(1)),
    ] {
        assert_eq!(status[field], expected, "{field}");
    }
    let scanner = api.admin.get("/v1/scan/scanner").await.ok()["scanners"][0].clone();
    for (field, expected) in [
        ("id", json!("s1")),
        ("server", json!("s1.example")),
        ("cvedb_version", json!("7")),
        ("joined_timestamp", json!(START / 1000)),
        ("scanned_images", json!(3)),
        ("scanned_hosts", json!(1)),
        ("scanned_containers", json!(0)),
    ] {
        assert_eq!(scanner[field], expected, "{field}");
    }
    assert_eq!(
        api.admin.get("/v1/scan/cache_stat/s1").await.ok()["cache_hits"],
        3
    );
    assert_eq!(
        api.admin.get("/v1/scan/cache_data/s1").await.ok()["cache_records"][0]["reference_count"],
        2
    );
    assert_eq!(
        api.admin.get("/v1/scan/cache_stat/none").await.code(),
        (404, 7)
    );
    api.admin
        .patch("/v1/scan/config", &json!({"config": {"auto_scan": true}}))
        .await
        .ok();
    let config = api.admin.get("/v1/scan/config").await.ok()["config"].clone();
    assert_eq!(
        config,
        json!({"auto_scan": true, "enable_auto_scan_workload": true, "enable_auto_scan_host": true})
    );
    api.admin
        .patch(
            "/v1/scan/config",
            &json!({"config": {"enable_auto_scan_host": false}}),
        )
        .await
        .ok();
    assert_eq!(
        api.admin.get("/v1/scan/config").await.ok()["config"]["auto_scan"],
        false
    );
    let scale = json!({"config": {"scanner_autoscale": {"strategy": "immediate", "min_pods": 2, "max_pods": 4}}});
    api.admin.patch("/v1/system/config", &scale).await.ok();
    assert_eq!(
        api.admin.get("/v1/system/config").await.ok()["config"]["scanner_autoscale"],
        scale["config"]["scanner_autoscale"]
    );
    assert_eq!(
        api.admin.get("/v1/scan/status").await.ok()["status"]["desired_scanners"],
        2
    );
    let bad = json!({"config": {"scanner_autoscale": {"strategy": "immediate", "min_pods": 5, "max_pods": 4}}});
    assert_eq!(
        api.admin.patch("/v1/system/config", &bad).await.code(),
        (400, 6)
    );
    let metrics = api.admin.get("/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "rampart_scan_jobs_waiting 0",
        "rampart_scan_results 5",
        "rampart_scanners 1",
        "rampart_scanners_desired 2",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
}

#[tokio::test]
async fn a_pipeline_asks_for_a_scan_and_waits() {
    let api = Api::shop().await;
    let ci = api.user("ci", Role::CiOps, &[]).await;
    let request = json!({"request": {"registry": "registry.example", "repository": "shop/web", "tag": "1", "scan_layers": true, "metadata": {"source": "jenkins"}}});
    let asked = {
        let (ci, request) = (ci.clone(), request.clone());
        tokio::spawn(async move { ci.post("/v1/scan/repository", &request).await })
    };
    crate::world::until("the request to be queued", || {
        api.world.app.scan_totals().scheduled == 1
    })
    .await;
    assert_eq!(work_off(&api.world.app, &info("s1")).await, 1);
    let report = asked.await.unwrap().ok()["report"].clone();
    for (field, expected) in [
        ("repository", json!("shop/web")),
        ("tag", json!("1")),
        ("digest", json!(scanner::digest("shop/web:1"))),
        ("base_os", json!("debian:12")),
        ("cvedb_version", json!("7")),
        ("author", json!("shop team")),
    ] {
        assert_eq!(report[field], expected, "{field}");
    }
    assert_eq!(report["vulnerabilities"].as_array().unwrap().len(), 3);
    assert_eq!(
        report["layers"][1]["vulnerabilities"][0]["name"],
        "CVE-2025-1001"
    );
    // Asked again at once, it is there; later it is looked at again.
    ci.post("/v1/scan/repository", &request).await.ok();
    assert_eq!(work_off(&api.world.app, &info("s1")).await, 0);
    // The image is known by its digest, too.
    assert_eq!(
        api.admin.get("/v1/scan/vulnerability").await.ok()["vulnerabilities"][0]["image_count"],
        1
    );
    // Whoever builds sees nothing else.
    for path in [
        "/v1/scan/registry",
        "/v1/scan/status",
        "/v1/scan/vulnerability",
    ] {
        assert_eq!(ci.get(path).await.code(), (403, 25), "{path}");
    }
    for (body, code) in [
        (
            json!({"request": {"registry": "ftp://x", "repository": "a"}}),
            (400, 6),
        ),
        (
            json!({"request": {"registry": "https://x", "repository": ""}}),
            (400, 6),
        ),
    ] {
        assert_eq!(
            ci.post("/v1/scan/repository", &body).await.code(),
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_scan_that_fails_says_why() {
    let api = Api::shop().await;
    let request =
        json!({"request": {"registry": "registry.example", "repository": "shop/none", "tag": "1"}});
    let asked = {
        let (admin, request) = (api.admin.clone(), request.clone());
        tokio::spawn(async move { admin.post("/v1/scan/repository", &request).await })
    };
    crate::world::until("the request to be queued", || {
        api.world.app.scan_totals().scheduled == 1
    })
    .await;
    let work = scanner::take(&api.world.app, &info("s1")).await.unwrap();
    let reason = scanner::failure("the registry has no such image", false);
    api.world
        .app
        .fail_work(&work.lease, "s1", reason)
        .await
        .unwrap();
    let reply = asked.await.unwrap();
    assert_eq!(reply.code(), (500, 26));
    assert!(
        reply.json()["message"]
            .as_str()
            .unwrap()
            .contains("no such image")
    );
}

#[tokio::test]
async fn a_report_made_elsewhere_is_taken_in() {
    let api = Api::shop().await;
    let result = json!({"result": {
        "registry": "https://registry.example/", "repository": "shop/pay", "tag": "2", "digest": "sha256:99", "image_id": "sha256:98",
        "vulnerabilities": [{"name": "CVE-2025-7", "severity": "High", "score_v3": 7.5, "package_name": "curl", "package_version": "8.0", "fixed_version": "8.1"}],
        "modules": [{"name": "curl", "version": "8.0"}]
    }});
    api.admin
        .post("/v1/scan/result/repository", &result)
        .await
        .ok();
    let found = api
        .admin
        .get("/v1/scan/vulnerability/CVE-2025-7")
        .await
        .ok()["vulnerability"]
        .clone();
    assert_eq!(
        (
            &found["severity"],
            &found["images"],
            &found["places"][0]["packages"][0]["fixed_version"]
        ),
        (&json!("High"), &json!(["sha256:99"]), &json!("8.1"))
    );
    let bad = json!({"result": {"digest": "sha256:1", "vulnerabilities": [{"name": "x", "severity": "Dreadful"}]}});
    assert_eq!(
        api.admin
            .post("/v1/scan/result/repository", &bad)
            .await
            .code(),
        (400, 6)
    );
}

#[tokio::test]
async fn a_registry_is_tried_out_step_by_step() {
    let api = Api::shop().await;
    let body = registry();
    let alone = api.admin.post("/v1/scan/registry/new/test", &body).await;
    assert_eq!(alone.status, 200);
    assert!(
        alone.json()["steps"][0]["step_content"]
            .as_str()
            .unwrap()
            .contains("no scanner")
    );
    scanner::take(&api.world.app, &info("s1")).await;
    let begun = api.admin.post("/v1/scan/registry/new/test", &body).await;
    assert_eq!(begun.status, 206);
    let id = begun.headers["x-transaction-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(work_off(&api.world.app, &info("s1")).await, 1);
    let again = |id: String| {
        let mut request =
            api.admin
                .request(Method::POST, "/v1/scan/registry/new/test", body.to_string());
        request
            .headers_mut()
            .insert("x-transaction-id", id.parse().unwrap());
        api.admin.send(request)
    };
    let done = again(id.clone()).await;
    assert_eq!(
        (
            done.status.as_u16(),
            &done.json()["steps"][0]["step_content"]
        ),
        (200, &json!("3 images match"))
    );
    assert_eq!(again(id).await.code(), (404, 7), "it was told");
    assert_eq!(
        api.admin.get("/v1/scan/registry").await.ok()["summarys"],
        json!([]),
        "nothing is kept"
    );
    api.admin.delete("/v1/scan/registry/new/test").await.ok();
}

/// What a scanner elsewhere says, with its token.
async fn link(
    client: &Client,
    token: &str,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> super::client::Reply {
    let mut request = client.request(method, path, body);
    request
        .headers_mut()
        .insert("x-scanner-token", token.parse().unwrap());
    client.send(request).await
}

#[tokio::test]
async fn a_scanner_elsewhere_works_with_its_token_only() {
    let token = "a-token-of-scanners-0123456789";
    let api = Api::with_scanner_token(token).await;
    api.world.shop().await;
    api.world.app.scan_host("n1").await.unwrap();
    let ask = serde_json::to_vec(&TakeRequest {
        scanner: info("far"),
        wait_ms: 0,
    })
    .unwrap();
    let client = api.client();
    for wrong in ["", "a-token-of-scanners-012345678x", PASSWORD] {
        let reply = link(&client, wrong, Method::POST, "/v1/scan/work", ask.clone()).await;
        assert_eq!(reply.code(), (401, 3), "{wrong:?}");
    }
    assert_eq!(
        api.admin.post("/v1/scan/work", &json!({})).await.code(),
        (403, 25),
        "not even an administrator"
    );
    let reply = link(&client, token, Method::POST, "/v1/scan/work", ask.clone()).await;
    let taken: Taken = serde_json::from_value(reply.ok()).unwrap();
    let work = taken.work.unwrap();
    let path = format!("/v1/scan/work/{}", work.lease);
    link(&client, token, Method::PATCH, &path, Vec::new())
        .await
        .ok();
    let finished = Finished {
        scanner: "far".into(),
        outcome: scanner::outcome(&work.order),
    };
    let body = zstd::encode_all(serde_json::to_vec(&finished).unwrap().as_slice(), 3).unwrap();
    for _ in 0..2 {
        link(
            &client,
            token,
            Method::POST,
            &format!("{path}/outcome"),
            body.clone(),
        )
        .await
        .ok();
    }
    assert_eq!(
        api.admin.get("/v1/scan/host/n1").await.ok()["report"]["vulnerabilities"][0]["name"],
        "CVE-2025-1001"
    );
    let reply = link(
        &client,
        token,
        Method::POST,
        &format!("{path}/outcome"),
        b"rubbish".to_vec(),
    )
    .await;
    assert_eq!(reply.code(), (400, 6));
    let reply = link(
        &client,
        token,
        Method::PATCH,
        "/v1/scan/work/nothing",
        Vec::new(),
    )
    .await;
    assert_eq!(reply.code(), (409, 19));
    api.world.app.scan_host("n1").await.unwrap();
    let taken: Taken = serde_json::from_value(
        link(&client, token, Method::POST, "/v1/scan/work", ask)
            .await
            .ok(),
    )
    .unwrap();
    let gave_up = serde_json::to_vec(&GaveUp {
        scanner: "far".into(),
        failure: scanner::failure("out of memory", false),
    })
    .unwrap();
    let path = format!("/v1/scan/work/{}/failure", taken.work.unwrap().lease);
    link(&client, token, Method::POST, &path, gave_up)
        .await
        .ok();
    assert_eq!(
        api.admin.get("/v1/host/n1").await.ok()["host"]["scan_summary"]["result"],
        "out of memory"
    );
}
