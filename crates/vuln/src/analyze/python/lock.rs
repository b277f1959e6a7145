//! Lock files of Pipenv, Poetry, uv, PDM, and the standard `pylock.toml` (PEP 751).

use super::{normal, requirements::pinned};
use crate::analyze::{
    FileMeta,
    document::{self, Limits, Node},
    manifest::{Graph, Listing, Names, tagged_hash},
};
use rampart_model::package::{Package, PackageKind};
use std::collections::HashMap;

pub(super) fn pipfile(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    for (section, entries) in document.map() {
        if &**section == "_meta" {
            continue;
        }
        for (name, entry) in entries.map() {
            let Some(version) = entry.text_of("version").and_then(pinned) else {
                if entry.is_map() {
                    listing.left_out("without a version: from a source tree", name);
                } else {
                    listing.bad(name, entry.type_name());
                }
                continue;
            };
            let mut package = Package::new(PackageKind::Pypi, &**name, version);
            package.dev = &**section == "develop";
            // Pipenv writes the index only for what the Pipfile itself names.
            package.direct = !entry.get("index").is_null();
            package.hashes = hashes(entry.get("hashes"));
            listing.add(package);
        }
    }
}

/// Hashes out of `["sha256:…"]` or `[{hash = "sha256:…"}]`.
fn hashes(files: &Node) -> Vec<String> {
    files
        .list()
        .iter()
        .filter_map(|file| tagged_hash(file.text().or_else(|| file.text_of("hash"))?))
        .collect()
}

/// The entries of a TOML lock file as a graph: node for each package, and its entry.
struct Entries<'d> {
    graph: Graph,
    names: Names,
    entries: Vec<&'d Node>,
}

impl<'d> Entries<'d> {
    fn read(list: &'d Node, listing: &mut Listing<'_>) -> Self {
        let mut this = Self {
            graph: Graph::default(),
            names: Names::default(),
            entries: Vec::new(),
        };
        for entry in list.list() {
            let Some(name) = entry.text_of("name") else {
                listing.bad("(unnamed)", "no name");
                continue;
            };
            let Some(version) = entry.text_of("version") else {
                listing.left_out("without a version: from a source tree", name);
                continue;
            };
            let mut package = Package::new(PackageKind::Pypi, name, version);
            package.hashes = hashes(entry.get("files"));
            let at = this.graph.add(package);
            this.names.insert(normal(name), at);
            this.entries.push(entry);
        }
        this
    }

    /// The package a dependency means: by name, and by version where several have it.
    fn resolve(&self, name: &str, version: Option<&str>) -> Vec<usize> {
        let all = self.names.of(&normal(name));
        match version {
            Some(version) if all.len() > 1 => all
                .iter()
                .copied()
                .take(64)
                .filter(|at| self.graph.packages[*at].version == version)
                .collect(),
            // Forks by marker: any of them may be meant.
            _ => all.iter().copied().take(16).collect(),
        }
    }

