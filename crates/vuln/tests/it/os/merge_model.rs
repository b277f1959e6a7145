//! Merging against the plainest model there is: a map of paths that each layer is applied to.

use proptest::prelude::*;
use rampart_model::package::{Package, PackageKind};
use rampart_vuln::{
    analyze::{FileFacts, LayerFacts, path_hash},
    merge::merge,
};
use std::collections::BTreeMap;

const PATHS: &[&str] = &[
    "a", "a/a", "a/a/a", "a/a/b", "a/b", "a/b/a", "b", "b/a", "b/a/a", "b/b", "c",
];

#[derive(Clone, Debug)]
enum Thing {
    /// A file with this package in it, or none.
    File(usize, Option<u8>),
    Directory(usize),
    Whiteout(usize),
    Opaque(usize),
}

fn thing() -> impl Strategy<Value = Thing> {
    let path = 0..PATHS.len();
    prop_oneof![
        4 => (path.clone(), prop::option::of(0_u8..3)).prop_map(|(p, v)| Thing::File(p, v)),
        1 => path.clone().prop_map(Thing::Directory),
        1 => path.clone().prop_map(Thing::Whiteout),
        1 => path.prop_map(Thing::Opaque),
    ]
}

fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// A layer cannot hold a file and something below it, or a path twice.
fn consistent(things: Vec<Thing>) -> Vec<Thing> {
    let mut kept: Vec<Thing> = Vec::new();
    let entry = |thing: &Thing| match thing {
        Thing::File(path, _) => Some((PATHS[*path], true)),
        Thing::Directory(path) => Some((PATHS[*path], false)),
        _ => None,
    };
    for thing in things {
        let clash = entry(&thing).is_some_and(|(path, is_file)| {
            kept.iter().filter_map(entry).any(|(other, other_is_file)| {
                path == other
                    || (is_file && below(other, path))
                    || (other_is_file && below(path, other))
            })
        });
        if !clash {
            kept.push(thing);
        }
    }
    kept
}

fn facts(things: &[Thing]) -> LayerFacts {
    let mut layer = LayerFacts::default();
    for thing in things {
        match thing {
            Thing::Whiteout(path) => layer.whiteouts.push(PATHS[*path].to_owned()),
            Thing::Opaque(path) => layer.opaques.push(PATHS[*path].to_owned()),
            Thing::Directory(path) => {
                layer.entries.push(path_hash(&format!("{}/", PATHS[*path])));
            }
            Thing::File(path, version) => {
                let path = PATHS[*path];
                layer.entries.push(path_hash(path));
                if let Some(version) = version {
                    layer.files.push(FileFacts {
                        path: path.to_owned(),
                        packages: vec![Package::new(PackageKind::Npm, "p", version.to_string())],
                        ..FileFacts::default()
                    });
                }
            }
        }
    }
    layer.entries.sort_unstable();
    layer
}

type State = BTreeMap<String, Option<u8>>;

fn apply(state: &mut State, things: &[Thing]) {
    for thing in things {
        match thing {
            Thing::Whiteout(path) => {
                state.retain(|known, _| known != PATHS[*path] && !below(known, PATHS[*path]));
            }
            Thing::Opaque(path) => state.retain(|known, _| !below(known, PATHS[*path])),
            _ => {}
        }
    }
    for thing in things {
        match thing {
            Thing::File(path, version) => {
                let path = PATHS[*path];
                state.retain(|known, _| !below(known, path));
                state.insert(path.to_owned(), *version);
            }
            Thing::Directory(path) => {
                state.remove(PATHS[*path]);
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_left_and_since_when(layers in prop::collection::vec(prop::collection::vec(thing(), 0..8), 1..7)) {
        let layers: Vec<Vec<Thing>> = layers.into_iter().map(consistent).collect();
        let mut states = Vec::new();
        let mut state = State::new();
        for layer in &layers {
            apply(&mut state, layer);
            states.push(state.clone());
        }
        let mut want = Vec::new();
        for (path, version) in &state {
            if let Some(version) = version {
                let same = |state: &&State| state.get(path) == Some(&Some(*version));
                let since = states.len() - states.iter().rev().take_while(same).count();
                want.push((version.to_string(), path.clone(), since as u32));
            }
        }
        want.sort();
        let artifact = merge(layers.iter().map(|layer| facts(layer)).collect());
        let got: Vec<_> = artifact
            .packages
            .into_iter()
            .map(|package| (package.version, package.path, package.layer.unwrap()))
            .collect();
        prop_assert_eq!(got, want);
    }
}
