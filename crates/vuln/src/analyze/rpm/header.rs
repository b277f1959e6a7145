//! One package's header, as every format keeps it.
//!
//! Two counts, an index of 16-byte entries (tag, type, offset, count), and the data they point
//! into, all big-endian. Format: rpm's own documentation, "Package format", section Header.
//! Limits: 65,536 entries, 4 KiB a string kept.

use super::{Database, DatabaseError, MOST_OWNED_PATHS, Owner, array};
use crate::{
    analyze::{PathHashes, license},
    in_use::Place,
};
use rampart_model::package::{Package, PackageKind, SourcePackage};

const MOST_ENTRIES: usize = 65_536;
const STRING_LIMIT: usize = 4096;
const ENTRY_BYTES: usize = 16;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const VENDOR: u32 = 1011;
const LICENSE: u32 = 1014;
const PACKAGER: u32 = 1015;
const ARCH: u32 = 1022;
const OLD_FILE_NAMES: u32 = 1027;
const FILE_STATES: u32 = 1029;
const SOURCE_RPM: u32 = 1044;
const DIR_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIR_NAMES: u32 = 1118;
const MODULARITY_LABEL: u32 = 5096;

/// A package, and where its file names stand.
pub struct Header<'a> {
    pub package: Package,
    data: &'a [u8],
    dir_names: Option<Entry>,
    dir_indexes: Option<Entry>,
    base_names: Option<Entry>,
    old_names: Option<Entry>,
    states: Option<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    kind: u32,
    at: usize,
    count: usize,
}

/// Reads a header as it stands in a database: without the magic that package files put before it.
pub fn parse(blob: &[u8]) -> Result<Header<'_>, DatabaseError> {
    let truncated = || DatabaseError::Truncated("a header");
    let count = u32::from_be_bytes(array(blob, 0).ok_or_else(truncated)?);
    let entries = usize::try_from(count).unwrap_or(usize::MAX);
    if entries > MOST_ENTRIES {
        return Err(DatabaseError::OutOfRange {
            what: "a header's number of entries",
            value: u64::from(count),
        });
    }
    let length = u32::from_be_bytes(array(blob, 4).ok_or_else(truncated)?);
    let start = 8 + entries * ENTRY_BYTES;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let index = blob.get(8..start).ok_or_else(truncated)?;
    let end = start.checked_add(length).ok_or_else(truncated)?;
    let data = blob.get(start..end).ok_or_else(truncated)?;
    let mut fields = Fields::default();
    for raw in index.chunks_exact(ENTRY_BYTES) {
        let word = |at| array(raw, at).map_or(0, u32::from_be_bytes);
        let entry = Entry {
            kind: word(4),
            at: usize::try_from(word(8)).unwrap_or(usize::MAX),
            count: usize::try_from(word(12)).unwrap_or(usize::MAX),
        };
        fields.note(word(0), entry);
    }
    fields.header(data)
}

/// The entries of interest.
#[derive(Default)]
struct Fields {
    name: Option<Entry>,
    version: Option<Entry>,
    release: Option<Entry>,
    epoch: Option<Entry>,
    vendor: Option<Entry>,
    packager: Option<Entry>,
    license: Option<Entry>,
    arch: Option<Entry>,
    source: Option<Entry>,
    module: Option<Entry>,
    dir_names: Option<Entry>,
    dir_indexes: Option<Entry>,
    base_names: Option<Entry>,
    old_names: Option<Entry>,
    states: Option<Entry>,
}

impl Fields {
    fn note(&mut self, tag: u32, entry: Entry) {
        let slot = match tag {
            NAME => &mut self.name,
            VERSION => &mut self.version,
            RELEASE => &mut self.release,
            EPOCH => &mut self.epoch,
            VENDOR => &mut self.vendor,
            PACKAGER => &mut self.packager,
            LICENSE => &mut self.license,
            ARCH => &mut self.arch,
            SOURCE_RPM => &mut self.source,
            MODULARITY_LABEL => &mut self.module,
            DIR_NAMES => &mut self.dir_names,
            DIR_INDEXES => &mut self.dir_indexes,
            BASE_NAMES => &mut self.base_names,
            OLD_FILE_NAMES => &mut self.old_names,
            FILE_STATES => &mut self.states,
            _ => return,
        };
        *slot = Some(entry);
    }

    fn header(self, data: &[u8]) -> Result<Header<'_>, DatabaseError> {
        let string = |entry: Option<Entry>| {
            let entry = entry.filter(|e| matches!(e.kind, STRING | STRING_ARRAY | I18N_STRING));
            let text = entry.and_then(|entry| c_string(data, entry.at));
            text.map_or_else(String::new, |(text, _)| {
                String::from_utf8_lossy(&text[..text.len().min(STRING_LIMIT)]).into_owned()
            })
        };
        let (name, version) = (string(self.name), string(self.version));
        if name.is_empty() || version.is_empty() {
            return Err(DatabaseError::NoName);
        }
        let release = string(self.release);
        // No epoch and epoch zero are the same version.
        let epoch = self
            .epoch
            .filter(|entry| entry.kind == INT32)
            .and_then(|entry| array(data, entry.at))
            .map_or(0, u32::from_be_bytes);
        let mut package = Package::new(PackageKind::Rpm, name, evr(epoch, &version, &release));
        package.arch = string(self.arch);
        package.module = string(self.module);
        package.supplier = string(self.vendor.or(self.packager));
        package.source = source(&string(self.source), epoch);
        let license = string(self.license);
        if !license.is_empty() {
            package.licenses = vec![license::normalise(&license)];
        }
        Ok(Header {
            package,
            data,
            dir_names: self.dir_names,
            dir_indexes: self.dir_indexes,
            base_names: self.base_names,
            old_names: self.old_names,
            states: self.states,
        })
    }
}

