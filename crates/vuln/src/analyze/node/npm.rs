//! `package-lock.json` and its kin, versions 1 to 3.
//!
//! Versions 2 and 3 list every place under `packages`; version 1 nests `dependencies`.

use super::{installed::licences, is_version};
use crate::analyze::{
    FileMeta,
    document::{self, Limits, Node},
    manifest::{Graph, Listing, integrity},
};
use rampart_model::package::{Package, PackageKind};
use std::collections::HashMap;

/// Longest path of a place; 32 levels of it are searched for a dependency.
const MAX_PLACE: usize = 1_024;
const NEEDS: [&str; 3] = ["dependencies", "optionalDependencies", "peerDependencies"];
const OWN: &str = "a workspace or link of the project itself";
const ADDRESS: &str = "given by an address that names no version";

pub(super) fn read(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    if document.get("packages").is_map() {
        places(document.get("packages"), listing);
    } else {
        let mut tree = Tree::default();
        tree.walk("", document.get("dependencies"), listing);
        tree.finish(listing);
    }
}

/// Versions 2 and 3: `node_modules/a/node_modules/b` → entry.
fn places(packages: &Node, listing: &mut Listing<'_>) {
    let mut graph = Graph::default();
    let mut at_place: HashMap<&str, usize> = HashMap::new();
    let mut read: Vec<(&str, &Node)> = Vec::new();
    let mut own: Vec<(&str, &Node)> = Vec::new();
    for (place, entry) in packages.map() {
        if !entry.is_map() {
            listing.bad(place, entry.type_name());
            continue;
        }
        let Some((_, tail)) = place.rsplit_once("node_modules/") else {
            if !place.is_empty() {
                listing.left_out(OWN, place);
            }
            own.push((place, entry));
            continue;
        };
        if entry.flag_of("link") {
            continue;
        }
        if place.len() > MAX_PLACE {
            listing.bad(tail, "nested deeper than an install can be");
            continue;
        }
        if let Some(package) = package(entry.text_of("name").unwrap_or(tail), entry, listing) {
            at_place.insert(place, graph.add(package));
            read.push((place, entry));
        }
    }
    for (at, (place, entry)) in read.iter().enumerate() {
        graph.needs[at] = needs(place, entry, &NEEDS, &at_place);
    }
    let keys = [
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
    ];
    for (place, entry) in own {
        let roots = needs(place, entry, &keys, &at_place);
        graph.mark_direct(&roots);
    }
    graph.list(listing);
}

fn needs(place: &str, entry: &Node, keys: &[&str], at_place: &HashMap<&str, usize>) -> Vec<usize> {
    let names = keys.iter().flat_map(|key| entry.get(key).map());
    names
        .filter_map(|(name, _)| resolve(place, name, at_place))
        .collect()
}

/// As Node looks for a module: in the place's own `node_modules`, then in each above it.
fn resolve(place: &str, name: &str, at_place: &HashMap<&str, usize>) -> Option<usize> {
    let mut dir = place;
    // Nested deeper than this is no install anybody made.
    for _ in 0..32 {
        let sought = if dir.is_empty() {
            format!("node_modules/{name}")
        } else {
            format!("{dir}/node_modules/{name}")
        };
        if let Some(at) = at_place.get(sought.as_str()) {
            return Some(*at);
        }
        if dir.is_empty() {
            return None;
        }
        dir = match dir.rsplit_once("node_modules/") {
            Some((above, _)) => above.trim_end_matches('/'),
            None => "",
        };
    }
    None
}

fn package(name: &str, entry: &Node, listing: &mut Listing<'_>) -> Option<Package> {
    let Some(version) = entry.text_of("version") else {
        match entry.get("version") {
            Node::Null => listing.bad(name, "no version"),
            other => listing.bad(name, &format!("its version is {}", other.type_name())),
        }
        return None;
    };
    let (name, version) = match version.strip_prefix("npm:").and_then(super::split_at_sign) {
        Some((real, version)) => (real, version),
        None => (name, version),
    };
    if !is_version(version) {
        let why = if version.starts_with("file:") {
            OWN
        } else {
            ADDRESS
        };
        listing.left_out(why, name);
        return None;
    }
    let mut package = Package::new(PackageKind::Npm, name, version);
    // `devOptional` is needed by development or by an optional dependency that is not here.
    package.dev = entry.flag_of("dev") || entry.flag_of("devOptional");
    package.hashes = entry
        .text_of("integrity")
        .map(integrity)
        .unwrap_or_default();
    package.licenses = licences(entry);
    Some(package)
}

/// Version 1, walked without recursion deeper than the document itself.
#[derive(Default)]
struct Tree<'d> {
    graph: Graph,
    places: HashMap<String, usize>,
    read: Vec<(String, &'d Node)>,
}

impl<'d> Tree<'d> {
    fn walk(&mut self, above: &str, entries: &'d Node, listing: &mut Listing<'_>) {
        for (name, entry) in entries.map() {
            if !entry.is_map() {
                listing.bad(name, entry.type_name());
                continue;
            }
            let slash = if above.is_empty() { "" } else { "/" };
            let place = format!("{above}{slash}node_modules/{name}");
            if place.len() > MAX_PLACE {
                listing.bad(name, "nested deeper than an install can be");
                continue;
            }
            if let Some(package) = package(name, entry, listing) {
                let at = self.graph.add(package);
                self.places.insert(place.clone(), at);
                self.read.push((place.clone(), entry));
            }
            self.walk(&place, entry.get("dependencies"), listing);
        }
    }

    fn finish(mut self, listing: &mut Listing<'_>) {
        let at_place: HashMap<&str, usize> = self
            .places
            .iter()
            .map(|(place, at)| (place.as_str(), *at))
            .collect();
        for (at, (place, entry)) in self.read.iter().enumerate() {
            self.graph.needs[at] = needs(place, entry, &["requires"], &at_place);
        }
        self.graph.list(listing);
    }
}
