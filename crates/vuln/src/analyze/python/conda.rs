//! Conda: `conda-meta/<name>-<version>-<build>.json` of what is installed, `environment.yml` of
//! what is wanted.

use super::requirements::{Requirement, requirement};
use crate::analyze::{
    FileMeta,
    document::{self, Limits, Node},
    manifest::Listing,
};
use rampart_model::package::{Package, PackageKind};

pub(super) fn meta(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::json(bytes, Limits::INSTALLED) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let (Some(name), Some(version)) = (document.text_of("name"), document.text_of("version"))
    else {
        return listing.bad("(unnamed)", "no name or version");
    };
    let mut package = Package::new(PackageKind::Conda, name, version);
    package.arch = document.text_of("subdir").unwrap_or_default().to_owned();
    package.licenses = document
        .text_of("license")
        .map(str::to_owned)
        .into_iter()
        .collect();
    for algorithm in ["md5", "sha256"] {
        if let Some(hash) = document.text_of(algorithm).filter(|hash| !hash.is_empty()) {
            package.hashes.push(format!("{algorithm}:{hash}"));
        }
    }
    // Written `name` or `name >=1 build`: what conda-history was asked for is direct.
    package.direct = document
        .text_of("requested_spec")
        .is_some_and(|spec| spec != "None" && !spec.is_empty());
    listing.add(package);
}

pub(super) fn environment(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::yaml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    for entry in document.get("dependencies").list() {
        match entry {
            Node::Text(text) => wanted(text, listing),
            Node::Map(_) => {
                for line in entry.get("pip").list().iter().filter_map(Node::text) {
                    by_pip(line, listing);
                }
            }
            other => listing.bad("(unnamed)", other.type_name()),
        }
    }
}

/// `[channel::]name=1.2[=build]` or `name==1.2`; ranges name no version.
fn wanted(text: &str, listing: &mut Listing<'_>) {
    let text = text.rsplit("::").next().unwrap_or(text).trim();
    let end = text
        .find(['=', '<', '>', '!', '~', ' '])
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let version = rest.trim().strip_prefix('=').and_then(|rest| {
        let rest = rest.strip_prefix('=').unwrap_or(rest);
        rest.split(['=', ' ']).next()
    });
    match version.filter(|v| !v.is_empty() && !v.contains(['*', ',', '<', '>', '|'])) {
        Some(version) => {
            let mut package = Package::new(PackageKind::Conda, name, version);
            package.direct = true;
            listing.add(package);
        }
        None => listing.left_out("not pinned to one version", name),
    }
}

fn by_pip(line: &str, listing: &mut Listing<'_>) {
    match requirement(line) {
        Requirement::Pinned(mut package) => {
            package.direct = true;
            listing.add(*package);
        }
        Requirement::Open(name) => listing.left_out("not pinned to one version", &name),
        Requirement::Address => {
            listing.left_out("given by an address or path that names no version", line)
        }
    }
}
