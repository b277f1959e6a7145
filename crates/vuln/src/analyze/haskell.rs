//! Haskell: `cabal.project.freeze` and `stack.yaml.lock`. Limit: 16 MiB.

use super::{
    FileMeta, Scope,
    document::{self, Limits, decode},
    manifest::{Listing, Manifest},
};
use rampart_model::package::{Package, PackageKind};

pub static CABAL_FREEZE: Manifest = Manifest {
    name: "cabal",
    scope: Scope::Project,
    limit: 16 << 20,
    wants: |file| file.file_name() == "cabal.project.freeze",
    read: cabal,
};

pub static STACK_LOCK: Manifest = Manifest {
    name: "stack",
    scope: Scope::Project,
    limit: 16 << 20,
    wants: |file| file.file_name() == "stack.yaml.lock",
    read: stack,
};

/// `constraints: any.aeson ==2.0.3.0,` and lines below it; flags stand without a version.
fn cabal(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let constraints = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .flat_map(|line| {
            line.trim_start()
                .trim_start_matches("constraints:")
                .split(',')
        });
    for one in constraints {
        let Some((name, version)) = one.split_once("==") else {
            continue;
        };
        let name = name.trim();
        let name = name.strip_prefix("any.").unwrap_or(name);
        listing.package(PackageKind::Hackage, name, version.trim());
    }
}

fn stack(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::yaml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    for entry in document.get("packages").list() {
        let completed = entry.get("completed");
        if let Some(text) = completed.text_of("hackage") {
            hackage(text, listing);
        } else if let (Some(name), Some(version)) =
            (completed.text_of("name"), completed.text_of("version"))
        {
            listing.package(PackageKind::Hackage, name, version);
        } else {
            listing.bad(
                "(unnamed)",
                "neither a Hackage package nor a name and version",
            );
        }
    }
}

/// `name-1.2.3@sha256:<of the cabal file>,1234`
fn hackage(text: &str, listing: &mut Listing<'_>) {
    let id = text.split('@').next().unwrap_or(text);
    let Some((name, version)) = id.rsplit_once('-') else {
        return listing.bad(text, "no name-version");
    };
    let mut package = Package::new(PackageKind::Hackage, name, version);
    package.direct = true;
    listing.add(package);
}
