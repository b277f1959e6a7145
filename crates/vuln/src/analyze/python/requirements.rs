//! `requirements*.txt`, as pip reads it.
//!
//! Only what is pinned to one version (`==`, `===`) is a package; the rest is told as left out.
//! An included file (`-r`, `-c`) is read on its own, if its name is one that is looked for.

use super::normal;
use crate::analyze::{
    FileMeta,
    document::decode,
    manifest::{Listing, tagged_hash},
};
use rampart_model::package::{Package, PackageKind};

pub(super) fn is_requirements(path: &str) -> bool {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(stem) = name.strip_suffix(".txt") else {
        return false;
    };
    let in_folder = dir == "requirements" || dir.ends_with("/requirements");
    in_folder
        || stem == "requirements"
        || stem.starts_with("requirements-")
        || stem.starts_with("requirements_")
        || stem.starts_with("requirements.")
        || stem.ends_with("-requirements")
        || stem.ends_with("_requirements")
        || stem.ends_with(".requirements")
}

/// `requirements-dev.txt`, `requirements/test.txt`, …
fn is_development(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| {
            matches!(
                word.to_ascii_lowercase().as_str(),
                "dev"
                    | "develop"
                    | "development"
                    | "test"
                    | "tests"
                    | "testing"
                    | "lint"
                    | "docs"
                    | "doc"
            )
        })
}

pub(super) fn read(meta: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let dev = is_development(&meta.path);
    for line in logical_lines(&decode(bytes)) {
        line_read(&line, listing, dev);
    }
}

/// Joins lines that end in a backslash and takes comments away.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = if line.trim_start().starts_with('#') {
            ""
        } else {
            line.find(" #")
                .or_else(|| line.find("\t#"))
                .map_or(line, |at| &line[..at])
        };
        if let Some(part) = line.trim_end().strip_suffix('\\') {
            open.push_str(part);
            open.push(' ');
            continue;
        }
        open.push_str(line);
        let whole = std::mem::take(&mut open);
        if !whole.trim().is_empty() {
            lines.push(whole.trim().to_owned());
        }
    }
    if !open.trim().is_empty() {
        lines.push(open.trim().to_owned());
    }
    lines
}

fn line_read(line: &str, listing: &mut Listing<'_>, dev: bool) {
    if line.starts_with('-') {
        return option(line, listing);
    }
    match requirement(line) {
        Requirement::Pinned(mut package) => {
            package.dev = dev;
            package.direct = true;
            listing.add(*package);
        }
        Requirement::Open(name) => listing.left_out("not pinned to one version", &name),
        Requirement::Address => {
            listing.left_out("given by an address or path that names no version", line);
        }
    }
}

fn option(line: &str, listing: &mut Listing<'_>) {
    let (flag, value) = line.split_once([' ', '=', '\t']).unwrap_or((line, ""));
    let value = value.trim();
    match flag {
        "-r" | "--requirement" | "-c" | "--constraint" if !is_requirements(value) => {
            listing.left_out("included from a file whose name is not looked for", value);
        }
        "-e" | "--editable" => listing.left_out("installed from a source tree", value),
        _ => {}
    }
}

pub(super) enum Requirement {
    Pinned(Box<Package>),
    Open(String),
    Address,
}

/// One requirement: `name[extras] ==1.2 ; marker --hash=sha256:…`, or a wheel's address.
pub(super) fn requirement(line: &str) -> Requirement {
    let (text, options) = line.split_once(" --").unwrap_or((line, ""));
    let text = text.split(" ;").next().unwrap_or(text);
    if let Some((name, address)) = text.split_once('@').filter(|(name, _)| is_name(name)) {
        return wheel(address).unwrap_or_else(|| Requirement::Open(base(name).to_owned()));
    }
    if text.contains("://") || text.starts_with(['.', '/']) || text.ends_with(".whl") {
        return wheel(text).unwrap_or(Requirement::Address);
    }
    let text = text.split(';').next().unwrap_or(text).trim();
    let end = text
        .find(['=', '<', '>', '!', '~', '(', ' ', '\t'])
        .unwrap_or(text.len());
    let (name, specifier) = text.split_at(end);
    let specifier = specifier
        .trim()
        .trim_start_matches('(')
        .trim_end_matches(')')
        .trim();
    match pinned(specifier) {
        Some(version) => {
            let mut package = Package::new(PackageKind::Pypi, base(name), version);
            package.hashes = options
                .split_ascii_whitespace()
                .filter_map(|word| {
                    tagged_hash(word.trim_start_matches("--").strip_prefix("hash=")?)
                })
                .collect();
            Requirement::Pinned(Box::new(package))
        }
        None => Requirement::Open(base(name).to_owned()),
    }
}

/// The one version that `==1.2`, `===1.2` or `==1.2,>=1` allows.
pub(super) fn pinned(specifier: &str) -> Option<&str> {
    specifier.split(',').find_map(|one| {
        let version = one.trim().strip_prefix("==")?;
        let version = version.strip_prefix('=').unwrap_or(version).trim();
        (!version.is_empty() && !version.ends_with(".*")).then_some(version)
    })
}

/// Without extras.
fn base(name: &str) -> &str {
    name.split('[').next().unwrap_or(name).trim()
}

fn is_name(text: &str) -> bool {
    let name = base(text);
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// `…/name-1.2.3-py3-none-any.whl` tells name and version.
fn wheel(address: &str) -> Option<Requirement> {
    let file = address
        .trim()
        .split(['#', '?'])
        .next()?
        .rsplit('/')
        .next()?;
    let mut parts = file.strip_suffix(".whl")?.split('-');
    let (name, version) = (parts.next()?, parts.next()?);
    (parts.count() >= 3).then(|| {
        let package = Package::new(PackageKind::Pypi, normal(name), version);
        Requirement::Pinned(Box::new(package))
    })
}
