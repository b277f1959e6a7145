//! `yarn.lock`, version 1 and Berry, read line by line.
//!
//! Both are blocks of two-blank indented lines below a line of descriptors; version 1 writes
//! `key "value"`, Berry `key: value`. The reader takes either, a block at a time.

use super::{is_version, split_at_sign};
use crate::analyze::{
    FileMeta,
    document::decode,
    manifest::{Graph, Listing, Names, integrity},
};
use rampart_model::package::{Package, PackageKind};

const OWN: &str = "a workspace or link of the project itself";

#[derive(Default)]
struct Block<'t> {
    descriptors: Vec<&'t str>,
    version: Option<&'t str>,
    resolution: Option<&'t str>,
    resolved: Option<&'t str>,
    integrity: Option<&'t str>,
    checksum: Option<&'t str>,
    needs: Vec<(&'t str, &'t str)>,
}

pub(super) fn read(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let mut lock = Lock::default();
    let mut block = Block::default();
    let mut in_needs = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match line.len() - line.trim_start().len() {
            0 => {
                lock.take(std::mem::take(&mut block), listing);
                in_needs = false;
                if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"]
                    .iter()
                    .any(|m| line.starts_with(m))
                {
                    listing.bad(line, "a merge conflict is not settled here");
                } else {
                    block.descriptors = descriptors(trimmed);
                }
            }
            1..=3 => in_needs = block.field(trimmed),
            _ if in_needs => block.needs.extend(pair(trimmed)),
            _ => {}
        }
    }
    lock.take(block, listing);
    lock.finish(listing);
}

/// `"a@^1", b@^2:` and `"a@npm:^1, a@npm:^2":`.
fn descriptors(line: &str) -> Vec<&str> {
    line.trim_end_matches(':')
        .split(',')
        .map(|one| one.trim().trim_matches('"'))
        .filter(|one| !one.is_empty())
        .collect()
}

/// `key "value"`, `key value`, `"key" value`, `key: value`, `"key": "value"`.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => {
            let end = line.find([' ', ':']).unwrap_or(line.len());
            line.split_at(end)
        }
    };
    let value = rest.trim_start_matches(':').trim().trim_matches('"');
    Some((key, value))
}

impl<'t> Block<'t> {
    /// Takes one field; whether a list of dependencies follows.
    fn field(&mut self, line: &'t str) -> bool {
        let Some((key, value)) = pair(line) else {
            return false;
        };
        match key {
            "version" => self.version = Some(value),
            "resolution" => self.resolution = Some(value),
            "resolved" => self.resolved = Some(value),
            "integrity" => self.integrity = Some(value),
            "checksum" => self.checksum = Some(value),
            "dependencies" | "optionalDependencies" => return true,
            _ => {}
        }
        false
    }

    /// The true name: behind an alias, what `npm:` or the resolution says.
    fn name(&self) -> Option<&'t str> {
        if let Some((name, _)) = self.resolution.and_then(split_at_sign) {
            return Some(name);
        }
        let (name, range) = split_at_sign(self.descriptors.first()?)?;
        let alias = range.strip_prefix("npm:").and_then(split_at_sign);
        Some(alias.map_or(name, |(real, _)| real))
    }

    fn is_own(&self) -> bool {
        let range = self
            .resolution
            .or(self.descriptors.first().copied())
            .unwrap_or_default();
        let protocol = split_at_sign(range).map_or("", |(_, rest)| rest);
        ["workspace:", "link:", "portal:", "file:"]
            .iter()
            .any(|own| protocol.starts_with(own))
    }
}

#[derive(Default)]
struct Lock<'t> {
    graph: Graph,
    by_descriptor: Names,
    needs: Vec<Vec<(&'t str, &'t str)>>,
    direct: Vec<(&'t str, &'t str)>,
}

impl<'t> Lock<'t> {
    fn take(&mut self, block: Block<'t>, listing: &mut Listing<'_>) {
        let Some(first) = block.descriptors.first().copied() else {
            return;
        };
        if first == "__metadata" {
            return;
        }
        if block.is_own() {
            if !first.ends_with("@workspace:.") {
                listing.left_out(OWN, first);
            }
            self.direct.extend(block.needs);
            return;
        }
        let (Some(name), Some(version)) = (block.name(), block.version) else {
            return listing.bad(first, "no name or version");
        };
        if !is_version(version) {
            return listing.bad(name, "its version is no version");
        }
        let mut package = Package::new(PackageKind::Npm, name, version);
        package.hashes = block.integrity.map(integrity).unwrap_or_default();
        if package.hashes.is_empty() {
            package.hashes = block.resolved.and_then(old_hash).into_iter().collect();
        }
        if let Some(checksum) = block.checksum.and_then(|text| text.rsplit('/').next())
            && checksum.len() == 128
            && checksum.bytes().all(|b| b.is_ascii_hexdigit())
        {
            package.hashes.push(format!("sha512:{checksum}"));
        }
        let at = self.graph.add(package);
        for descriptor in &block.descriptors {
            self.by_descriptor.insert(plain(descriptor), at);
        }
        self.needs.push(block.needs);
    }

    fn finish(mut self, listing: &mut Listing<'_>) {
        let resolve = |needs: &[(&str, &str)]| -> Vec<usize> {
            let found = needs.iter().filter_map(|(name, range)| {
                self.by_descriptor
                    .of(&plain(&format!("{name}@{range}")))
                    .first()
                    .copied()
            });
            found.collect()
        };
        let edges: Vec<Vec<usize>> = self.needs.iter().map(|needs| resolve(needs)).collect();
        let direct = resolve(&self.direct);
        self.graph.needs = edges;
        self.graph.mark_direct(&direct);
        self.graph.list(listing);
    }
}

/// Without the `npm:` that Berry may or may not write before a range.
fn plain(descriptor: &str) -> String {
    descriptor.replacen("@npm:", "@", 1)
}

/// `https://…/a-1.0.0.tgz#<sha1>`
fn old_hash(resolved: &str) -> Option<String> {
    let (_, hash) = resolved.rsplit_once('#')?;
    (hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| format!("sha1:{hash}"))
}
