//! R: the `DESCRIPTION` of installed packages, and `renv.lock`. Limits: 1 MiB and 16 MiB.

use super::{
    FileMeta, Scope,
    document::{self, Limits, decode},
    manifest::{Graph, Listing, Manifest, Names},
};
use rampart_model::package::{Package, PackageKind};

pub static DESCRIPTION: Manifest = Manifest {
    name: "r-description",
    scope: Scope::Installed,
    limit: 1 << 20,
    wants: |file| file.file_name() == "DESCRIPTION",
    read: description,
};

pub static RENV_LOCK: Manifest = Manifest {
    name: "renv",
    scope: Scope::Project,
    limit: 16 << 20,
    wants: |file| file.file_name() == "renv.lock",
    read: renv,
};

/// Only an installed package has a `Built` field; a source tree has none.
fn description(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let field = |key: &str| {
        text.lines().find_map(|line| {
            let value = line.strip_prefix(key)?.strip_prefix(':')?;
            Some(value.trim()).filter(|value| !value.is_empty())
        })
    };
    let (Some(name), Some(_)) = (field("Package"), field("Built")) else {
        return;
    };
    let mut package = Package::new(
        PackageKind::Cran,
        name,
        field("Version").unwrap_or_default(),
    );
    package.licenses = field("License").map(str::to_owned).into_iter().collect();
    package.supplier = field("Maintainer")
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    listing.add(package);
}

fn renv(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut graph = Graph::default();
    let mut names = Names::default();
    let mut entries = Vec::new();
    for (key, entry) in document.get("Packages").map() {
        let name = entry.text_of("Package").unwrap_or(key);
        let Some(version) = entry.text_of("Version") else {
            listing.bad(name, "no version");
            continue;
        };
        let mut package = Package::new(PackageKind::Cran, name, version);
        package.hashes = entry
            .text_of("Hash")
            .filter(|hash| hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(|hash| format!("md5:{hash}"))
            .into_iter()
            .collect();
        let at = graph.add(package);
        names.insert(name.to_owned(), at);
        entries.push(entry);
    }
    for (at, entry) in entries.iter().enumerate() {
        let needs = entry.get("Requirements").names().into_iter();
        graph.needs[at] = needs.filter_map(|name| names.only(name)).collect();
    }
    graph.list(listing);
}
