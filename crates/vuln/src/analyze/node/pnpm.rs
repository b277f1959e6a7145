//! `pnpm-lock.yaml`, versions 5 to 9.
//!
//! Keys of `packages`: `/name/1.2.3_peer` in 5, `/name@1.2.3(peer@1)` in 6, `name@1.2.3` from 9
//! on, where `snapshots` holds who needs whom. Before 9 each entry says `dev`; from 9 on it
//! follows from the importers.

use super::is_version;
use crate::analyze::{
    FileMeta,
    document::{self, Limits, Node},
    manifest::{Graph, Listing, Names, integrity},
};
use rampart_model::package::{Package, PackageKind};

const OWN: &str = "a workspace or link of the project itself";
const ADDRESS: &str = "given by an address that names no version";

pub(super) fn read(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let document = match document::yaml(bytes, Limits::PROJECT) {
        Ok(document) => document,
        Err(error) => return listing.unreadable(error),
    };
    let mut lock = Lock::default();
    lock.packages(document.get("packages"), listing);
    let snapshots = document.get("snapshots");
    lock.connect(document.get("packages"));
    lock.connect(snapshots);
    // A single project has its dependencies at the top, a workspace below `importers`.
    let mut roots = Roots::default();
    lock.importer(&document, &mut roots, listing);
    for (_, importer) in document.get("importers").map() {
        lock.importer(importer, &mut roots, listing);
    }
    lock.graph.mark_direct(&roots.productive);
    lock.graph.mark_direct(&roots.development);
    if !snapshots.is_null() {
        lock.graph.mark_dev(&roots.productive, &roots.development);
    }
    lock.graph.list(listing);
}

#[derive(Default)]
struct Roots {
    productive: Vec<usize>,
    development: Vec<usize>,
}

#[derive(Default)]
struct Lock {
    graph: Graph,
    /// By `name@version`, and by the raw key.
    names: Names,
}

impl Lock {
    fn packages(&mut self, packages: &Node, listing: &mut Listing<'_>) {
        for (key, entry) in packages.map() {
            if !entry.is_map() {
                listing.bad(key, entry.type_name());
                continue;
            }
            let from_key = name_and_version(key);
            let name = entry.text_of("name").or(from_key.map(|(name, _)| name));
            let version = entry
                .text_of("version")
                .or(from_key.map(|(_, version)| version));
            let (Some(name), Some(version)) = (name, version) else {
                let own = key.starts_with("file:") || key.contains("@file:");
                listing.left_out(if own { OWN } else { ADDRESS }, key);
                continue;
            };
            let mut package = Package::new(PackageKind::Npm, name, version);
            package.dev = entry.flag_of("dev");
            let resolution = entry.get("resolution");
            package.hashes = resolution
                .text_of("integrity")
                .map(integrity)
                .unwrap_or_default();
            let plain = format!("{name}@{version}");
            let at = self.graph.add(package);
            if **key != *plain {
                self.names.insert(key.to_string(), at);
            }
            self.names.insert(plain, at);
        }
    }

    fn connect(&mut self, entries: &Node) {
        for (key, entry) in entries.map() {
            let Some(at) = self.find(key) else { continue };
            for section in ["dependencies", "optionalDependencies"] {
                for (name, wanted) in entry.get(section).map() {
                    let needed = wanted.text().and_then(|wanted| self.wanted(name, wanted));
                    self.graph.needs[at].extend(needed);
                }
            }
        }
    }

    fn importer(&self, importer: &Node, roots: &mut Roots, listing: &mut Listing<'_>) {
        for section in ["dependencies", "optionalDependencies", "devDependencies"] {
            for (name, entry) in importer.get(section).map() {
                let Some(wanted) = entry.text().or_else(|| entry.text_of("version")) else {
                    listing.bad(name, entry.type_name());
                    continue;
                };
                if wanted.starts_with("link:") {
                    listing.left_out(OWN, name);
                } else if let Some(at) = self.wanted(name, wanted) {
                    match section {
                        "devDependencies" => roots.development.push(at),
                        _ => roots.productive.push(at),
                    }
                }
            }
        }
    }

    fn find(&self, key: &str) -> Option<usize> {
        let plain = || name_and_version(key).map(|(name, version)| format!("{name}@{version}"));
        let direct = self.names.of(key).first().copied();
        direct.or_else(|| self.names.of(&plain()?).first().copied())
    }

    /// A dependency's value: a version, with peers behind it, or a whole key (an alias).
    fn wanted(&self, name: &str, wanted: &str) -> Option<usize> {
        let version = without_peers(wanted);
        let by_name = self.names.of(&format!("{name}@{version}")).first().copied();
        by_name.or_else(|| self.find(wanted))
    }
}

/// `/a/1.0.0_b@2`, `/@s/a@1.0.0(b@2)`, `a@1.0.0`, `registry.example.org/a/1.0.0`.
fn name_and_version(key: &str) -> Option<(&str, &str)> {
    if key.contains(':') && !key.starts_with('/') {
        return None;
    }
    let key = key.split('(').next()?;
    let key = key.strip_prefix('/').unwrap_or(key);
    // A private registry's host may stand before the name.
    let key = match key.split_once('/') {
        Some((host, rest)) if host.contains('.') && !host.contains('@') && !is_version(rest) => {
            rest
        }
        _ => key,
    };
    let (name, version) = super::split_at_sign(key)
        .filter(|(name, version)| is_name(name) && is_version(version))
        .or_else(|| by_slash(key))?;
    let version = without_peers(version);
    (is_version(version) && is_name(name)).then_some((name, version))
}

/// Version 5: `name/1.2.3`, `@scope/name/1.2.3`.
fn by_slash(key: &str) -> Option<(&str, &str)> {
    let scope = if key.starts_with('@') {
        key.find('/')? + 1
    } else {
        0
    };
    let end = key[scope..].find('/')? + scope;
    Some((&key[..end], &key[end + 1..]))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.matches('/').count() == usize::from(name.starts_with('@'))
}

/// Peers stand behind `_` in version 5 and in brackets from 6 on.
fn without_peers(version: &str) -> &str {
    version.split(['(', '_']).next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::name_and_version;

    #[test]
    fn keys_of_all_versions() {
        for (key, want) in [
            ("/a/1.0.0", Some(("a", "1.0.0"))),
            ("/@s/a/1.0.0_b@2.0.0", Some(("@s/a", "1.0.0"))),
            ("/a/1.0.0_b@2.0.0+c@3.0.0", Some(("a", "1.0.0"))),
            ("/@s/a@1.0.0(b@2.0.0)(@s/c@3.0.0)", Some(("@s/a", "1.0.0"))),
            ("a@1.0.0-rc.1", Some(("a", "1.0.0-rc.1"))),
            ("registry.example.org/@s/a/1.0.0", Some(("@s/a", "1.0.0"))),
            ("registry.example.org/a@1.0.0", Some(("a", "1.0.0"))),
            ("lodash.get@4.4.2", Some(("lodash.get", "4.4.2"))),
            ("/lodash.get/4.4.2", Some(("lodash.get", "4.4.2"))),
            ("registry.example.org/a/1.0.0", Some(("a", "1.0.0"))),
            ("file:../x", None),
            ("a@file:x", None),
            ("github.com/a/b/0123abc", None),
            ("", None),
            ("/", None),
            ("@", None),
            ("/@s/", None),
        ] {
            assert_eq!(name_and_version(key), want, "{key}");
        }
    }
}
