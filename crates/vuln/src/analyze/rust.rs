//! Rust: the dependency list `cargo auditable` puts into programs, and `Cargo.lock`.
//!
//! The list is JSON in a zlib stream in the section `.dep-v0`. Sections are named at the end of a
//! file, which cannot be seeked, so every zlib header is tried: cheap checks first, then a few
//! bytes of inflation, which must begin as such a list does. Limits: [`LIST_LIMIT`] bytes of
//! JSON, one list a program, [`LOCK_LIMIT`] bytes of lock file.
//!
//! Sources: `cargo-auditable`'s PARSING.md and JSON schema; Cargo's lock file versions 1 to 4.

use super::{
    Analyzer, FileFacts, FileMeta, Scope, Sink, Whole,
    window::{AFTER, Window},
};
use flate2::{Decompress, FlushDecompress, Status};
use rampart_model::package::{Package, PackageKind};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};

const LIST_LIMIT: usize = 8 << 20;
const LOCK_LIMIT: usize = 16 << 20;
const LIST_START: &[u8] = b"{\"packages\":";

/// Finds the list in a program that streams by.
#[derive(Default)]
pub(super) struct RustFinder {
    trial: Option<Decompress>,
    list: Option<List>,
}

struct List {
    inflate: Decompress,
    json: Vec<u8>,
    /// First position of the stream not yet inflated.
    at: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    More,
    Whole,
    Broken(&'static str),
}

impl RustFinder {
    pub(super) fn look(&mut self, window: &Window<'_>) {
        if self.list.is_some() {
            return;
        }
        for found in memchr::memchr_iter(b'x', &window.bytes[window.from..window.to]) {
            let at = window.from + found;
            let rest = &window.bytes[at..];
            // As much as every window has, so that what is found does not hang on the pieces.
            let near = &rest[..rest.len().min(AFTER)];
            if is_plausible_zlib(near) && self.begins_as_list(near) {
                let mut list = List {
                    inflate: Decompress::new(true),
                    json: Vec::new(),
                    at: window.base + at as u64,
                    state: State::More,
                };
                list.feed(rest);
                self.list = Some(list);
                return;
            }
        }
    }

    pub(super) fn follow(&mut self, start: u64, chunk: &[u8]) {
        let Some(list) = &mut self.list else { return };
        let skip = usize::try_from(list.at.saturating_sub(start)).unwrap_or(usize::MAX);
        if let Some(rest) = chunk.get(skip..)
            && list.state == State::More
        {
            list.feed(rest);
        }
    }

    fn begins_as_list(&mut self, bytes: &[u8]) -> bool {
        let trial = self.trial.get_or_insert_with(|| Decompress::new(true));
        trial.reset(true);
        let mut out = [0; LIST_START.len()];
        // An error after enough output does not matter here.
        let _ = trial.decompress(bytes, &mut out, FlushDecompress::None);
        out == LIST_START
    }

