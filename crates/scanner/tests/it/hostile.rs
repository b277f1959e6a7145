//! Images made to break scanners: an error that names the layer, the rest intact, memory bounded.

use crate::build::{ImageBuilder, Tar, debian, gzip, inspect, packages};
use rampart_scanner::{
    digest::sha256,
    layer::Bounds,
    scan::{self, Inspected, Options, ScanError, Silent},
    source::layout::{self, Choice},
    stop::Stop,
};
use serde_json::json;
use std::{io::Write, path::Path, time::Duration};

const GZ: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZST: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

fn scan_with(
    folder: &Path,
    image: &ImageBuilder,
    options: &Options,
) -> Result<Inspected, ScanError> {
    image.write_layout(folder, "x");
    scan::inspect(
        layout::open(folder, &Choice::default()).unwrap(),
        options,
        &Silent,
    )
}

/// The header of a huge file, and the beginning of its zeros, compressed as tightly as it goes.
fn bomb(compress: impl Fn(&mut dyn FnMut(&mut dyn Write)) -> Vec<u8>) -> Vec<u8> {
    let mut tar = Tar::default();
    tar.header("zeros/package.json", b'0', 0o77_777_777_777, "", 0o644);
    let header = tar.unfinished();
    let zeros = vec![0u8; 1 << 20];
    compress(&mut |out| {
        out.write_all(&header).unwrap();
        for _ in 0..600 {
            out.write_all(&zeros).unwrap();
        }
    })
}

