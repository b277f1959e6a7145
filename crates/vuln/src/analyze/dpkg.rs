//! dpkg's database: `var/lib/dpkg/status`, `status.d/` (distroless images), `info/*.list`.
//!
//! Paragraphs of `Field: value` lines, deb822(5). A package counts unless its state says that its
//! files are not there (`not-installed`, `config-files`). Limits: 128 MiB for a status file, 16 MiB
//! for a list, 4 KiB for a field's first line; beyond them a problem names the file.

mod copyright;

use super::{Analyzer, FileFacts, FileMeta, MOST_PACKAGES, Owner, PathHashes, Sink, Whole};
use crate::in_use::is_program;
use base64::{Engine, engine::general_purpose::STANDARD};
use rampart_model::package::{Package, PackageKind, SourcePackage};

pub use copyright::{Copyright, licenses};

const STATUS_LIMIT: usize = 128 << 20;
const LIST_LIMIT: usize = 16 << 20;
const VALUE_LIMIT: usize = 4096;

const STATUS: &str = "var/lib/dpkg/status";
const STATUS_FOLDER: &str = "var/lib/dpkg/status.d/";
const INFO_FOLDER: &str = "var/lib/dpkg/info/";

pub struct Dpkg;

impl Analyzer for Dpkg {
    fn name(&self) -> &'static str {
        "dpkg"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.path.starts_with("var/lib/dpkg/")
            && (file.path == STATUS
                || inside(&file.path, STATUS_FOLDER).is_some()
                || inside(&file.path, INFO_FOLDER).is_some_and(|name| name.ends_with(".list")))
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        if let Some(name) = inside(&file.path, INFO_FOLDER) {
            let package = name.strip_suffix(".list")?.to_owned();
            return Some(Whole::sink(file, LIST_LIMIT, move |_, bytes, out| {
                let (name, arch) = package.split_once(':').unwrap_or((&package, ""));
                owned(name, arch, list_paths(bytes), out);
            }));
        }
        let name = inside(&file.path, STATUS_FOLDER).unwrap_or_default();
        if let Some(package) = name.strip_suffix(".md5sums") {
            let package = plain_name(package);
            return Some(Whole::sink(file, LIST_LIMIT, move |_, bytes, out| {
                owned(&package, "", md5sums_paths(bytes), out);
            }));
        }
        Some(Whole::sink(file, STATUS_LIMIT, |file, bytes, out| {
            let status = parse(bytes);
            if status.packages.is_empty() && file.path != STATUS {
                return;
            }
            out.packages = status.packages;
            for package in &mut out.packages {
                package.path.clone_from(&file.path);
            }
            if status.over {
                out.problem(format!(
                    "more than {MOST_PACKAGES} packages: the rest is left out"
                ));
            }
            if status.broken > 0 {
                out.problem(format!(
                    "{} entries without name or version were left out, the first at byte {}",
                    status.broken, status.broken_at
                ));
            }
        }))
    }
}

/// The file's name, if it lies right in the folder.
fn inside<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder)
        .filter(|name| !name.is_empty() && !name.contains('/'))
}

/// Older distroless images name the files of `status.d` by the package's name in base64.
fn plain_name(name: &str) -> String {
    let is_name = |text: &str| {
        text.len() > 1
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
    };
    let decoded = STANDARD.decode(name).ok();
    decoded
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|text| is_name(text))
        .unwrap_or_else(|| name.to_owned())
}

#[derive(Debug, Default)]
pub struct Status {
    pub packages: Vec<Package>,
    /// Installed entries that name no package or no version, and where the first one starts.
    pub broken: usize,
    pub broken_at: usize,
    /// More packages than are kept.
    pub over: bool,
}

/// All packages of a status file whose files are there.
pub fn parse(bytes: &[u8]) -> Status {
    let mut status = Status::default();
    let mut entry = Entry::default();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        let line = bytes.get(start..end).unwrap_or_default();
        match line.first() {
            // A continuation belongs to a field of no interest here, or is a wrapped description.
            Some(b' ' | b'\t') if !line.trim_ascii().is_empty() => {}
            Some(_) if !line.trim_ascii().is_empty() => {
                if !entry.open {
                    entry = Entry {
                        open: true,
                        at: start,
                        ..Entry::default()
                    };
                }
                entry.field(line);
            }
            _ => std::mem::take(&mut entry).close(&mut status),
        }
        start = end + 1;
    }
    entry.close(&mut status);
    status
}

