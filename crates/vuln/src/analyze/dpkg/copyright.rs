//! Licences of Debian packages: `usr/share/doc/<package>/copyright`.
//!
//! The machine-readable form names them in `License:` fields. The free form points to the texts in
//! `/usr/share/common-licenses`, or holds the text: only a few are known by it. Files over 4 MiB
//! are not read; at most 64 licences are kept of one.

use crate::analyze::{Analyzer, FileMeta, Sink, Whole, license};
use memchr::memmem;

const LIMIT: usize = 4 << 20;
const MOST: usize = 64;
const FOLDER: &str = "usr/share/doc/";

pub struct Copyright;

impl Analyzer for Copyright {
    fn name(&self) -> &'static str {
        "copyright"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        package_of(&file.path).is_some()
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(file, LIMIT, |file, bytes, out| {
            let found = licenses(bytes);
            if let Some(package) = package_of(&file.path).filter(|_| !found.is_empty()) {
                out.package_licenses.push((package.to_owned(), found));
            }
        }))
    }
}

fn package_of(path: &str) -> Option<&str> {
    let package = path.strip_prefix(FOLDER)?.strip_suffix("/copyright")?;
    (!package.contains('/')).then_some(package)
}

/// Licences a copyright file names, sorted.
pub fn licenses(bytes: &[u8]) -> Vec<String> {
    let mut found = if bytes.trim_ascii_start().starts_with(b"Format") {
        machine_readable(bytes)
    } else {
        Vec::new()
    };
    if found.is_empty() {
        found = free_form(bytes);
    }
    found.sort();
    found.dedup();
    found
}

fn add(found: &mut Vec<String>, name: String) {
    if found.len() < MOST && !name.is_empty() && !found.contains(&name) {
        found.push(name);
    }
}

fn machine_readable(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let key = b"\nLicense:";
    // The same few names stand hundreds of times: what was just seen is not worked out again.
    let mut last: &[u8] = b"";
    for at in memmem::find_iter(bytes, key) {
        let rest = &bytes[at + key.len()..];
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        if line == last {
            continue;
        }
        last = line;
        // A sentence is the licence's text, not its name.
        let words = line.split(|byte| *byte == b' ').count();
        if words <= 8 && !line.ends_with(b",") {
            add(
                &mut found,
                license::normalise(&String::from_utf8_lossy(line)),
            );
        }
    }
    found
}

fn free_form(bytes: &[u8]) -> Vec<String> {
    const MIT: &[u8] = b"Permission is hereby granted, free of charge, to any person";
    let mut found = Vec::new();
    let later = memmem::find(bytes, b"any later").is_some();
    let key = b"common-licenses/";
    for at in memmem::find_iter(bytes, key) {
        let rest = &bytes[at + key.len()..];
        let end = rest
            .iter()
            .position(|b| !b.is_ascii_alphanumeric() && !b"-.".contains(b))
            .unwrap_or(rest.len());
        let name = String::from_utf8_lossy(&rest[..end.min(64)]);
        let name = name.trim_end_matches(['.', '-']);
        let versioned = name.ends_with(|c: char| c.is_ascii_digit());
        // The common text alone does not say whether a later version may be taken.
        let name = match name.contains("GPL") {
            true if later && versioned => license::normalise(&format!("{name}+")),
            true => name.to_owned(),
            false => license::normalise(name),
        };
        add(&mut found, name);
    }
    if memmem::find(bytes, MIT).is_some() {
        add(&mut found, "MIT".to_owned());
    }
    found
}