/// `[epoch:]version[-release]`.
pub(super) fn evr(epoch: u32, version: &str, release: &str) -> String {
    let mut evr = String::with_capacity(version.len() + release.len() + 4);
    if epoch > 0 {
        evr.push_str(&format!("{epoch}:"));
    }
    evr.push_str(version);
    if !release.is_empty() {
        evr.push('-');
        evr.push_str(release);
    }
    evr
}

/// `bash-5.1.8-6.el9.src.rpm`; the name of a source package does not tell its epoch, which is
/// nearly always that of what was built from it.
pub(super) fn source(file: &str, epoch: u32) -> Option<SourcePackage> {
    let stem = file
        .strip_suffix(".src.rpm")
        .or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let mut parts = stem.rsplitn(3, '-');
    let (release, version, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(SourcePackage {
        name: name.to_owned(),
        version: evr(epoch, version, release),
    })
}

/// The string at an offset, and where the next one starts.
fn c_string(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = data.get(at..)?;
    let end = memchr::memchr(0, rest)?;
    Some((&rest[..end], at + end + 1))
}

fn strings(data: &[u8], entry: Option<Entry>) -> impl Iterator<Item = &[u8]> {
    let entry = entry.filter(|entry| entry.kind == STRING_ARRAY);
    let (mut at, count) = entry.map_or((0, 0), |entry| (entry.at, entry.count));
    (0..count).map_while(move |_| {
        let (text, next) = c_string(data, at)?;
        at = next;
        Some(text)
    })
}

impl Header<'_> {
    /// A key to check signatures with, which rpm lists among the packages.
    pub fn is_key(&self) -> bool {
        self.package.name == "gpg-pubkey"
    }

    /// Adds the files the package owns.
    pub(super) fn owned(&self, database: &mut Database) -> Result<(), DatabaseError> {
        let mut programs = Vec::new();
        let folders: Vec<Folder> = strings(self.data, self.dir_names).map(Folder::of).collect();
        for (index, name) in strings(self.data, self.base_names).enumerate() {
            let folder = self.folder(index).and_then(|folder| folders.get(folder));
            if let Some(folder) = folder.filter(|_| self.is_installed(index)) {
                folder.add(name, database, &mut programs)?;
            }
        }
        // Before folders stood apart, each file had its whole path.
        for (index, path) in strings(self.data, self.old_names).enumerate() {
            let split = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
            if self.is_installed(index) {
                let (folder, name) = path.split_at(split);
                Folder::of(folder).add(name, database, &mut programs)?;
            }
        }
        if !programs.is_empty() {
            programs.sort_unstable();
            database.owners.push(Owner {
                package: self.package.name.clone(),
                arch: self.package.arch.clone(),
                paths: programs,
            });
        }
        Ok(())
    }

    fn folder(&self, index: usize) -> Option<usize> {
        let entry = self
            .dir_indexes
            .filter(|entry| entry.kind == INT32 && index < entry.count)?;
        let at = entry.at.checked_add(index.checked_mul(4)?)?;
        usize::try_from(u32::from_be_bytes(array(self.data, at)?)).ok()
    }

    /// A file left out at installation, or replaced by another package's, is not this one's.
    fn is_installed(&self, index: usize) -> bool {
        let Some(entry) = self.states.filter(|entry| index < entry.count) else {
            return true;
        };
        let state = entry.at.checked_add(index).and_then(|at| self.data.get(at));
        state.is_none_or(|state| *state == 0)
    }
}

/// A folder's hash goes on with each file's name: its own path is hashed once.
struct Folder {
    hashes: PathHashes,
    place: Place,
}

impl Folder {
    fn of(path: &[u8]) -> Self {
        let path = String::from_utf8_lossy(path);
        let path = path.trim_start_matches('/');
        Self {
            hashes: PathHashes::of(path),
            place: Place::of(path),
        }
    }

    fn add(
        &self,
        name: &[u8],
        database: &mut Database,
        programs: &mut Vec<u64>,
    ) -> Result<(), DatabaseError> {
        if database.owned_paths.len() >= MOST_OWNED_PATHS {
            return Err(DatabaseError::TooManyPaths(MOST_OWNED_PATHS));
        }
        let name = String::from_utf8_lossy(name);
        let hashes = self.hashes.join(&name);
        database.owned_paths.extend(hashes);
        if self.place.may_run(&name) {
            programs.extend(hashes);
        }
        Ok(())
    }
}
