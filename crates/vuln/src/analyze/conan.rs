//! C and C++ by Conan: `conan.lock` of Conan 1 (a graph) and 2 (lists). Limit: 16 MiB.

use super::{
    FileMeta, Scope,
    document::{self, Limits, Node},
    manifest::{Graph, Listing, Manifest},
};
use rampart_model::package::{Package, PackageKind};
use std::collections::HashMap;

pub static CONAN_LOCK: Manifest = Manifest {
    name: "conan",
    scope: Scope::Project,
    limit: 16 << 20,
    wants: |file| file.file_name() == "conan.lock",
    read,
};

fn read(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let nodes = document.get("graph_lock").get("nodes");
    if nodes.is_map() {
        return graph(nodes, listing);
    }
    for (key, dev) in [
        ("requires", false),
        ("python_requires", true),
        ("build_requires", true),
    ] {
        for entry in document.get(key).list() {
            let text = entry.text().or_else(|| entry.list().first()?.text());
            match text.and_then(reference) {
                Some(mut package) => {
                    package.dev = dev;
                    listing.add(package);
                }
                None => listing.bad(text.unwrap_or("(unnamed)"), "no name/version"),
            }
        }
    }
}

fn graph(nodes: &Node, listing: &mut Listing<'_>) {
    let mut graph = Graph::default();
    let mut at_id: HashMap<&str, usize> = HashMap::new();
    let mut roots: Vec<&str> = Vec::new();
    for (id, entry) in nodes.map() {
        let text = entry.text_of("ref").unwrap_or_default();
        match reference(text) {
            // The project's own recipe has a path beside its name.
            Some(_) if !entry.get("path").is_null() => roots.extend(entry.get("requires").names()),
            Some(mut package) => {
                package.dev = entry.text_of("context") == Some("build");
                at_id.insert(id, graph.add(package));
            }
            None if text.is_empty() || !entry.get("path").is_null() => {
                roots.extend(entry.get("requires").names());
            }
            None => listing.bad(text, "no name/version"),
        }
    }
    for (id, entry) in nodes.map() {
        if let Some(at) = at_id.get(&**id) {
            let needs = entry.get("requires").names().into_iter();
            graph.needs[*at] = needs.filter_map(|need| at_id.get(need).copied()).collect();
        }
    }
    let roots: Vec<usize> = roots
        .iter()
        .filter_map(|id| at_id.get(id).copied())
        .collect();
    graph.mark_direct(&roots);
    graph.list(listing);
}

/// `name/version[@user/channel][#revision][%time]`
fn reference(text: &str) -> Option<Package> {
    let plain = text.split(['@', '#', '%']).next()?;
    let (name, version) = plain.split_once('/')?;
    let valid = !name.is_empty() && !version.is_empty() && !version.contains('/');
    valid.then(|| Package::new(PackageKind::Conan, name, version))
}
