//! Bills of materials over the API: of an image, a container and a node, in every format.

use super::{
    Api,
    scan::{image_digest, image_id, scanned},
};
use rampart_vuln::sbom;

fn subjects() -> [(String, &'static str); 5] {
    let (id, digest) = (image_id("shop/web:1"), image_digest("shop/web:1"));
    [
        (
            format!("/v1/scan/registry/shop/image/{id}"),
            "registry.example-shop-web-1",
        ),
        (format!("/v1/scan/image/{digest}"), "shop-web-1"),
        ("/v1/scan/image/shop%2Fweb%3A1".to_owned(), "shop-web-1"),
        ("/v1/scan/workload/web-id".to_owned(), "web"),
        ("/v1/scan/host/n1".to_owned(), "node-1"),
    ]
}

#[tokio::test]
async fn every_subject_is_there_in_every_format() {
    let api = Api::shop().await;
    scanned(&api).await;
    let formats = [
        (
            "",
            "application/vnd.cyclonedx+json; version=1.6",
            "cdx.json",
            "CycloneDX 1.6",
        ),
        (
            "?format=cyclonedx",
            "application/vnd.cyclonedx+json; version=1.6",
            "cdx.json",
            "CycloneDX 1.6",
        ),
        (
            "?format=cyclonedx-1.5",
            "application/vnd.cyclonedx+json; version=1.5",
            "cdx.json",
            "CycloneDX 1.5",
        ),
        (
            "?format=spdx",
            "application/spdx+json",
            "spdx.json",
            "SPDX 2.3",
        ),
        (
            "?format=spdx-tag-value",
            "text/spdx; charset=utf-8",
            "spdx",
            "SPDX 2.3",
        ),
    ];
    for (path, name) in subjects() {
        let report = api.admin.get(&path).await.ok()["report"].clone();
        let modules = report["modules"].as_array().unwrap();
        let mut listed: Vec<String> = modules
            .iter()
            .map(|m| format!("{}@{}", m["name"], m["version"]).replace('"', ""))
            .collect();
        listed.sort();
        for (query, media_type, suffix, format) in formats {
            let whole = format!("{path}/sbom{query}");
            let reply = api.admin.get(&whole).await;
            assert_eq!(reply.status, 200, "{whole}");
            assert_eq!(reply.headers["content-type"], media_type, "{whole}");
            let file = reply.headers["content-disposition"].to_str().unwrap();
            assert!(
                file.starts_with(&format!("attachment; filename=\"{name}"))
                    && file.ends_with(&format!(".{suffix}\"")),
                "{whole}: {file}"
            );
            let read = sbom::read(&reply.body).unwrap();
            assert_eq!(
                (read.format.as_str(), read.problems.len()),
                (format, 0),
                "{whole}"
            );
            let packages = read.packages.iter();
            let mut found: Vec<String> = packages
                .map(|p| format!("{}@{}", p.name, p.version))
                .collect();
            found.sort();
            assert_eq!(found, listed, "{whole}");
            let again = api.admin.get(&whole).await;
            assert_eq!(again.body, reply.body, "{whole}: the same twice");
        }
    }
}

#[tokio::test]
async fn vulnerabilities_are_in_it_when_asked_for() {
    let api = Api::shop().await;
    scanned(&api).await;
    let path = "/v1/scan/host/n1/sbom?format=cyclonedx";
    let plain = api.admin.get(path).await.ok();
    assert!(plain.get("vulnerabilities").is_none());
    let with = api
        .admin
        .get(&format!("{path}&vulnerabilities=true"))
        .await
        .ok();
    assert_eq!(with["vulnerabilities"].as_array().unwrap().len(), 3);
    assert_eq!(with["components"], plain["components"]);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_wrong_is_said() {
    let api = Api::shop().await;
    assert_eq!(
        api.admin.get("/v1/scan/workload/web-id/sbom").await.code(),
        (404, 7),
        "not scanned yet"
    );
    scanned(&api).await;
    for path in [
        "/v1/scan/image/nothing/sbom",
        "/v1/scan/workload/nothing/sbom",
        "/v1/scan/host/nothing/sbom",
        "/v1/scan/registry/shop/image/nothing/sbom",
        "/v1/scan/registry/nothing/image/nothing/sbom",
    ] {
        assert_eq!(api.admin.get(path).await.code(), (404, 7), "{path}");
    }
    for (path, _) in subjects() {
        let reply = api.admin.get(&format!("{path}/sbom?format=swid")).await;
        assert_eq!(reply.code(), (400, 6), "{path}");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        for name in ["cyclonedx", "cyclonedx-1.5", "spdx", "swid"] {
            assert!(message.contains(name), "{message}");
        }
    }
}