    fn connect(&mut self, needs: impl Fn(&Self, &'d Node) -> Vec<usize>) {
        for at in 0..self.entries.len() {
            self.graph.needs[at] = needs(self, self.entries[at]);
        }
    }
}

pub(super) fn poetry(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::toml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut lock = Entries::read(document.get("package"), listing);
    let files = document.get("metadata").get("files").map();
    let old_files: HashMap<&str, &Node> =
        files.iter().map(|(name, list)| (&**name, list)).collect();
    for (at, entry) in lock.entries.iter().enumerate() {
        let package = &mut lock.graph.packages[at];
        if let Some(files) = old_files.get(package.name.as_str()) {
            package.hashes = hashes(files);
        }
        let groups = entry.get("groups").names();
        package.dev = entry.text_of("category") == Some("dev")
            || (!groups.is_empty() && !groups.contains(&"main"));
    }
    lock.connect(|lock, entry| {
        let needed = entry.get("dependencies").names();
        needed
            .iter()
            .flat_map(|name| lock.resolve(name, None))
            .collect()
    });
    lock.graph.list(listing);
}

pub(super) fn uv(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::toml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut lock = Entries::read(document.get("package"), listing);
    for (at, entry) in lock.entries.iter().enumerate() {
        lock.graph.packages[at].hashes = std::iter::once(entry.get("sdist"))
            .chain(entry.get("wheels").list())
            .filter_map(|file| tagged_hash(file.text_of("hash")?))
            .collect();
    }
    lock.connect(|lock, entry| {
        let mut needs = uv_needs(lock, entry.get("dependencies"));
        for (_, extra) in entry.get("optional-dependencies").map() {
            needs.extend(uv_needs(lock, extra));
        }
        needs
    });
    let own: Vec<usize> = (0..lock.entries.len())
        .filter(|at| is_own(lock.entries[*at].get("source")))
        .collect();
    let productive: Vec<usize> = own
        .iter()
        .flat_map(|at| lock.graph.needs[*at].clone())
        .collect();
    let development: Vec<usize> = own
        .iter()
        .flat_map(|at| lock.entries[*at].get("dev-dependencies").map())
        .flat_map(|(_, group)| uv_needs(&lock, group))
        .collect();
    lock.graph.mark_direct(&productive);
    lock.graph.mark_direct(&development);
    lock.graph.mark_dev(&productive, &development);
    without(lock.graph, &own, listing);
}

fn uv_needs(lock: &Entries<'_>, list: &Node) -> Vec<usize> {
    list.list()
        .iter()
        .filter_map(|need| Some((need.text_of("name")?, need.text_of("version"))))
        .flat_map(|(name, version)| lock.resolve(name, version))
        .collect()
}

/// The project itself, or a member of its workspace.
fn is_own(source: &Node) -> bool {
    ["virtual", "editable", "directory"]
        .iter()
        .any(|key| !source.get(key).is_null())
}

/// Lists all but the project's own packages.
fn without(mut graph: Graph, own: &[usize], listing: &mut Listing<'_>) {
    // The first is the project the lock file stands for; more are its workspace.
    for at in own.iter().skip(1) {
        listing.left_out("the project's own", &graph.packages[*at].name);
    }
    let mut kept = Graph::default();
    let mut moved = vec![None; graph.packages.len()];
    for (at, package) in graph.packages.drain(..).enumerate() {
        if own.binary_search(&at).is_err() {
            moved[at] = Some(kept.add(package));
        }
    }
    for (at, needs) in graph.needs.iter().enumerate() {
        if let Some(to) = moved[at] {
            kept.needs[to] = needs.iter().filter_map(|need| moved[*need]).collect();
        }
    }
    kept.list(listing);
}

pub(super) fn pdm(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::toml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut lock = Entries::read(document.get("package"), listing);
    for (at, entry) in lock.entries.iter().enumerate() {
        let groups = entry.get("groups").names();
        lock.graph.packages[at].dev = !groups.is_empty() && !groups.contains(&"default");
    }
    lock.connect(|lock, entry| {
        let needed = entry.get("dependencies").names();
        needed
            .iter()
            .map(|need| {
                need.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)))
                    .next()
                    .unwrap_or(need)
            })
            .flat_map(|name| lock.resolve(name, None))
            .collect()
    });
    lock.graph.list(listing);
}

pub(super) fn pylock(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::toml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut lock = Entries::read(document.get("packages"), listing);
    for (at, entry) in lock.entries.iter().enumerate() {
        lock.graph.packages[at].hashes = [entry.get("sdist"), entry.get("archive")]
            .into_iter()
            .chain(entry.get("wheels").list())
            .flat_map(|file| file.get("hashes").map())
            .filter_map(|(algorithm, hash)| tagged_hash(&format!("{algorithm}:{}", hash.text()?)))
            .collect();
    }
    lock.connect(|lock, entry| uv_needs(lock, entry.get("dependencies")));
    lock.graph.list(listing);
}
