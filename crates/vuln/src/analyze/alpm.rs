//! Arch Linux and its kin: `var/lib/pacman/local/<name>-<version>/desc` and `files`.
//!
//! Each is blocks of a `%NAME%` line and the lines up to an empty one. Files over 16 MiB are
//! not read.

use super::{Analyzer, FileFacts, FileMeta, Owner, PathHashes, Sink, Whole, license};
use crate::in_use::is_program;
use rampart_model::package::{Package, PackageKind, SourcePackage};

const LIMIT: usize = 16 << 20;
const LOCAL: &str = "var/lib/pacman/local/";

pub struct Alpm;

impl Analyzer for Alpm {
    fn name(&self) -> &'static str {
        "alpm"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.path
            .strip_prefix(LOCAL)
            .is_some_and(|rest| matches!(rest.split_once('/'), Some((_, "desc" | "files"))))
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(file, LIMIT, |file, bytes, out| {
            if file.file_name() == "desc" {
                match parse(bytes) {
                    Some(mut package) => {
                        package.path.clone_from(&file.path);
                        out.packages.push(package);
                    }
                    None => out.problem("no %NAME% and %VERSION% in it"),
                }
            } else {
                let package = file.path.strip_prefix(LOCAL).unwrap_or_default();
                owned(package_name(package), bytes, out);
            }
        }))
    }
}

/// `bash` of `bash-5.2.026-2/files`.
fn package_name(folder: &str) -> &str {
    let folder = folder.split('/').next().unwrap_or_default();
    folder.rsplitn(3, '-').nth(2).unwrap_or(folder)
}

fn blocks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut block: &[u8] = b"";
    bytes.split(|byte| *byte == b'\n').filter_map(move |line| {
        let line = line.trim_ascii();
        if line.len() > 2 && line.starts_with(b"%") && line.ends_with(b"%") {
            block = line;
            return None;
        }
        (!line.is_empty()).then_some((block, line))
    })
}

/// The package a `desc` file tells of.
pub fn parse(bytes: &[u8]) -> Option<Package> {
    let mut package = Package::new(PackageKind::Alpm, "", "");
    let mut base = String::new();
    for (block, line) in blocks(bytes) {
        let value = String::from_utf8_lossy(line).into_owned();
        match block {
            b"%NAME%" => package.name = value,
            b"%VERSION%" => package.version = value,
            b"%BASE%" => base = value,
            b"%ARCH%" => package.arch = value,
            b"%PACKAGER%" => package.supplier = value,
            b"%LICENSE%" if package.licenses.len() < 64 => {
                package.licenses.push(license::normalise(&value));
            }
            _ => {}
        }
    }
    if package.name.is_empty() || package.version.is_empty() {
        return None;
    }
    let name = if base.is_empty() {
        package.name.clone()
    } else {
        base
    };
    package.source = Some(SourcePackage {
        name,
        version: package.version.clone(),
    });
    Some(package)
}

fn owned(package: &str, bytes: &[u8], out: &mut FileFacts) {
    let mut owner = Owner {
        package: package.to_owned(),
        ..Owner::default()
    };
    for (block, line) in blocks(bytes) {
        if block == b"%FILES%" && !line.ends_with(b"/") {
            let path = String::from_utf8_lossy(line);
            out.owned_paths.extend(PathHashes::of(&path));
            if is_program(&path) {
                owner.paths.extend(PathHashes::of(&path));
            }
        }
    }
    out.owned_paths.sort_unstable();
    owner.paths.sort_unstable();
    if !owner.paths.is_empty() {
        out.owners.push(owner);
    }
}
