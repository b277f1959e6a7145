//! Archives and layouts.

use crate::build::{ImageBuilder, TWO_LAYERS, debian, gzip, inspect, packages, two_layers, zstd};
use rampart_scanner::{
    image::Platform,
    scan::Inspected,
    source::{
        Source, SourceError, archive,
        layout::{self, Choice},
    },
};
use std::{io::Cursor, path::Path};

fn check(inspected: &Inspected) {
    assert_eq!(packages(inspected), TWO_LAYERS);
    assert_eq!(inspected.report.problems, []);
    assert!(!inspected.incomplete);
    let target = &inspected.report.target;
    assert_eq!(
        (
            target.os.as_str(),
            target.arch.as_str(),
            target.user.as_str()
        ),
        ("linux", "amd64", "1000")
    );
    let steps: Vec<&str> = target
        .layers
        .iter()
        .map(|layer| layer.created_by.as_str())
        .collect();
    assert_eq!(steps, ["RUN step 0", "RUN step 1"]);
    assert!(
        target
            .layers
            .iter()
            .all(|layer| layer.size_bytes > 0 && layer.digest.starts_with("sha256:"))
    );
    assert_eq!(
        inspected.report.distro.as_ref().map(|d| d.id.as_str()),
        Some("debian")
    );
    let privileged: Vec<&str> = inspected
        .report
        .privileged
        .iter()
        .map(|p| p.path.as_str())
        .collect();
    assert_eq!(privileged, ["usr/bin/su"]);
}

#[test]
fn layout_folder() {
    let folder = tempfile::tempdir().unwrap();
    two_layers().write_layout(folder.path(), "app:1");
    for name in ["", "app:1", "1"] {
        let choice = Choice {
            name: name.into(),
            ..Choice::default()
        };
        check(&inspect(layout::open(folder.path(), &choice).unwrap()));
    }
    let missing = layout::open(
        folder.path(),
        &Choice {
            name: "other".into(),
            ..Choice::default()
        },
    );
    assert!(
        matches!(missing.err(), Some(SourceError::NoSuchImage { available, .. }) if available == "app:1")
    );
}

#[test]
fn archives_plain_compressed_and_piped() {
    let folder = tempfile::tempdir().unwrap();
    let image = two_layers();
    for (kind, bytes) in [
        ("docker", image.docker_archive("app:1")),
        ("oci", image.oci_archive("app:1")),
    ] {
        for (how, stored) in [
            ("tar", bytes.clone()),
            ("gz", gzip(&bytes)),
            ("zst", zstd(&bytes)),
        ] {
            let path = folder.path().join(format!("{kind}.{how}"));
            std::fs::write(&path, stored).unwrap();
            let source = archive::open(&path, &Choice::default()).unwrap();
            assert_eq!(
                matches!(source, Source::Stream(_)),
                how != "tar",
                "{kind}.{how}"
            );
            check(&inspect(source));
        }
        let piped = archive::Stream::new(
            Path::new("pipe"),
            Box::new(Cursor::new(bytes)),
            Choice::default(),
        );
        check(&inspect(Source::Stream(piped)));
    }
}

#[test]
fn platforms_of_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let amd = two_layers();
    let arm = ImageBuilder {
        arch: "arm64".into(),
        ..ImageBuilder::new()
    }
    .gz(debian(&[("bash", "1")]).end());
    arm.write_layout(folder.path(), "x");
    amd.write_layout(folder.path(), "x");
    let entry = |image: &ImageBuilder, arch: &str| {
        let manifest = image.manifest();
        serde_json::json!({"digest": rampart_scanner::digest::sha256(&manifest), "size": manifest.len(),
            "platform": {"os": "linux", "architecture": arch}})
    };
    let attestation = serde_json::json!({"digest": format!("sha256:{}", "0".repeat(64)), "size": 1,
        "platform": {"os": "unknown", "architecture": "unknown"}});
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [attestation, entry(&amd, "amd64"), entry(&arm, "arm64")]});
    std::fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
    let open = |platform: &str| {
        let platform = Some(platform.parse::<Platform>().unwrap());
        layout::open(
            folder.path(),
            &Choice {
                platform,
                ..Choice::default()
            },
        )
    };
    assert_eq!(
        packages(&inspect(open("linux/arm64").unwrap())),
        ["bash 1 [0]"]
    );
    assert_eq!(
        packages(&inspect(
            open("arm64/v8")
                .err()
                .map_or(open("linux/arm64/v8"), |_| open("linux/arm64/v8"))
                .unwrap()
        )),
        ["bash 1 [0]"]
    );
    assert_eq!(packages(&inspect(open("amd64").unwrap())), TWO_LAYERS);
    let error = open("linux/s390x").err().unwrap().to_string();
    assert!(error.contains("linux/amd64, linux/arm64"), "{error}");
}

/// gzip in several members, as pigz and some builders write it.
#[test]
fn gzip_of_several_members() {
    let plain = debian(&[("bash", "1")]).file("big", vec![7; 300_000]).end();
    let stored: Vec<u8> = plain.chunks(50_000).flat_map(gzip).collect();
    let folder = tempfile::tempdir().unwrap();
    let image = ImageBuilder::new().stored(
        stored,
        &plain,
        "application/vnd.oci.image.layer.v1.tar+gzip",
    );
    image.write_layout(folder.path(), "x");
    let inspected = inspect(layout::open(folder.path(), &Choice::default()).unwrap());
    assert_eq!(inspected.report.problems, []);
    assert_eq!(packages(&inspected), ["bash 1 [0]"]);
}

#[test]
fn what_is_no_image_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, crate::build::Tar::default().file("a", "b").end()).unwrap();
    assert!(matches!(
        archive::open(&path, &Choice::default()).err(),
        Some(SourceError::NotAnImage { .. })
    ));
    std::fs::write(&path, "hello").unwrap();
    assert!(archive::open(&path, &Choice::default()).is_err());
    assert!(archive::open(&folder.path().join("none"), &Choice::default()).is_err());
    assert!(layout::open(folder.path(), &Choice::default()).is_err());
}
