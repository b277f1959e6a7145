//! Images made to break scanners: an error that names the layer, the rest intact, memory bounded.

use crate::build::{ImageBuilder, Tar, debian, gzip, inspect, packages};
use rampart_scanner::{
    layer::Bounds,
    scan::{self, Inspected, Options, ScanError, Silent},
    source::layout::{self, Choice},
    stop::Stop,
};
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
