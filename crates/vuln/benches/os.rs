//! How fast package databases are read and layers merged: `cargo bench -p rampart-vuln --bench os`.
//!
//! dpkg's files are this machine's own (skipped where there is none); the others are made up. Each
//! figure is the best of several rounds, so that other work on the machine counts little.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use rampart_model::package::{Package, PackageKind};
use rampart_vuln::{
    analyze::{ALL, FileFacts, FileMeta, LayerFacts, path_hash},
    merge::merge,
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

const ROUNDS: u32 = 20;

fn main() {
    let lists = read("/var/lib/dpkg/info", |path| path.ends_with(".list"));
    let mut status = read("/var/lib/dpkg", |path| path.ends_with("dpkg/status"));
    let copyrights = copyrights();
    if status.is_empty() {
        println!("skipped: no dpkg here");
    } else {
        told("dpkg status", &status);
        told("dpkg lists", &lists);
        told("dpkg copyright", &copyrights);
        status.extend(lists);
        status.extend(copyrights);
        let layer = LayerFacts {
            files: status
                .iter()
                .map(|(path, bytes)| analyze(path, bytes))
                .collect(),
            ..LayerFacts::default()
        };
        let best = best(|| merge(vec![layer.clone()]).packages.len());
        println!("merge of it: {best:.2?}");
    }
    let layers = layers();
    let best = best(|| merge(layers.clone()).packages.len());
    println!("merge of 60 layers, 40,000 packages, 1,000,000 entries: {best:.2?}");
}

fn read(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.filter_map(|entry| entry.path().into_os_string().into_string().ok());
    paths
        .filter(|path| wanted(path))
        .filter_map(|path| {
            Some((
                path.trim_start_matches('/').to_owned(),
                fs::read(&path).ok()?,
            ))
        })
        .collect()
}

fn copyrights() -> Vec<(String, Vec<u8>)> {
    let folders = fs::read_dir("/usr/share/doc")
        .into_iter()
        .flatten()
        .flatten();
    folders
        .filter(|folder| folder.file_type().is_ok_and(|kind| kind.is_dir()))
        .flat_map(|folder| {
            read(folder.path().to_str().unwrap(), |path| {
                path.ends_with("/copyright")
            })
        })
        .filter(|(path, _)| Path::new("/").join(path).is_file())
        .collect()
}

fn analyze(path: &str, bytes: &[u8]) -> FileFacts {
    let meta = FileMeta {
        path: path.to_owned(),
        size: bytes.len() as u64,
        mode: 0o644,
        ..FileMeta::default()
    };
    let mut facts = FileFacts {
        path: path.to_owned(),
        ..FileFacts::default()
    };
    for analyzer in ALL.iter().filter(|analyzer| analyzer.wants(&meta)) {
        if let Some(mut sink) = analyzer.open(&meta, bytes) {
            bytes.chunks(64 << 10).for_each(|chunk| sink.chunk(chunk));
            sink.finish(false, &mut facts);
        }
    }
    facts
}

fn told(what: &str, files: &[(String, Vec<u8>)]) {
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let best = best(|| {
        files
            .iter()
            .map(|(path, bytes)| analyze(path, bytes).owned_paths.len())
            .sum()
    });
    println!(
        "{what}: {} files, {:.1} MB: {best:.2?}",
        files.len(),
        total as f64 / 1e6
    );
}

fn best(mut work: impl FnMut() -> usize) -> Duration {
    let round = |_| {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed()
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

fn layers() -> Vec<LayerFacts> {
    let files = (0..40_000).map(|number| {
        let path = format!("app/node_modules/package{number}/package.json");
        FileFacts {
            packages: vec![Package::new(PackageKind::Npm, "p", "1.0.0")],
            path,
            ..FileFacts::default()
        }
    });
    let mut layers = vec![LayerFacts {
        files: files.collect(),
        ..LayerFacts::default()
    }];
    for layer in 0..59 {
        let mut entries: Vec<u64> = (0..17_000)
            .map(|number| path_hash(&format!("opt/{layer}/{number}")))
            .collect();
        entries.sort_unstable();
        layers.push(LayerFacts {
            entries,
            ..LayerFacts::default()
        });
    }
    layers
}
