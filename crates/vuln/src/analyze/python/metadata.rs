//! The mail-like headers that describe an installed distribution (core metadata).
//!
//! Only the headers are kept, [`HEADER_BYTES`] of them: the long description after the first
//! empty line is passed over. Where name or version is missing, the directory's own name tells.

use crate::analyze::{
    Analyzer, FileFacts, FileMeta, Sink, document::decode, license, manifest::Listing,
};
use flate2::read::DeflateDecoder;
use rampart_model::package::{Package, PackageKind};
use std::io::Read;

/// Headers with whole licence texts exist; none longer was seen.
pub(super) const HEADER_BYTES: usize = 1 << 20;
/// An egg is read whole: its table of contents stands at the end.
pub(super) const EGG_BYTES: usize = 32 << 20;

/// `*.dist-info/METADATA`, `*.egg-info/PKG-INFO`, `EGG-INFO/PKG-INFO` and `*.egg-info` files.
pub struct Metadata;

impl Analyzer for Metadata {
    fn name(&self) -> &'static str {
        "python-metadata"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        let (dir, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        match name {
            "METADATA" => dir.ends_with(".dist-info"),
            "PKG-INFO" => dir.ends_with(".egg-info") || dir.ends_with("EGG-INFO"),
            _ => name.ends_with(".egg-info"),
        }
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Box::new(Headers {
            path: file.path.clone(),
            bytes: Vec::new(),
            end: None,
            over: false,
        }))
    }
}

struct Headers {
    path: String,
    bytes: Vec<u8>,
    /// Where the headers end, once seen.
    end: Option<usize>,
    over: bool,
}

impl Sink for Headers {
    fn chunk(&mut self, bytes: &[u8]) {
        if self.end.is_some() || self.over {
            return;
        }
        let from = self.bytes.len().saturating_sub(3);
        let room = HEADER_BYTES - self.bytes.len();
        self.over = bytes.len() > room;
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.end = headers_end(&self.bytes[from..]).map(|at| from + at);
        if self.end.is_some() {
            self.over = false;
        }
    }

    fn finish(mut self: Box<Self>, truncated: bool, out: &mut FileFacts) {
        self.bytes.truncate(self.end.unwrap_or(self.bytes.len()));
        let mut listing = Listing::new(&self.path, out);
        if truncated && self.end.is_none() {
            listing.unreadable("cut short: the source ended inside the file");
        } else {
            read(&self.path, &self.bytes, &mut listing);
        }
        listing.finish();
        if self.over {
            out.problem(format!("headers past {HEADER_BYTES} bytes are not read"));
        }
    }
}

fn headers_end(bytes: &[u8]) -> Option<usize> {
    let unix = memchr::memmem::find(bytes, b"\n\n");
    let dos = memchr::memmem::find(bytes, b"\n\r\n");
    unix.into_iter().chain(dos).min()
}

/// Reads headers; `path` names the distribution where they do not.
pub(super) fn read(path: &str, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let headers = Fields::parse(&text);
    let (dir_name, dir_version) = from_path(path);
    let name = headers.first("name").unwrap_or(dir_name);
    let version = headers.first("version").unwrap_or(dir_version);
    let mut package = Package::new(PackageKind::Pypi, name, version);
    package.licenses = licences(&headers);
    package.supplier = ["maintainer", "author", "maintainer-email", "author-email"]
        .iter()
        .find_map(|key| headers.first(key))
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    listing.add(package);
}

/// Header lines with their continuation lines; keys in lower case.
struct Fields<'t>(Vec<(String, &'t str)>);

impl<'t> Fields<'t> {
    fn parse(text: &'t str) -> Self {
        let mut fields = Vec::new();
        for line in text.lines() {
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                continue;
            }
            if let Some((key, value)) = line.split_once(':') {
                fields.push((key.trim().to_ascii_lowercase(), value.trim()));
            }
        }
        Self(fields)
    }

    fn all<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'t str> + 's {
        let matching = self.0.iter().filter(move |(name, _)| name == key);
        matching.map(|(_, value)| *value)
    }

    fn first(&self, key: &str) -> Option<&'t str> {
        self.all(key)
            .find(|value| !value.is_empty() && *value != "UNKNOWN")
    }
}