    pub(super) fn finish(self, out: &mut FileFacts) {
        let Some(list) = self.list else { return };
        match list.state {
            State::Whole => match packages_of_list(&list.json, &out.path) {
                Ok(packages) => out.packages.extend(packages),
                Err(error) => out.problem(format!("Rust dependency list: {error}")),
            },
            State::More => out.problem("Rust dependency list: the file ends inside it"),
            State::Broken(why) => out.problem(format!("Rust dependency list: {why}")),
        }
    }
}

impl List {
    fn feed(&mut self, mut bytes: &[u8]) {
        self.at += bytes.len() as u64;
        let mut out = vec![0; 16 << 10];
        while self.state == State::More {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(bytes, &mut out, FlushDecompress::None);
            let taken = usize::try_from(self.inflate.total_in() - read).unwrap_or(0);
            let made = usize::try_from(self.inflate.total_out() - written).unwrap_or(0);
            bytes = bytes.get(taken..).unwrap_or_default();
            self.json.extend_from_slice(&out[..made.min(out.len())]);
            self.state = match status {
                Ok(Status::StreamEnd) => State::Whole,
                Err(_) => State::Broken("its zlib stream is damaged"),
                Ok(_) if self.json.len() > LIST_LIMIT => {
                    self.json = Vec::new();
                    State::Broken("longer than the 8 MiB that are read of it")
                }
                Ok(_) => State::More,
            };
            if made == 0 && (taken == 0 || bytes.is_empty()) {
                return;
            }
        }
    }
}

/// Whether a zlib stream can begin here: its header, and the head of the first block.
fn is_plausible_zlib(bytes: &[u8]) -> bool {
    let [0x78, 0x01 | 0x5e | 0x9c | 0xda, block, rest @ ..] = bytes else {
        return false;
    };
    match (block >> 1) & 3 {
        0 => matches!(rest, [a, b, c, d, ..] if a ^ c == 0xff && b ^ d == 0xff),
        1 => true,
        2 => has_complete_code_lengths(&bytes[2..]),
        _ => false,
    }
}

/// The lengths of the code that codes the lengths must fill the code space (RFC 1951, 3.2.7).
fn has_complete_code_lengths(bytes: &[u8]) -> bool {
    let Some(head) = bytes.first_chunk::<10>() else {
        return false;
    };
    let mut bits = [0; 16];
    bits[..10].copy_from_slice(head);
    let bits = u128::from_le_bytes(bits);
    let (literals, distances, count) = ((bits >> 3) & 31, (bits >> 8) & 31, (bits >> 13) & 15);
    let space: u32 = (0..count + 4)
        .map(|index| (bits >> (17 + 3 * index)) & 7)
        .filter(|&length| length > 0)
        .map(|length| 128_u32 >> length)
        .sum();
    literals <= 29 && distances <= 29 && space == 128
}

#[derive(Deserialize)]
struct AuditList {
    packages: Vec<AuditPackage>,
}

#[derive(Deserialize)]
struct AuditPackage {
    name: String,
    version: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

fn packages_of_list(json: &[u8], path: &str) -> Result<Vec<Package>, serde_json::Error> {
    let list: AuditList = serde_json::from_slice(json)?;
    let direct: HashSet<usize> = list
        .packages
        .iter()
        .filter(|package| package.root)
        .flat_map(|package| package.dependencies.iter().copied())
        .collect();
    let name_of = |index: &usize| {
        let package = list.packages.get(*index)?;
        Some(format!("{}@{}", package.name, package.version))
    };
    let packages = list.packages.iter().enumerate();
    Ok(packages
        .map(|(index, entry)| Package {
            path: path.to_owned(),
            // Ran while the program was built; its code is not inside.
            dev: entry.kind == "build",
            direct: entry.root || direct.contains(&index),
            depends_on: entry.dependencies.iter().filter_map(name_of).collect(),
            ..Package::new(PackageKind::Cargo, &entry.name, &entry.version)
        })
        .zip(&list.packages)
        .filter(|(_, entry)| entry.source != "local" || entry.root || !entry.version.is_empty())
        .map(|(package, _)| package)
        .collect())
}

pub struct CargoLock;

impl Analyzer for CargoLock {
    fn name(&self) -> &'static str {
        "cargo-lock"
    }

    fn scope(&self) -> Scope {
        Scope::Project
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.file_name() == "Cargo.lock"
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(
            file,
            LOCK_LIMIT,
            |_, bytes, out| match read_cargo_lock(bytes, &out.path) {
                Ok(packages) => out.packages.extend(packages),
                Err(error) => out.problem(format!("Cargo.lock: {error}")),
            },
        ))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CargoLockError {
    #[error("not UTF-8")]
    NotText,
    #[error("not TOML: {0}")]
    Toml(String),
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<LockPackage>,
    /// Version 1 keeps the checksums here.
    #[serde(default)]
    metadata: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct LockPackage {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Lock files of every version. Packages without a source are the workspace's own: what they name
/// is direct. Lock files do not say what is for development only.
pub fn read_cargo_lock(bytes: &[u8], path: &str) -> Result<Vec<Package>, CargoLockError> {
    let text = std::str::from_utf8(bytes).map_err(|_| CargoLockError::NotText)?;
    let lock: Lock =
        toml::from_str(text).map_err(|error| CargoLockError::Toml(error.message().to_owned()))?;
    let mut versions: HashMap<&str, Vec<&str>> = HashMap::new();
    for package in &lock.package {
        versions
            .entry(&package.name)
            .or_default()
            .push(&package.version);
    }
    // "name", "name version" or "name version (source)"; the first only where there is one.
    let resolve = |text: &String| {
        let mut words = text.split(' ');
        let name = words.next()?;
        let version = match words.next() {
            Some(version) => version,
            None => versions.get(name)?.first()?,
        };
        Some(format!("{name}@{version}"))
    };
    let direct: HashSet<String> = lock
        .package
        .iter()
        .filter(|package| package.source.is_none())
        .flat_map(|package| package.dependencies.iter().filter_map(resolve))
        .collect();
    Ok(lock
        .package
        .iter()
        .map(|entry| {
            let id = format!("{}@{}", entry.name, entry.version);
            Package {
                path: path.to_owned(),
                direct: entry.source.is_none() || direct.contains(&id),
                depends_on: entry.dependencies.iter().filter_map(resolve).collect(),
                hashes: checksum(entry, &lock.metadata).into_iter().collect(),
                ..Package::new(PackageKind::Cargo, &entry.name, &entry.version)
            }
        })
        .collect())
}

fn checksum(entry: &LockPackage, metadata: &BTreeMap<String, toml::Value>) -> Option<String> {
    let old = || {
        let source = entry.source.as_ref()?;
        let key = format!("checksum {} {} ({source})", entry.name, entry.version);
        metadata.get(&key)?.as_str().map(str::to_owned)
    };
    let sum = entry.checksum.clone().or_else(old)?;
    (sum.len() == 64).then(|| format!("sha256:{sum}"))
}
