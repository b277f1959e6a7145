//! Alpine's database of installed packages: `lib/apk/db/installed`.
//!
//! Paragraphs of one-letter fields: `P` name, `V` version, `A` architecture, `L` licence, `o`
//! origin, `m` maintainer; `F` opens a folder, `R` names a file in it. Files over 128 MiB are not
//! read; what stands before a broken line counts, and the line is told.

use super::{
    Analyzer, FileMeta, MOST_OWNED_PATHS, MOST_PACKAGES, Owner, PathHashes, Sink, Whole, license,
};
use crate::in_use::is_program;
use rampart_model::package::{Package, PackageKind, SourcePackage};

const LIMIT: usize = 128 << 20;
/// Longest path of a folder there can be.
const FOLDER_LIMIT: usize = 4096;
const FILES: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

pub struct Apk;

impl Analyzer for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        FILES.contains(&file.path.as_str())
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(file, LIMIT, |file, bytes, out| {
            let installed = parse(bytes);
            out.packages = installed.packages;
            for package in &mut out.packages {
                package.path.clone_from(&file.path);
            }
            out.owned_paths = installed.owned_paths;
            out.owners = installed.owners;
            if installed.over {
                out.problem(format!(
                    "more than {MOST_PACKAGES} packages or {MOST_OWNED_PATHS} files: the rest is left out"
                ));
            }
            if installed.broken > 0 {
                out.problem(format!(
                    "{} entries without name or version were left out, the first at line {}",
                    installed.broken, installed.broken_line
                ));
            }
        }))
    }
}

#[derive(Debug, Default)]
pub struct Installed {
    pub packages: Vec<Package>,
    /// Sorted.
    pub owned_paths: Vec<u64>,
    pub owners: Vec<Owner>,
    /// Paragraphs that name no package or no version, and the line of the first.
    pub broken: usize,
    pub broken_line: usize,
    /// More packages or files than are kept.
    pub over: bool,
}

pub fn parse(bytes: &[u8]) -> Installed {
    let mut installed = Installed::default();
    let mut entry = Entry::default();
    let mut number = 0;
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        let line = bytes.get(start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        start = end + 1;
        number += 1;
        match line {
            [] => std::mem::take(&mut entry).close(&mut installed),
            [key, b':', value @ ..] => {
                if entry.line == 0 {
                    entry.line = number;
                }
                entry.field(*key, value, &mut installed);
            }
            _ => {}
        }
    }
    entry.close(&mut installed);
    installed.owned_paths.sort_unstable();
    installed
}

/// One paragraph.
#[derive(Default)]
struct Entry<'a> {
    line: usize,
    name: &'a [u8],
    version: &'a [u8],
    arch: &'a [u8],
    license: &'a [u8],
    origin: &'a [u8],
    maintainer: &'a [u8],
    folder: String,
    programs: Vec<u64>,
}

impl<'a> Entry<'a> {
    fn field(&mut self, key: u8, value: &'a [u8], installed: &mut Installed) {
        let value = value.trim_ascii();
        match key {
            b'P' => self.name = value,
            b'V' => self.version = value,
            b'A' => self.arch = value,
            b'L' => self.license = value,
            b'o' => self.origin = value,
            b'm' => self.maintainer = value,
            b'F' => {
                self.folder = text(&value[..value.len().min(FOLDER_LIMIT)]);
                if !self.folder.is_empty() {
                    self.folder.push('/');
                }
            }
            b'R' if installed.owned_paths.len() >= MOST_OWNED_PATHS => installed.over = true,
            b'R' => {
                let folder = self.folder.len();
                self.folder.push_str(&String::from_utf8_lossy(value));
                let path = &self.folder;
                installed.owned_paths.extend(PathHashes::of(path));
                if is_program(path) {
                    self.programs.extend(PathHashes::of(path));
                }
                self.folder.truncate(folder);
            }
            _ => {}
        }
    }

    fn close(self, installed: &mut Installed) {
        if self.line == 0 {
            return;
        }
        if self.name.is_empty() || self.version.is_empty() {
            if installed.broken == 0 {
                installed.broken_line = self.line;
            }
            installed.broken += 1;
            return;
        }
        if installed.packages.len() >= MOST_PACKAGES {
            installed.over = true;
            return;
        }
        let mut package = Package::new(PackageKind::Apk, text(self.name), text(self.version));
        package.arch = text(self.arch);
        package.supplier = text(self.maintainer);
        if !self.license.is_empty() {
            package.licenses = vec![license::normalise(&text(self.license))];
        }
        let origin = if self.origin.is_empty() {
            self.name
        } else {
            self.origin
        };
        package.source = Some(SourcePackage {
            name: text(origin),
            version: package.version.clone(),
        });
        if !self.programs.is_empty() {
            let mut paths = self.programs;
            paths.sort_unstable();
            installed.owners.push(Owner {
                package: package.name.clone(),
                arch: package.arch.clone(),
                paths,
            });
        }
        installed.packages.push(package);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
