//! The cache of layers: hits, damage, many at once.

use crate::build::{TWO_LAYERS, inspect, packages, two_layers, with_cache};
use rampart_scanner::{
    cache::{CachedLayer, LayerCache, Lookup},
    digest::sha256,
    scan::{self, Event, Inspected, Options, Progress, Silent},
    source::{
        archive,
        layout::{self, Choice},
    },
};
use std::{path::Path, sync::Mutex, thread};

fn scan(layout: &Path, options: &Options) -> Inspected {
    scan::inspect(
        layout::open(layout, &Choice::default()).unwrap(),
        options,
        &Silent,
    )
    .unwrap()
}

#[test]
fn second_scan_reads_no_layer() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let image = two_layers();
    image.write_layout(folder.path(), "x");
    let options = with_cache(cache.path());
    let cold = scan(folder.path(), &options);
    assert_eq!(cold.cached_layers, 0);
    for (stored, _, _) in &image.layers {
        std::fs::remove_file(
            folder
                .path()
                .join("blobs/sha256")
                .join(&sha256(stored)[7..]),
        )
        .unwrap();
    }
    let mut warm = scan(folder.path(), &options);
    assert_eq!(warm.cached_layers, 2);
    warm.report.scanned_at = cold.report.scanned_at;
    assert_eq!(warm.report, cold.report);
    // The same layers in an archive that names them by their plain content only.
    let path = folder.path().join("a.tar");
    std::fs::write(&path, image.docker_archive("x:1")).unwrap();
    let source = archive::open(&path, &Choice::default()).unwrap();
    let archived = scan::inspect(source, &options, &Silent).unwrap();
    assert_eq!(
        (archived.cached_layers, packages(&archived)),
        (2, TWO_LAYERS.map(str::to_owned).to_vec())
    );
}

/// Other analyzers, other limits or another build never see these entries.
#[test]
fn sets_are_kept_apart() {
    let cache = tempfile::tempdir().unwrap();
    let first = LayerCache::open(cache.path(), "a", 1 << 20).unwrap();
    let layer = CachedLayer {
        digest: sha256(b"x"),
        diff_id: sha256(b"y"),
        ..CachedLayer::default()
    };
    first.store(&layer).unwrap();
    assert!(matches!(first.load(&layer.digest), Lookup::Hit(found) if *found == layer));
    assert!(matches!(first.load(&layer.diff_id), Lookup::Hit(_)));
    let second = LayerCache::open(cache.path(), "b", 1 << 20).unwrap();
    assert!(matches!(second.load(&layer.digest), Lookup::Miss));
    assert!(matches!(first.load("../../etc/passwd"), Lookup::Miss));
}

struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn event(&self, event: Event<'_>) {
        if let Event::Note { text } = event {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }
}

#[test]
fn a_damaged_entry_is_a_miss_with_a_note() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    two_layers().write_layout(folder.path(), "x");
    let options = with_cache(cache.path());
    scan(folder.path(), &options);
    let sets = std::fs::read_dir(cache.path().join("layers")).unwrap();
    let entries = sets.flat_map(|set| std::fs::read_dir(set.unwrap().path()).unwrap());
    for (index, entry) in entries.map(Result::unwrap).enumerate() {
        let mut bytes = std::fs::read(entry.path()).unwrap();
        let middle = bytes.len() / 2;
        match index % 3 {
            0 => bytes[middle] ^= 0xff,
            1 => bytes.truncate(middle),
            _ => bytes.clear(),
        }
        std::fs::remove_file(entry.path()).unwrap();
        std::fs::write(entry.path(), bytes).unwrap();
    }
    let notes = Notes(Mutex::default());
    let source = layout::open(folder.path(), &Choice::default()).unwrap();
    let again = scan::inspect(source, &options, &notes).unwrap();
    assert_eq!(
        (again.cached_layers, packages(&again)),
        (0, TWO_LAYERS.map(str::to_owned).to_vec())
    );
    assert_eq!(notes.0.into_inner().unwrap().len(), 2);
    assert_eq!(scan(folder.path(), &options).cached_layers, 2);
}

#[test]
fn ten_at_once_on_one_cache() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    two_layers().write_layout(folder.path(), "x");
    thread::scope(|scope| {
        let all: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    // Each with its own handle, as processes have.
                    let options = with_cache(cache.path());
                    (0..5)
                        .map(|_| packages(&scan(folder.path(), &options)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for one in all {
            assert!(one.join().unwrap().iter().all(|found| *found == TWO_LAYERS));
        }
    });
    let left = std::fs::read_dir(cache.path().join("layers"))
        .unwrap()
        .flat_map(|set| std::fs::read_dir(set.unwrap().path()).unwrap());
    let names: Vec<_> = left
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().all(|name| name.starts_with("sha256-")),
        "{names:?}"
    );
}

#[test]
fn the_oldest_go_when_it_is_full() {
    let cache = tempfile::tempdir().unwrap();
    let small = LayerCache::open(cache.path(), "a", 2000).unwrap();
    let digests: Vec<String> = (0..80).map(|n: u32| sha256(&n.to_le_bytes())).collect();
    for digest in &digests {
        small
            .store(&CachedLayer {
                digest: digest.clone(),
                diff_id: digest.clone(),
                ..CachedLayer::default()
            })
            .unwrap();
    }
    let kept = digests
        .iter()
        .filter(|digest| matches!(small.load(digest), Lookup::Hit(_)))
        .count();
    assert!(kept < 60, "{kept} kept");
    assert!(matches!(
        small.load(digests.last().unwrap()),
        Lookup::Hit(_)
    ));
}

#[test]
fn without_a_cache_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    two_layers().write_layout(folder.path(), "x");
    assert_eq!(
        inspect(layout::open(folder.path(), &Choice::default()).unwrap()).cached_layers,
        0
    );
}
