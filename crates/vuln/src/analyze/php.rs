//! PHP: what Composer installed (`vendor/composer/installed.json`) and locks (`composer.lock`).
//!
//! Limits: 16 MiB and 64 MiB.

use super::{
    FileMeta, Scope,
    document::{self, Limits, Node},
    manifest::{Graph, INSTALLED_BYTES, LOCK_BYTES, Listing, Manifest, Names},
};
use rampart_model::package::{Package, PackageKind};
use std::collections::HashSet;

pub static INSTALLED: Manifest = Manifest {
    name: "composer-installed",
    scope: Scope::Installed,
    limit: 2 * INSTALLED_BYTES,
    wants: |file| {
        file.file_name() == "installed.json"
            && file
                .path
                .trim_end_matches("/installed.json")
                .ends_with("composer")
    },
    read: installed,
};

pub static LOCK: Manifest = Manifest {
    name: "composer-lock",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| file.file_name() == "composer.lock",
    read: lock,
};

/// A list (Composer 1), or a table with `packages` (Composer 2).
fn installed(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::INSTALLED) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let packages = match &document {
        Node::List(items) => items.as_slice(),
        _ => document.get("packages").list(),
    };
    let development: HashSet<&str> = document
        .get("dev-package-names")
        .names()
        .into_iter()
        .collect();
    let mut reader = Reader::default();
    for entry in packages {
        let dev = entry
            .text_of("name")
            .is_some_and(|name| development.contains(name));
        reader.take(entry, dev, listing);
    }
    reader.finish(listing);
}

fn lock(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut reader = Reader::default();
    for (key, dev) in [("packages", false), ("packages-dev", true)] {
        for entry in document.get(key).list() {
            reader.take(entry, dev, listing);
        }
    }
    reader.finish(listing);
}

#[derive(Default)]
struct Reader<'d> {
    graph: Graph,
    names: Names,
    entries: Vec<&'d Node>,
}

impl<'d> Reader<'d> {
    fn take(&mut self, entry: &'d Node, dev: bool, listing: &mut Listing<'_>) {
        let Some(name) = entry.text_of("name") else {
            return listing.bad("(unnamed)", "no name");
        };
        let Some(version) = entry.text_of("version") else {
            return listing.bad(name, "no version");
        };
        let mut package = Package::new(PackageKind::Composer, name, version);
        package.dev = dev;
        package.licenses = match entry.get("license") {
            Node::Text(one) => vec![one.to_string()],
            many => many.names().into_iter().map(str::to_owned).collect(),
        };
        let author = entry.get("authors").list().first();
        if let Some(name) = author.and_then(|author| author.text_of("name")) {
            package.supplier = name.chars().take(200).collect();
        }
        if let Some(hash) = entry
            .get("dist")
            .text_of("shasum")
            .filter(|hash| hash.len() == 40)
        {
            package.hashes.push(format!("sha1:{hash}"));
        }
        let at = self.graph.add(package);
        self.names.insert(name.to_ascii_lowercase(), at);
        self.entries.push(entry);
    }

    fn finish(mut self, listing: &mut Listing<'_>) {
        for (at, entry) in self.entries.iter().enumerate() {
            // The platform itself (`php`, `ext-json`) is no package.
            let needs = entry.get("require").map().iter();
            self.graph.needs[at] = needs
                .filter_map(|(name, _)| self.names.of(&name.to_ascii_lowercase()).first().copied())
                .collect();
        }
        self.graph.list(listing);
    }
}