#[test]
fn bombs_end_early_and_are_named() {
    let gz = bomb(|fill| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        fill(&mut encoder);
        encoder.finish().unwrap()
    });
    let zst = bomb(|fill| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        fill(&mut encoder);
        encoder.finish().unwrap()
    });
    let bounds = Bounds {
        ratio_after: 64 << 20,
        ..Bounds::default()
    };
    let small = Bounds {
        layer_bytes: 32 << 20,
        ..Bounds::default()
    };
    for (bounds, words) in [(bounds, "bomb"), (small, "more than 33554432 bytes")] {
        let options = Options {
            bounds,
            ..Options::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let image = ImageBuilder::new()
            .gz(debian(&[("bash", "1")]).end())
            .stored(gz.clone(), b"", GZ)
            .stored(zst.clone(), b"", ZST)
            .gz(Tar::default()
                .file("app/package.json", r#"{"name":"a","version":"1.0.0"}"#)
                .end());
        let found = scan_with(folder.path(), &image, &options).unwrap();
        assert!(found.incomplete);
        assert_eq!(packages(&found), ["a 1.0.0 [3]", "bash 1 [0]"]);
        for index in [1u32, 2] {
            let problem = found
                .report
                .problems
                .iter()
                .find(|p| p.layer == Some(index) && p.path.starts_with("layer "))
                .unwrap();
            assert!(problem.reason.contains(words), "{problem:?}");
            assert_eq!(
                problem.path,
                format!("layer {}", image.descriptors()[index as usize].digest)
            );
        }
    }
}

#[test]
fn truncated_and_corrupt_layers() {
    let plain = debian(&[("bash", "1")])
        .file("big", crate::build::zstd(&vec![1; 1 << 20]).repeat(2000))
        .end();
    let whole = gzip(&plain);
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    let cases = [
        ("gzip cut", whole[..whole.len() / 2].to_vec(), GZ),
        ("gzip damaged", flipped, GZ),
        ("zstd cut", crate::build::zstd(&plain)[..300].to_vec(), ZST),
        ("tar cut", gzip(&plain[..plain.len() - 4096]), GZ),
        ("no tar", gzip(b"this is no archive"), GZ),
    ];
    for (what, stored, media_type) in cases {
        let folder = tempfile::tempdir().unwrap();
        let image = ImageBuilder::new()
            .stored(stored, &plain, media_type)
            .gz(Tar::default()
                .file("app/package.json", r#"{"name":"a","version":"1.0.0"}"#)
                .end());
        let found = scan_with(folder.path(), &image, &Options::default()).unwrap();
        assert!(found.incomplete, "{what}");
        assert!(
            packages(&found).contains(&"a 1.0.0 [1]".to_owned()),
            "{what}: {:?}",
            packages(&found)
        );
        assert!(
            found
                .report
                .problems
                .iter()
                .any(|p| p.layer == Some(0) && p.path.starts_with("layer sha256:")),
            "{what}"
        );
    }
}

/// A layer that is not what the configuration says is told of, whatever it holds.
#[test]
fn a_layer_with_another_content_than_the_configuration_names() {
    let folder = tempfile::tempdir().unwrap();
    let image = ImageBuilder::new().stored(gzip(&debian(&[("bash", "1")]).end()), b"other", GZ);
    let found = scan_with(folder.path(), &image, &Options::default()).unwrap();
    assert!(found.incomplete);
    assert!(
        found.report.problems[0]
            .reason
            .contains("the configuration names")
    );
}

#[test]
fn a_million_entries() {
    let mut tar = Tar::default();
    for index in 0..1_100_000u32 {
        tar.header(&format!("d{}/f{index}", index % 1000), b'0', 0, "", 0o644);
    }
    let plain = tar
        .file("app/package.json", r#"{"name":"a","version":"1.0.0"}"#)
        .end();
    let folder = tempfile::tempdir().unwrap();
    let image = ImageBuilder::new()
        .gz(debian(&[("bash", "1")]).end())
        .zst(plain);
    let found = scan_with(folder.path(), &image, &Options::default()).unwrap();
    assert_eq!(packages(&found), ["a 1.0.0 [1]", "bash 1 [0]"]);
    assert!(
        found
            .report
            .problems
            .iter()
            .any(|p| p.reason.contains("more than 1048576 entries"))
    );
}

#[test]
fn paths_that_try_to_leave() {
    let folder = tempfile::tempdir().unwrap();
    let layer = debian(&[("bash", "1")])
        .file(
            "../../../etc/package.json",
            r#"{"name":"a","version":"1.0.0"}"#,
        )
        .file("/abs/package.json", r#"{"name":"b","version":"1.0.0"}"#)
        .link("loop", b'2', "loop")
        .link("x", b'1', "../../../../etc/shadow")
        .link("self", b'1', "self")
        .end();
    let found = scan_with(
        folder.path(),
        &ImageBuilder::new().gz(layer),
        &Options::default(),
    )
    .unwrap();
    assert_eq!(
        packages(&found),
        ["a 1.0.0 [0]", "b 1.0.0 [0]", "bash 1 [0]"]
    );
    let paths: Vec<&str> = found
        .report
        .packages
        .iter()
        .map(|p| p.path.as_str())
        .collect();
    assert!(
        paths.contains(&"etc/package.json") && paths.contains(&"abs/package.json"),
        "{paths:?}"
    );
}

/// An opaque directory hides what lies below it, and not what comes with it.
#[test]
fn opaque_directories() {
    let json = |name: &str| format!(r#"{{"name":"{name}","version":"1.0.0"}}"#);
    let image = ImageBuilder::new()
        .gz(Tar::default()
            .file("app/old/package.json", json("old"))
            .file("keep/package.json", json("keep"))
            .end())
        .gz(Tar::default()
            .file("app/.wh..wh..opq", "")
            .file("app/new/package.json", json("new"))
            .end());
    let folder = tempfile::tempdir().unwrap();
    image.write_layout(folder.path(), "x");
    let found = inspect(layout::open(folder.path(), &Choice::default()).unwrap());
    assert_eq!(packages(&found), ["keep 1.0.0 [0]", "new 1.0.0 [1]"]);
}

#[test]
fn a_hard_link_to_a_file_of_another_name() {
    let layer = Tar::default()
        .file("etc/os-release", crate::build::DEBIAN)
        .file("data/blob", crate::build::status(&[("bash", "1")]))
        .link("var/lib/dpkg/status", b'1', "data/blob")
        .end();
    let folder = tempfile::tempdir().unwrap();
    let found = scan_with(
        folder.path(),
        &ImageBuilder::new().gz(layer),
        &Options::default(),
    )
    .unwrap();
    assert_eq!(packages(&found), ["bash 1 [0]"]);
}

#[test]
fn time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        stop: Stop::after(Duration::ZERO),
        ..Options::default()
    };
    let image = ImageBuilder::new().gz(debian(&[("bash", "1")]).end());
    assert!(matches!(
        scan_with(folder.path(), &image, &options),
        Err(ScanError::TimedOut)
    ));
    let stop = Stop::never();
    stop.cancel();
    let options = Options {
        stop,
        ..Options::default()
    };
    assert!(matches!(
        scan_with(folder.path(), &image, &options),
        Err(ScanError::Cancelled)
    ));
}

fn put(folder: &Path, bytes: &[u8]) -> serde_json::Value {
    let digest = sha256(bytes);
    std::fs::write(folder.join("blobs/sha256").join(&digest[7..]), bytes).unwrap();
    json!({"digest": digest, "size": bytes.len()})
}

/// A layout whose manifest and configuration are these texts.
fn documents(manifest: impl Fn(&Path) -> String) -> Result<Inspected, String> {
    let folder = tempfile::tempdir().unwrap();
    let good = ImageBuilder::new().gz(debian(&[("bash", "1")]).end());
    good.write_layout(folder.path(), "x");
    let text = manifest(folder.path());
    let described = put(folder.path(), text.as_bytes());
    let index = json!({"schemaVersion": 2, "manifests": [described]});
    std::fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
    let source = layout::open(folder.path(), &Choice::default());
    let source = source.map_err(|error| scan::chain(&error))?;
    scan::inspect(source, &Options::default(), &Silent).map_err(|error| scan::chain(&error))
}

/// Documents that take a thousand times their bytes, or lead nowhere: refused by name.
#[test]
fn documents_that_are_bombs() {
    let good = ImageBuilder::new().gz(debian(&[("bash", "1")]).end());
    let layer = json!(
        good.descriptors()
            .iter()
            .map(|l| json!({"digest": l.digest, "size": l.size}))
            .collect::<Vec<_>>()
    );
    let with_layers = |layers: &str| {
        let (config, layers) = (good.config(), layers.to_owned());
        move |folder: &Path| {
            let config = put(folder, &config);
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":{layers}}}"#)
        }
    };
    let with_config = |text: String| {
        let layer = layer.clone();
        move |folder: &Path| {
            let config = put(folder, text.as_bytes());
            json!({"schemaVersion": 2, "config": config, "layers": layer}).to_string()
        }
    };
    let million = |one: &str| format!("[{}]", vec![one; 1_000_000].join(","));
    let history = format!(r#"{{"history":{}}}"#, million(r#"{"a":1}"#));
    let deep = "[".repeat(1000);
    type Manifest = Box<dyn Fn(&Path) -> String>;
    let cases: Vec<(&str, Manifest, &str)> = vec![
        (
            "a million layers",
            Box::new(with_layers(&million("{}"))),
            "manifest holds more than",
        ),
        (
            "3,000 layers",
            Box::new(with_layers(&format!("[{}]", vec!["{}"; 3000].join(",")))),
            "more than 2048 layers",
        ),
        (
            "a deep configuration",
            Box::new(with_config(deep)),
            "configuration",
        ),
        (
            "9 MiB",
            Box::new(with_config(" ".repeat(9 << 20))),
            "8388608 bytes",
        ),
        (
            "no layers",
            Box::new(with_layers("7")),
            "neither an image manifest nor an index",
        ),
        (
            "a million manifests",
            Box::new(move |_| format!(r#"{{"manifests":{}}}"#, million("1"))),
            "manifest holds more than",
        ),
    ];
    // The layers are what counts: they are read though the configuration is not.
    let found = documents(with_config(history)).unwrap();
    assert!(found.incomplete);
    assert_eq!(packages(&found), ["bash 1 [0]"]);
    let told = |p: &rampart_model::scan::ScanProblem| {
        p.path == "config" && p.reason.contains("holds more than")
    };
    assert!(
        found.report.problems.iter().any(told),
        "{:?}",
        found.report.problems
    );
    for (what, manifest, words) in cases {
        let error = documents(manifest).expect_err(what);
        assert!(error.contains(words), "{what}: {error}");
    }
}

/// Sizes are the manifest's words: what is there counts.
#[test]
fn sizes_that_are_lies() {
    let good = ImageBuilder::new().gz(debian(&[("bash", "1")]).end());
    let digest = good.descriptors()[0].digest.clone();
    for size in [
        "-1",
        "1e400",
        "18446744073709551615",
        "9223372036854775808",
        "0",
        "\"big\"",
        "1",
    ] {
        let (digest, config) = (digest.clone(), good.config());
        let found = documents(move |folder| {
            let config = put(folder, &config);
            format!(
                r#"{{"schemaVersion":2,"config":{config},"layers":[{{"digest":"{digest}","size":{size}}}]}}"#
            )
        });
        match found {
            Ok(found) => assert_eq!(packages(&found), ["bash 1 [0]"], "{size}"),
            // No JSON reader takes this number.
            Err(error) => assert!(
                size == "1e400" && error.contains("manifest"),
                "{size}: {error}"
            ),
        }
    }
}

/// Indexes in a circle end: no digest can name itself, so it is made of two that share a name.
#[test]
fn an_index_that_leads_back_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    ImageBuilder::new()
        .gz(Tar::default().end())
        .write_layout(folder.path(), "x");
    let name = "ab".repeat(32);
    let circle = json!({"schemaVersion": 2, "manifests": [
        {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": format!("sha256:{name}"), "size": 1}
    ]})
    .to_string();
    std::fs::write(folder.path().join("blobs/sha256").join(&name), &circle).unwrap();
    std::fs::write(folder.path().join("index.json"), &circle).unwrap();
    let error = layout::open(folder.path(), &Choice::default())
        .err()
        .unwrap();
    let text = scan::chain(&error);
    assert!(!text.is_empty() && text.len() < 500, "{text}");
}

/// Ways to make little into much, each beside a layer that stays told.
#[test]
fn layers_that_are_bombs_of_other_kinds() {
    // A frame that wants a window of 2 GiB.
    let window = {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8];
        frame.extend_from_slice(&[0x01, 0x00, 0x00]);
        frame
    };
    // A hundred thousand members of nothing, then a file.
    let members = {
        let mut stored = gzip(b"").repeat(100_000);
        stored.extend(gzip(
            &Tar::default()
                .file("a/package.json", r#"{"name":"m","version":"1.0.0"}"#)
                .end(),
        ));
        stored
    };
    let cycle = Tar::default()
        .link("var/lib/dpkg/status", b'1', "x")
        .link("x", b'1', "y")
        .link("y", b'1', "var/lib/dpkg/status")
        .link("etc/os-release", b'1', "etc/os-release")
        .link("usr/lib/os-release", b'2', "../../usr/lib/os-release")
        .end();
    let pax = {
        let record = "99999999 path=x\n".repeat(200_000);
        let mut tar = Tar::default();
        tar.header("pax", b'x', record.len() as u64, "", 0o644);
        let mut bytes = tar.unfinished();
        bytes.extend_from_slice(record.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes.extend(debian(&[("kept", "1")]).end());
        bytes
    };
    let sparse = {
        let fields = [
            "GNU.sparse.major=1",
            "GNU.sparse.minor=0",
            "GNU.sparse.realsize=9223372036854775807",
            "GNU.sparse.name=var/lib/dpkg/status",
        ];
        let records: String = fields
            .iter()
            .map(|field| {
                let mut length = field.len() + 3;
                while format!("{length} {field}\n").len() != length {
                    length += 1;
                }
                format!("{length} {field}\n")
            })
            .collect();
        let mut tar = Tar::default();
        tar.header("pax", b'x', records.len() as u64, "", 0o644);
        let mut bytes = tar.unfinished();
        bytes.extend_from_slice(records.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes.extend(
            Tar::default()
                .file("GNUSparseFile.0/status", "1\n9223372036854770000\n100\n")
                .end(),
        );
        bytes
    };
    let cases: Vec<(&str, Vec<u8>, &'static str, bool)> = vec![
        ("window", window, ZST, true),
        ("members", members, GZ, false),
        ("links in a circle", gzip(&cycle), GZ, true),
        ("pax records", gzip(&pax), GZ, true),
        ("a sparse file", gzip(&sparse), GZ, true),
    ];
    for (what, stored, media_type, told) in cases {
        let folder = tempfile::tempdir().unwrap();
        let image = ImageBuilder::new()
            .gz(debian(&[("bash", "1")]).end())
            .stored(stored, b"", media_type)
            .gz(Tar::default()
                .file("app/package.json", r#"{"name":"a","version":"1.0.0"}"#)
                .end());
        let found = scan_with(folder.path(), &image, &Options::default()).unwrap();
        let names = packages(&found);
        assert!(
            names.contains(&"a 1.0.0 [2]".to_owned()),
            "{what}: {names:?}"
        );
        if what == "members" {
            assert!(names.contains(&"m 1.0.0 [1]".to_owned()), "{names:?}");
        }
        let about = |problem: &rampart_model::scan::ScanProblem| {
            problem.layer == Some(1) && !problem.path.is_empty()
        };
        let problems = &found.report.problems;
        assert!(!told || problems.iter().any(about), "{what}: {problems:?}");
        assert!(problems.len() <= 1000, "{what}");
    }
}
