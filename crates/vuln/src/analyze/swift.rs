//! Swift: `Package.resolved` (1 to 3) of the Swift package manager, `Podfile.lock` of CocoaPods.
//!
//! A Swift package is named by its repository without scheme and `.git`, a pod by its name; pods
//! of one specification (`A/Core`) are one package. Limit: 16 MiB.

use super::{
    FileMeta, Scope,
    document::{self, Limits, Node},
    manifest::{Graph, Listing, Manifest, Names},
};
use rampart_model::package::{Package, PackageKind};

pub static PACKAGE_RESOLVED: Manifest = Manifest {
    name: "swift",
    scope: Scope::Project,
    limit: 16 << 20,
    wants: |file| matches!(file.file_name(), "Package.resolved" | ".package.resolved"),
    read: resolved,
};

pub static PODFILE_LOCK: Manifest = Manifest {
    name: "cocoapods",
    scope: Scope::Project,
    limit: 16 << 20,
    wants: |file| file.file_name() == "Podfile.lock",
    read: pods,
};

fn resolved(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let old = document.get("object").get("pins");
    let pins = if old.is_null() {
        document.get("pins")
    } else {
        old
    };
    for pin in pins.list() {
        let location = pin
            .text_of("location")
            .or_else(|| pin.text_of("repositoryURL"));
        let Some(location) = location else {
            listing.bad(
                pin.text_of("identity").unwrap_or("(unnamed)"),
                "no location",
            );
            continue;
        };
        let Some(version) = pin.get("state").text_of("version") else {
            listing.left_out("pinned to a revision or branch, not a version", location);
            continue;
        };
        listing.package(PackageKind::Swift, &repository(location), version);
    }
}

/// `https://github.com/a/b.git`, `git@github.com:a/b` → `github.com/a/b`.
fn repository(location: &str) -> String {
    let plain = location
        .split_once("://")
        .map_or(location, |(_, rest)| rest);
    let plain = plain.strip_suffix('/').unwrap_or(plain);
    let plain = plain.strip_suffix(".git").unwrap_or(plain);
    match plain.split_once('@') {
        Some((_, rest)) => rest.replacen(':', "/", 1),
        None => plain.to_owned(),
    }
}

fn pods(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::yaml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut graph = Graph::default();
    let mut names = Names::default();
    let mut needs: Vec<(usize, Vec<String>)> = Vec::new();
    for entry in document.get("PODS").list() {
        // `A (1.0)`, or `A (1.0): [B (~> 2)]`.
        let (text, list) = match entry {
            Node::Text(text) => (&**text, &[][..]),
            _ => match entry.map().first() {
                Some((key, needs)) => (&**key, needs.list()),
                None => {
                    listing.bad("(unnamed)", entry.type_name());
                    continue;
                }
            },
        };
        let (name, version) = text.split_once(" (").unwrap_or((text, ""));
        let name = pod(name);
        let version = version.trim_end_matches(')');
        let at = names.only(name).unwrap_or_else(|| {
            let at = graph.add(Package::new(PackageKind::Swift, name, version));
            names.insert(name.to_owned(), at);
            at
        });
        let list = list
            .iter()
            .filter_map(Node::text)
            .map(|need| pod(need).to_owned());
        needs.push((at, list.collect()));
    }
    for (at, needed) in needs {
        let needed = needed.iter().filter_map(|name| names.only(name));
        let others: Vec<usize> = needed.filter(|need| *need != at).collect();
        graph.needs[at].extend(others);
    }
    let direct: Vec<usize> = document
        .get("DEPENDENCIES")
        .list()
        .iter()
        .filter_map(|need| names.only(pod(need.text()?)))
        .collect();
    graph.mark_direct(&direct);
    graph.list(listing);
}

/// `A/Core (~> 1.0)` → `A`.
fn pod(text: &str) -> &str {
    let name = text.split(" (").next().unwrap_or(text);
    name.split('/').next().unwrap_or(name).trim()
}
