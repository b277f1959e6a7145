//! Opens what a feed is given as: a directory, a file, an archive of files.
//!
//! `.tar`, `.tar.gz`, `.tar.xz`, `.tar.zst`, `.tar.bz2`, `.zip`, and single files packed by `.gz`,
//! `.xz`, `.zst`, `.bz2`. What a file is shows in its first bytes, not in its name. Nothing is
//! written to disk. Every file inside is read whole, up to [`Limits::file_bytes`]; the sum and the
//! number of files are bounded too, so that a packed bomb ends as an error.

use crate::{feed::Parser, output::Output};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// How much of one input is read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one file, unpacked.
    pub file_bytes: u64,
    /// Of all files, unpacked.
    pub total_bytes: u64,
    pub files: u64,
    /// Directories in directories.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 2 << 30,
            total_bytes: 32 << 30,
            files: 5_000_000,
            depth: 16,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("cannot read {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path}: the archive is broken")]
    Archive {
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{path}: {limit}")]
    TooMuch { path: PathBuf, limit: String },
    #[error("{path} is a web page, not a feed: a proxy or a login page answered")]
    WebPage { path: PathBuf },
}

/// Reads one input through a parser. Files that cannot be read are noted and passed over; an input
/// that breaks off is an error: its rows are not the whole feed.
pub struct Reading<'p, 'o, 'a> {
    pub parser: &'p mut dyn Parser,
    pub out: &'o mut Output<'a>,
    pub limits: Limits,
    files: u64,
    bytes: u64,
    hash: Sha256,
    newest_ms: i64,
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BZIP2: &[u8] = b"BZh";
const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
/// Where a tar's header has its mark.
const TAR_MARK: std::ops::Range<usize> = 257..262;

impl<'p, 'o, 'a> Reading<'p, 'o, 'a> {
    pub fn new(parser: &'p mut dyn Parser, out: &'o mut Output<'a>, limits: Limits) -> Self {
        Self {
            parser,
            out,
            limits,
            files: 0,
            bytes: 0,
            hash: Sha256::new(),
            newest_ms: 0,
        }
    }

    /// SHA-256, hex, over names and contents of what the parser was given: the same however packed.
    pub fn digest(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }

    /// When the newest file that was opened was last changed, in milliseconds of Unix time.
    pub fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    fn open(&mut self, path: &Path) -> Result<Box<dyn Read>, InputError> {
        let io = |source| InputError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let changed = file.metadata().and_then(|meta| meta.modified());
        if let Some(age) = changed
            .ok()
            .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok())
        {
            let ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
            self.newest_ms = self.newest_ms.max(ms);
        }
        Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
    }

    fn give(&mut self, name: &str, bytes: &[u8]) {
        self.hash.update((name.len() as u64).to_le_bytes());
        self.hash.update(name);
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
        self.out.begin(name);
        self.parser.file(name, bytes, self.out);
    }

    pub fn path(&mut self, path: &Path) -> Result<(), InputError> {
        let io = |source| InputError::Io {
            path: path.to_owned(),
            source,
        };
        let name = file_name(path);
        if fs::metadata(path).map_err(io)?.is_dir() {
            return self.directory(path, "", 0);
        }
        let file = self.open(path)?;
        self.stream(path, &name, file)
    }

    fn directory(&mut self, path: &Path, prefix: &str, depth: usize) -> Result<(), InputError> {
        if depth > self.limits.depth {
            return Err(self.too_much(
                path,
                format!("more than {} directories deep", self.limits.depth),
            ));
        }
        let io = |source| InputError::Io {
            path: path.to_owned(),
            source,
        };
        let mut entries: Vec<PathBuf> = fs::read_dir(path)
            .map_err(io)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(io)?;
        // In order, so that the same directory gives the same database.
        entries.sort();
        for entry in entries {
            let base = file_name(&entry);
            if base.starts_with('.') {
                continue;
            }
            let name = if prefix.is_empty() {
                base
            } else {
                format!("{prefix}/{base}")
            };
            let kind = fs::symlink_metadata(&entry).map_err(io)?.file_type();
            if kind.is_dir() {
                self.directory(&entry, &name, depth + 1)?;
            } else if kind.is_file() {
                let file = self.open(&entry)?;
                self.stream(&entry, &name, file)?;
            }
        }
        Ok(())
    }

    /// A file as it lies there: packed, an archive, or plain.
    fn stream(
        &mut self,
        path: &Path,
        name: &str,
        mut reader: Box<dyn Read>,
    ) -> Result<(), InputError> {
        let mut head = Vec::new();
        let io = |source| InputError::Io {
            path: path.to_owned(),
            source,
        };
        reader
            .by_ref()
            .take(512)
            .read_to_end(&mut head)
            .map_err(io)?;
        if head.starts_with(ZIP) || head.starts_with(EMPTY_ZIP) {
            let file = File::open(path).map_err(io)?;
            return self.zip(path, BufReader::with_capacity(1 << 16, file));
        }
        let is_tar = head.get(TAR_MARK) == Some(b"ustar");
        let whole = io::Cursor::new(head.clone()).chain(reader);
        if is_tar {
            return self.tar(path, whole);
        }
        match unpacker(&head, Box::new(whole)).map_err(io)? {
            Ok(unpacked) => {
                let name = without(name, &[".gz", ".tgz", ".xz", ".txz", ".zst", ".bz2"]);
                self.unpacked(path, name, unpacked)
            }
            Err(plain) => self.plain(path, name, plain),
        }
    }

    /// What came out of a packed file: a tar, or the file itself.
    fn unpacked(
        &mut self,
        path: &Path,
        name: &str,
        mut reader: Box<dyn Read>,
    ) -> Result<(), InputError> {
        let mut head = Vec::new();
        reader
            .by_ref()
            .take(512)
            .read_to_end(&mut head)
            .map_err(|error| broken(path, error))?;
        let is_tar = head.get(TAR_MARK) == Some(b"ustar");
        let whole = io::Cursor::new(head).chain(BufReader::with_capacity(1 << 16, reader));
        if is_tar {
            self.tar(path, whole)
        } else {
            self.plain(path, name, whole)
        }
    }

    fn plain(&mut self, path: &Path, name: &str, reader: impl Read) -> Result<(), InputError> {
        if !self.parser.wants(name) {
            return Ok(());
        }
        let Some(bytes) = self.whole(path, name, reader)? else {
            return Ok(());
        };
        if is_web_page(&bytes) {
            return Err(InputError::WebPage {
                path: path.to_owned(),
            });
        }
        self.give(name, &bytes);
        Ok(())
    }

    fn tar(&mut self, path: &Path, reader: impl Read) -> Result<(), InputError> {
        let mut archive = tar::Archive::new(reader);
        let entries = archive.entries().map_err(|error| broken(path, error))?;
        for entry in entries {
            let mut entry = entry.map_err(|error| broken(path, error))?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.trim_start_matches("./").to_owned();
            self.inside(path, &name, &mut entry)?;
        }
        Ok(())
    }

    /// A file in a tar, itself packed perhaps, or a zip.
    fn inside(&mut self, path: &Path, name: &str, reader: impl Read) -> Result<(), InputError> {
        let plain = without(name, &[".gz", ".xz", ".zst", ".bz2"]);
        if !self.parser.wants(name) && !self.parser.wants(plain) && !name.ends_with(".zip") {
            return Ok(());
        }
        let Some(bytes) = self.whole(path, name, reader)? else {
            return Ok(());
        };
        if bytes.starts_with(ZIP) {
            return self.zip(path, io::Cursor::new(bytes));
        }
        if !self.parser.wants(plain) {
            return Ok(());
        }
        let source: Box<dyn Read> = Box::new(io::Cursor::new(bytes.clone()));
        match unpacker(&bytes, source).map_err(|error| broken(path, error))? {
            Ok(unpacked) => {
                if let Some(bytes) = self.whole(path, plain, unpacked)? {
                    self.give(plain, &bytes);
                }
            }
            Err(_) => self.give(name, &bytes),
        }
        Ok(())
    }

    fn zip(&mut self, path: &Path, reader: impl Read + io::Seek) -> Result<(), InputError> {
        let mut archive = zip::ZipArchive::new(reader).map_err(|error| broken(path, error))?;
        for at in 0..archive.len() {
            let entry = archive.by_index(at).map_err(|error| broken(path, error))?;
            if !entry.is_file() {
                continue;
            }
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            if !self.parser.wants(&name) {
                continue;
            }
            if let Some(bytes) = self.whole(path, &name, entry)? {
                self.give(&name, &bytes);
            }
        }
        Ok(())
    }

    /// The whole file within the limits; `None` for one that is too long, which is noted.
    fn whole(
        &mut self,
        path: &Path,
        name: &str,
        reader: impl Read,
    ) -> Result<Option<Vec<u8>>, InputError> {
        self.files += 1;
        if self.files > self.limits.files {
            return Err(self.too_much(path, format!("more than {} files", self.limits.files)));
        }
        let left = self.limits.total_bytes.saturating_sub(self.bytes);
        let limit = self.limits.file_bytes.min(left);
        let mut bytes = Vec::new();
        reader
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| broken(path, error))?;
        let length = bytes.len() as u64;
        self.bytes = self.bytes.saturating_add(length);
        if length > left {
            let limit = format!("more than {} bytes unpacked", self.limits.total_bytes);
            return Err(self.too_much(path, limit));
        }
        if length > limit {
            self.out.begin(name);
            self.out.error(format!(
                "longer than the {limit} bytes that are read of one file"
            ));
            return Ok(None);
        }
        Ok(Some(bytes))
    }

    fn too_much(&self, path: &Path, limit: String) -> InputError {
        InputError::TooMuch {
            path: path.to_owned(),
            limit,
        }
    }
}

/// Unpacks what its first bytes say is packed; gives back what is not.
fn unpacker<'r>(
    head: &[u8],
    reader: Box<dyn Read + 'r>,
) -> io::Result<Result<Box<dyn Read + 'r>, Box<dyn Read + 'r>>> {
    Ok(Ok(if head.starts_with(GZIP) {
        Box::new(flate2::read::MultiGzDecoder::new(reader))
    } else if head.starts_with(XZ) {
        Box::new(liblzma::read::XzDecoder::new_multi_decoder(reader))
    } else if head.starts_with(ZSTD) {
        Box::new(zstd::Decoder::new(reader)?)
    } else if head.starts_with(BZIP2) {
        Box::new(bzip2::read::MultiBzDecoder::new(reader))
    } else {
        return Ok(Err(reader));
    }))
}

fn broken(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> InputError {
    InputError::Archive {
        path: path.to_owned(),
        source: source.into(),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn without<'n>(name: &'n str, endings: &[&str]) -> &'n str {
    endings
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

/// A page where a feed was asked for: a captive portal, a proxy's error, a login.
pub(crate) fn is_web_page(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let head = String::from_utf8_lossy(head)
        .trim_start()
        .to_ascii_lowercase();
    head.starts_with("<!doctype html") || head.starts_with("<html")
}