/// The SPDX expression, else the free text if it is a name and no text, else the classifiers.
fn licences(headers: &Fields<'_>) -> Vec<String> {
    if let Some(expression) = headers.first("license-expression") {
        return vec![expression.to_owned()];
    }
    let classified: Vec<String> = headers
        .all("classifier")
        .filter_map(|value| value.strip_prefix("License ::"))
        .filter_map(|rest| rest.rsplit("::").next())
        .map(str::trim)
        .filter(|name| *name != "OSI Approved")
        .map(license::normalise)
        .collect();
    match headers.first("license") {
        Some(name) if name.len() <= 100 => vec![license::normalise(name)],
        _ => classified,
    }
}

/// `…/Name-1.2.3.dist-info/METADATA`, `…/Name-1.2.3-py3.9.egg-info`, `Name-1.2.3-py3.9.egg`.
fn from_path(path: &str) -> (&str, &str) {
    path.rsplit('/')
        .find_map(|segment| {
            let stem = [".dist-info", ".egg-info", ".egg"]
                .iter()
                .find_map(|ending| segment.strip_suffix(ending))?;
            let mut parts = stem.split('-');
            Some((parts.next()?, parts.next().unwrap_or_default()))
        })
        .unwrap_or_default()
}

/// A zipped egg: its `EGG-INFO/PKG-INFO`.
pub(super) fn egg(meta: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    match zip_member(bytes, b"EGG-INFO/PKG-INFO") {
        Ok(headers) => read(&meta.path, &headers, listing),
        Err(reason) => listing.unreadable(format!("no readable EGG-INFO/PKG-INFO: {reason}")),
    }
}

/// One file of a zip archive, at most [`HEADER_BYTES`] of it.
fn zip_member(bytes: &[u8], wanted: &[u8]) -> Result<Vec<u8>, &'static str> {
    let tail = bytes.len().saturating_sub(66_000);
    let end = memchr::memmem::rfind(&bytes[tail..], b"PK\x05\x06").ok_or("no zip directory")?;
    let end = &bytes[tail + end..];
    let mut at = u32_at(end, 16).ok_or("no zip directory")?;
    for _ in 0..u16_at(end, 10).unwrap_or(0) {
        let entry = bytes
            .get(at..)
            .filter(|entry| entry.starts_with(b"PK\x01\x02"));
        let entry = entry.ok_or("a broken zip directory")?;
        let lengths = (u16_at(entry, 28), u16_at(entry, 30), u16_at(entry, 32));
        let (Some(name), Some(extra), Some(comment)) = lengths else {
            return Err("a broken zip directory");
        };
        if entry.get(46..46 + name) == Some(wanted) {
            let size = u32_at(entry, 20).ok_or("a broken zip directory")?;
            let start = u32_at(entry, 42).ok_or("a broken zip directory")?;
            let method = u16_at(entry, 10).ok_or("a broken zip directory")?;
            return zip_data(bytes, start, size, method);
        }
        at = at.saturating_add(46 + name + extra + comment);
    }
    Err("not in the archive")
}

fn zip_data(
    bytes: &[u8],
    start: usize,
    size: usize,
    method: usize,
) -> Result<Vec<u8>, &'static str> {
    let local = bytes
        .get(start..)
        .filter(|local| local.starts_with(b"PK\x03\x04"));
    let local = local.ok_or("a broken entry")?;
    let (name, extra) = u16_at(local, 26)
        .zip(u16_at(local, 28))
        .ok_or("a broken entry")?;
    let from = 30 + name + extra;
    let data = local
        .get(from..from.saturating_add(size))
        .ok_or("a cut entry")?;
    match method {
        0 => Ok(data[..data.len().min(HEADER_BYTES)].to_vec()),
        8 => {
            let mut out = Vec::new();
            let limit = HEADER_BYTES as u64;
            let inflated = DeflateDecoder::new(data).take(limit).read_to_end(&mut out);
            inflated.map_err(|_| "broken compression")?;
            Ok(out)
        }
        _ => Err("an unknown compression method"),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(two)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}
