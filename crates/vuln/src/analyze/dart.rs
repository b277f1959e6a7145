//! Dart and Flutter: `pubspec.lock`. Limit: 16 MiB.

use super::{
    FileMeta, Scope,
    document::{self, Limits},
    manifest::{Listing, Manifest},
};
use rampart_model::package::{Package, PackageKind};

pub static PUBSPEC_LOCK: Manifest = Manifest {
    name: "pub",
    scope: Scope::Project,
    limit: 16 << 20,
    wants: |file| file.file_name() == "pubspec.lock",
    read,
};

fn read(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::yaml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    for (name, entry) in document.get("packages").map() {
        match entry.text_of("source") {
            Some("sdk") => {
                listing.left_out("part of the SDK, without a version of its own", name);
                continue;
            }
            Some("path") => {
                listing.left_out("given by a path", name);
                continue;
            }
            _ => {}
        }
        let Some(version) = entry.text_of("version") else {
            listing.bad(name, "no version");
            continue;
        };
        let mut package = Package::new(PackageKind::Pub, &**name, version);
        let dependency = entry.text_of("dependency").unwrap_or_default();
        package.direct = dependency.starts_with("direct");
        package.dev = dependency == "direct dev";
        if let Some(hash) = entry.get("description").text_of("sha256") {
            package.hashes.push(format!("sha256:{hash}"));
        }
        listing.add(package);
    }
}
