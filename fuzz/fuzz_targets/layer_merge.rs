//! Layers laid over each other: what is left has a layer, in order, once.
//!
//! Three bytes make one thing of a layer; the last one's parity starts the next layer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::{
    package::{Package, PackageKind},
    scan::Secret,
};
use rampart_vuln::{
    analyze::{FileFacts, LayerFacts, path_hash},
    merge::merge,
};

const PATHS: &[&str] = &[
    "",
    "a",
    "a/b",
    "a/b/c",
    "a/c",
    "b",
    "b/a",
    "var/lib/dpkg/status",
];

fuzz_target!(|bytes: &[u8]| {
    let mut layers = vec![LayerFacts::default()];
    for thing in bytes.chunks_exact(3).take(4096) {
        let path = PATHS[usize::from(thing[1]) % PATHS.len()];
        let layer = layers.last_mut().expect("never empty");
        match thing[0] % 5 {
            0 => layer.whiteouts.push(path.to_owned()),
            1 => layer.opaques.push(path.to_owned()),
            2 => layer.entries.push(path_hash(path)),
            3 => layer.entries.push(path_hash(&format!("{path}/"))),
            _ => {
                let kind = if thing[0] & 0x80 == 0 {
                    PackageKind::Npm
                } else {
                    PackageKind::Deb
                };
                layer.entries.push(path_hash(path));
                layer.files.push(FileFacts {
                    path: path.to_owned(),
                    packages: vec![Package::new(kind, "p", (thing[2] >> 6).to_string())],
                    secrets: vec![Secret {
                        path: path.to_owned(),
                        ..Secret::default()
                    }],
                    ..FileFacts::default()
                });
            }
        }
        if thing[2] & 1 == 1 && layers.len() < 64 {
            layers.push(LayerFacts::default());
        }
    }
    let count = layers.len() as u32;
    let secrets = layers.iter().any(|layer| !layer.files.is_empty());
    let artifact = merge(layers);
    assert!(
        artifact
            .packages
            .iter()
            .all(|package| package.layer.is_some_and(|l| l < count))
    );
    assert_eq!(secrets, !artifact.secrets.is_empty(), "no secret is lost");
    let key = |p: &Package| (p.kind, p.name.clone(), p.version.clone(), p.path.clone());
    assert!(artifact.packages.is_sorted_by_key(key));
});