/// One paragraph.
#[derive(Default)]
struct Entry<'a> {
    open: bool,
    at: usize,
    name: &'a [u8],
    version: &'a [u8],
    arch: &'a [u8],
    source: &'a [u8],
    maintainer: &'a [u8],
    status: &'a [u8],
}

impl<'a> Entry<'a> {
    fn field(&mut self, line: &'a [u8]) {
        // Most fields are of no interest: their first byte says so.
        if !matches!(line[0] | 0x20, b'p' | b'v' | b'a' | b's' | b'm') {
            return;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return;
        };
        let (key, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let slot = match key.len() {
            7 if key.eq_ignore_ascii_case(b"Package") => &mut self.name,
            7 if key.eq_ignore_ascii_case(b"Version") => &mut self.version,
            12 if key.eq_ignore_ascii_case(b"Architecture") => &mut self.arch,
            6 if key.eq_ignore_ascii_case(b"Source") => &mut self.source,
            6 if key.eq_ignore_ascii_case(b"Status") => &mut self.status,
            10 if key.eq_ignore_ascii_case(b"Maintainer") => &mut self.maintainer,
            _ => return,
        };
        *slot = &value[..value.len().min(VALUE_LIMIT)];
    }

    /// `want flag state`: the state alone tells whether the files are there. Without one (some
    /// builders of images leave it out) they are.
    fn is_present(&self) -> bool {
        let state = self.status.rsplit(|byte| *byte == b' ').next();
        !matches!(state, Some(b"not-installed" | b"config-files"))
    }

    fn close(self, status: &mut Status) {
        if !self.open || !self.is_present() {
            return;
        }
        if self.name.is_empty() || self.version.is_empty() {
            if status.broken == 0 {
                status.broken_at = self.at;
            }
            status.broken += 1;
            return;
        }
        if status.packages.len() >= MOST_PACKAGES {
            status.over = true;
            return;
        }
        let mut package = Package::new(PackageKind::Deb, text(self.name), text(self.version));
        package.arch = text(self.arch);
        package.supplier = text(self.maintainer);
        package.source = Some(self.source_package());
        status.packages.push(package);
    }

    /// `Source: name (version)`; each part defaults to the package's own.
    fn source_package(&self) -> SourcePackage {
        let source = text(self.source);
        let (name, version) = source.split_once('(').unwrap_or((&source, ""));
        let or = |value: &str, default: &[u8]| {
            let value = value.trim().trim_end_matches(')').trim_end();
            if value.is_empty() {
                text(default)
            } else {
                value.to_owned()
            }
        };
        SourcePackage {
            name: or(name, self.name),
            version: or(version, self.version),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Lines of `info/<package>.list`: absolute paths, folders too.
fn list_paths(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines(bytes).filter_map(|line| line.strip_prefix(b"/"))
}

/// `<md5>  <path from the root>`.
fn md5sums_paths(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines(bytes).filter_map(|line| {
        let path = line.get(32..)?.trim_ascii_start();
        Some(path.strip_prefix(b"./").unwrap_or(path))
    })
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', bytes)
        .chain([bytes.len()])
        .map(move |end| {
            let line = bytes.get(start..end).unwrap_or_default();
            start = end + 1;
            line
        })
}

fn owned<'a>(
    package: &str,
    arch: &str,
    paths: impl Iterator<Item = &'a [u8]>,
    out: &mut FileFacts,
) {
    let mut owner = Owner {
        package: package.to_owned(),
        arch: arch.to_owned(),
        paths: Vec::new(),
    };
    for path in paths.filter(|path| !path.is_empty() && *path != b".") {
        let path = String::from_utf8_lossy(path);
        out.owned_paths.extend(PathHashes::of(&path));
        if is_program(&path) {
            owner.paths.extend(PathHashes::of(&path));
        }
    }
    out.owned_paths.sort_unstable();
    out.owned_paths.shrink_to_fit();
    if !owner.paths.is_empty() {
        owner.paths.sort_unstable();
        owner.paths.shrink_to_fit();
        out.owners.push(owner);
    }
}
