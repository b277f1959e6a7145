//! `package.json` of an installed package.

use crate::analyze::{
    FileMeta,
    document::{self, Limits, Node},
    license,
    manifest::Listing,
};
use rampart_model::package::{Package, PackageKind};

/// Samples that packages bring along for their own tests are no packages.
pub(super) fn is_fixture(path: &str) -> bool {
    let Some((_, inside)) = path.rsplit_once("node_modules/") else {
        return false;
    };
    let mut segments = inside.split('/');
    let scoped = segments.next().is_some_and(|first| first.starts_with('@'));
    segments.skip(usize::from(scoped)).any(|segment| {
        matches!(
            segment,
            "test" | "tests" | "__tests__" | "fixtures" | "__fixtures__" | "testdata"
        )
    })
}

/// Without name or version it is no package but a marker (`{"type": "module"}`), or a project
/// that is never published.
pub(super) fn read(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::INSTALLED) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let (Some(name), Some(version)) = (document.text_of("name"), document.text_of("version"))
    else {
        return;
    };
    if name.is_empty() || version.is_empty() {
        return;
    }
    let mut package = Package::new(PackageKind::Npm, name, version.trim());
    package.licenses = licences(&document);
    package.supplier = supplier(document.get("author"));
    if let Some(sri) = document.text_of("_integrity") {
        package.hashes = crate::analyze::manifest::integrity(sri);
    }
    listing.add(package);
}

/// `"license": "MIT"`, `{"type": "MIT"}`, and the old `"licenses": [{"type": "MIT"}]`.
pub(super) fn licences(node: &Node) -> Vec<String> {
    let one = |value: &Node| {
        value
            .text()
            .or_else(|| value.text_of("type"))
            .map(license::normalise)
    };
    let mut found: Vec<String> = one(node.get("license")).into_iter().collect();
    for key in ["license", "licenses"] {
        found.extend(node.get(key).list().iter().filter_map(one));
    }
    found
}

fn supplier(author: &Node) -> String {
    let text = author
        .text()
        .or_else(|| author.text_of("name"))
        .unwrap_or_default();
    text.chars().take(200).collect()
}
