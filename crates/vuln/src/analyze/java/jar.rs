//! One archive, and those inside it.
//!
//! Takes the manifest, the coordinates Maven leaves and nested archives out of the walk, and makes
//! packages of them at the end. Limits: [`DEPTH_LIMIT`] archives inside each other, and for each
//! kept entry its own; manifests and coordinates of one archive: [`KEPT_LIMIT`].

use super::{
    Shared,
    coordinates::{self, Coordinates, Evidence},
    pom,
    zip::{Entry, Zip},
};
use crate::analyze::path_hash;
use rampart_model::package::{Package, PackageKind};
use sha1::{Digest, Sha1};
use std::collections::HashSet;

const DEPTH_LIMIT: usize = 16;
const KEPT_LIMIT: usize = 20_000;
const PROPERTIES_BYTES: usize = 64 << 10;
const MANIFEST_BYTES: usize = 1 << 20;
const POM_BYTES: usize = 4 << 20;
const NAME_BYTES: usize = 1024;

const EXTENSIONS: &[&str] = &[
    ".jar", ".war", ".ear", ".par", ".jpi", ".hpi", ".nar", ".kar", ".sar", ".lpkg",
];

pub(super) fn is_archive(name: &str) -> bool {
    let dot = name.rfind('.').unwrap_or(0);
    EXTENSIONS
        .iter()
        .any(|extension| name[dot..].eq_ignore_ascii_case(extension))
}

pub(super) struct Jar {
    zip: Zip,
    digest: Sha1,
    contents: Contents,
}

impl Jar {
    /// `inner_path` is empty for the archive that is a file.
    pub(super) fn new(file_name: &str, inner_path: &str, depth: usize) -> Self {
        Self {
            zip: Zip::new(),
            digest: Sha1::new(),
            contents: Contents {
                file_name: file_name.to_owned(),
                inner_path: inner_path.to_owned(),
                depth,
                evidence: Evidence::default(),
                current: None,
                met: HashSet::new(),
            },
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], shared: &mut Shared) {
        self.digest.update(bytes);
        self.zip.push(bytes, &mut self.contents, shared);
    }

    pub(super) fn finish(mut self, shared: &mut Shared) {
        self.zip.finish(&mut self.contents, shared);
        let contents = self.contents;
        let hash = format!("sha1:{}", hex::encode(self.digest.finalize()));
        let found = coordinates::decide(&contents.file_name, &contents.evidence);
        for (coordinates, is_whole) in found {
            let licenses = contents.evidence.licenses(&coordinates, is_whole);
            shared.package(Package {
                licenses,
                path: shared.path().to_owned(),
                inner_path: contents.inner_path.clone(),
                hashes: is_whole.then(|| hash.clone()).into_iter().collect(),
                ..Package::new(PackageKind::Maven, coordinates.name(), coordinates.version)
            });
        }
    }
}

/// What is kept of the entries.
pub(super) struct Contents {
    file_name: String,
    inner_path: String,
    depth: usize,
    evidence: Evidence,
    current: Option<Current>,
    met: HashSet<u64>,
}

enum Current {
    Kept {
        kind: Kept,
        name: String,
        bytes: Vec<u8>,
    },
    Nested(Box<Jar>),
}

#[derive(Clone, Copy)]
enum Kept {
    Manifest,
    Properties,
    Pom,
}

impl Kept {
    fn of(name: &str) -> Option<Self> {
        if name == "META-INF/MANIFEST.MF" {
            return Some(Self::Manifest);
        }
        let place = name.find("META-INF/maven/")?;
        // In classes of a web archive, too.
        let mut rest = name[place + 15..].split('/');
        match (rest.nth(2), rest.next()) {
            (Some("pom.properties"), None) => Some(Self::Properties),
            (Some("pom.xml"), None) => Some(Self::Pom),
            _ => None,
        }
    }

    fn limit(self) -> usize {
        match self {
            Self::Manifest => MANIFEST_BYTES,
            Self::Properties => PROPERTIES_BYTES,
            Self::Pom => POM_BYTES,
        }
    }
}

impl Contents {
    /// For problems: the archive, inside its file.
    pub(super) fn place(&self) -> &str {
        &self.inner_path
    }

