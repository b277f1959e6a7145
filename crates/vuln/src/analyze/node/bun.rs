//! `bun.lock`, Bun's textual lock file (JSON with comments and trailing commas).
//!
//! `packages` maps a place (`a`, `a/b`, `@s/a/b`) to `["name@version", registry, {needs}, hash]`.

use super::{is_version, split_at_sign};
use crate::analyze::{
    FileMeta,
    document::{self, Limits, Node},
    manifest::{Graph, Listing, integrity},
};
use rampart_model::package::{Package, PackageKind};
use std::collections::HashMap;

const NEEDS: [&str; 3] = ["dependencies", "optionalDependencies", "peerDependencies"];

pub(super) fn read(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::jsonc(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut graph = Graph::default();
    let mut at_place: HashMap<&str, usize> = HashMap::new();
    let mut read: Vec<(&str, &Node)> = Vec::new();
    for (place, entry) in document.get("packages").map() {
        let id = entry
            .list()
            .first()
            .and_then(Node::text)
            .and_then(split_at_sign);
        let Some((name, version)) = id else {
            listing.bad(place, "no name@version");
            continue;
        };
        if ["workspace:", "link:", "file:"]
            .iter()
            .any(|own| version.starts_with(own))
        {
            listing.left_out("a workspace or link of the project itself", name);
            continue;
        }
        if !is_version(version) {
            listing.left_out("given by an address that names no version", name);
            continue;
        }
        let mut package = Package::new(PackageKind::Npm, name, version);
        let hash = entry.list().last().and_then(Node::text);
        package.hashes = hash.map(integrity).unwrap_or_default();
        at_place.insert(place, graph.add(package));
        read.push((place, entry));
    }
    for (at, (place, entry)) in read.iter().enumerate() {
        let needs = entry.list().iter().find(|node| node.is_map());
        graph.needs[at] = needs.map_or_else(Vec::new, |needs| {
            let names = NEEDS.iter().flat_map(|key| needs.get(key).map());
            names
                .filter_map(|(name, _)| resolve(place, name, &at_place))
                .collect()
        });
    }
    let roots = |keys: &[&str]| -> Vec<usize> {
        let workspaces = document.get("workspaces").map().iter();
        workspaces
            .flat_map(|(_, workspace)| keys.iter().flat_map(|key| workspace.get(key).map()))
            .filter_map(|(name, _)| at_place.get(&**name).copied())
            .collect()
    };
    let (productive, development) = (roots(&NEEDS), roots(&["devDependencies"]));
    graph.mark_direct(&productive);
    graph.mark_direct(&development);
    graph.mark_dev(&productive, &development);
    graph.list(listing);
}

/// `a/b` before `b`: the nearest place wins.
fn resolve(place: &str, name: &str, at_place: &HashMap<&str, usize>) -> Option<usize> {
    let mut above = place;
    for _ in 0..64 {
        if let Some(at) = at_place.get(format!("{above}/{name}").as_str()) {
            return Some(*at);
        }
        let Some((shorter, _)) = above.rsplit_once('/') else {
            break;
        };
        above = shorter;
    }
    at_place.get(name).copied()
}