    fn inside(&self, name: &str) -> String {
        match self.inner_path.as_str() {
            "" => name.to_owned(),
            outer => format!("{outer}!/{name}"),
        }
    }

    /// Whether the entry's bytes are wanted.
    pub(super) fn begin(&mut self, entry: &Entry, shared: &mut Shared) -> bool {
        self.current = None;
        shared.count_entry(&self.inner_path);
        let name = entry.name.as_str();
        let kept = Kept::of(name);
        let nested = kept.is_none() && is_archive(name);
        if kept.is_none() && !nested {
            return false;
        }
        self.met.insert(path_hash(name));
        let refusal = if name.len() > NAME_BYTES {
            Some("a name longer than 1024 bytes: not read")
        } else if entry.encrypted {
            Some("encrypted: not read")
        } else if !matches!(entry.method, 0 | 8) {
            Some("compressed by a method that is not known: not read")
        } else if nested && self.depth + 1 >= DEPTH_LIMIT {
            Some("nested deeper than 16 archives: not read")
        } else if self.evidence.len() >= KEPT_LIMIT {
            Some("more than 20000 coordinates in one archive: not read")
        } else {
            None
        };
        let place = self.inside(name);
        if let Some(reason) = refusal {
            shared.problem(&place, reason);
            return false;
        }
        self.current = Some(match kept {
            Some(kind) => Current::Kept {
                kind,
                name: place,
                bytes: Vec::new(),
            },
            None => {
                let file_name = name.rsplit('/').next().unwrap_or(name);
                Current::Nested(Box::new(Jar::new(file_name, &place, self.depth + 1)))
            }
        });
        true
    }

    pub(super) fn data(&mut self, bytes: &[u8], shared: &mut Shared) {
        match &mut self.current {
            Some(Current::Nested(jar)) => jar.push(bytes, shared),
            Some(Current::Kept {
                kind,
                name,
                bytes: kept,
            }) => {
                kept.extend_from_slice(bytes);
                if kept.len() > kind.limit() {
                    let reason = format!("longer than {} bytes: not read", kind.limit());
                    shared.problem(name, &reason);
                    self.current = None;
                }
            }
            None => {}
        }
    }

    pub(super) fn end(&mut self, shared: &mut Shared) {
        match self.current.take() {
            Some(Current::Nested(jar)) => jar.finish(shared),
            Some(Current::Kept { kind, name, bytes }) => {
                if let Err(reason) = self.keep(kind, &name, &bytes) {
                    shared.problem(&name, &reason);
                }
            }
            None => {}
        }
    }

    fn keep(&mut self, kind: Kept, name: &str, bytes: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(bytes);
        match kind {
            Kept::Manifest => self.evidence.manifest = coordinates::read_manifest(bytes),
            Kept::Properties => {
                let found = coordinates::read_pom_properties(&text);
                let found = found.ok_or("no coordinates where they belong")?;
                self.evidence.properties.push(found);
            }
            Kept::Pom => {
                let found = pom::read_packed(bytes).map_err(|error| error.to_string())?;
                let directory = name.rsplit_once("META-INF/maven/").map_or("", |(_, d)| d);
                let coordinates = found
                    .coordinates
                    .unwrap_or_else(|| Coordinates::of_directory(directory));
                if !found.licenses.is_empty() {
                    let (group, artifact) = (&coordinates.group, &coordinates.artifact);
                    let row = (group.clone(), artifact.clone(), found.licenses);
                    self.evidence.licenses.push(row);
                }
                self.evidence.poms.push(coordinates);
            }
        }
        Ok(())
    }

    /// The entry at hand cannot be read on.
    pub(super) fn abandon(&mut self, shared: &mut Shared, reason: &str) {
        match self.current.take() {
            // What its first part told stays told.
            Some(Current::Nested(jar)) => {
                shared.problem(&jar.contents.inner_path, reason);
                jar.finish(shared);
            }
            Some(Current::Kept { name, .. }) => shared.problem(&name, reason),
            None => {}
        }
    }

    /// Whether an entry of the directory was met, or would not have mattered.
    pub(super) fn was_met(&self, name: &str) -> bool {
        (Kept::of(name).is_none() && !is_archive(name)) || self.met.contains(&path_hash(name))
    }
}
