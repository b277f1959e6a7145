//! Facts of layers, one file each, by the digest of what was read and the set of analyzers that
//! read it.
//!
//! Files are written beside their place and renamed into it, so any number of processes use one
//! folder at once without locks: who comes second finds the same facts. Limits: an entry of more
//! than [`ENTRY_BYTES`] is not read; the oldest entries go when the folder grows over its limit.

use crate::digest;
use rampart_vuln::analyze::LayerFacts;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

const MAGIC: &[u8; 8] = b"RMPLAYR1";
const ENTRY_BYTES: u64 = 256 << 20;
/// An entry read again within this time is not marked as used again.
const TOUCH_AFTER: Duration = Duration::from_secs(3600);
/// What a process left behind when it was killed.
const STALE: Duration = Duration::from_secs(3600);

/// A layer as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedLayer {
    pub digest: String,
    pub diff_id: String,
    pub stored_bytes: u64,
    pub plain_bytes: u64,
    pub damage: Option<String>,
    pub facts: LayerFacts,
    /// Not all that was found is in the facts: such a layer is not kept.
    #[serde(skip)]
    pub cut: bool,
}

#[derive(Debug)]
pub enum Lookup {
    Hit(Box<CachedLayer>),
    Miss,
    /// There was an entry, and it is of no use: why.
    Corrupt(String),
}

#[derive(Debug)]
pub struct LayerCache {
    root: PathBuf,
    directory: PathBuf,
    limit_bytes: u64,
    stored: AtomicU64,
}

impl LayerCache {
    /// `set` names the analyzers and all that decides what they say: other sets never see these
    /// entries.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(root: &Path, set: &str, limit_bytes: u64) -> io::Result<Self> {
        let root = root.join("layers");
        let name = digest::sha256(set.as_bytes());
        let directory = root.join(&name["sha256:".len()..][..16]);
        fs::create_dir_all(&directory)?;
        Ok(Self {
            root,
            directory,
            limit_bytes,
            stored: AtomicU64::new(0),
        })
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        digest::is_valid(digest).then(|| self.directory.join(digest.replace(':', "-")))
    }

    pub fn load(&self, digest: &str) -> Lookup {
        let Some(path) = self.path(digest) else {
            return Lookup::Miss;
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Lookup::Miss,
            Err(error) => return Lookup::Corrupt(error.to_string()),
        };
        match decode(&mut file) {
            Ok(layer) if layer.digest == digest || layer.diff_id == digest => {
                touch(&file);
                Lookup::Hit(Box::new(layer))
            }
            Ok(layer) => self.discard(&path, format!("it is of {}", layer.digest)),
            Err(error) => self.discard(&path, error.to_string()),
        }
    }

    /// A small text kept beside the layers: what an image of this id is.
    pub fn load_text(&self, digest: &str) -> Option<String> {
        fs::read_to_string(self.path(digest)?.with_extension("image")).ok()
    }

    /// # Errors
    /// When it cannot be written.
    pub fn store_text(&self, digest: &str, text: &str) -> io::Result<()> {
        let Some(path) = self.path(digest) else {
            return Ok(());
        };
        let temporary = self.temporary();
        write_new(&temporary, text.as_bytes())?;
        fs::rename(&temporary, path.with_extension("image"))
    }

    fn discard(&self, path: &Path, reason: String) -> Lookup {
        let _ = fs::remove_file(path);
        Lookup::Corrupt(reason)
    }

    /// Keeps a layer under its digest and, if `by_diff_id`, under that of its plain bytes too.
    ///
    /// # Errors
    /// When the entry cannot be written; nothing half-written stays.
    pub fn store(&self, layer: &CachedLayer) -> io::Result<()> {
        let Some(path) = self.path(&layer.digest).filter(|_| !layer.cut) else {
            return Ok(());
        };
        let bytes = encode(layer)?;
        let temporary = self.temporary();
        let written = write_new(&temporary, &bytes).and_then(|()| {
            if layer.diff_id != layer.digest
                && let Some(alias) = self.path(&layer.diff_id)
            {
                let _ = fs::remove_file(&alias);
                let _ = fs::hard_link(&temporary, alias);
            }
            fs::rename(&temporary, &path)
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        // The first entry, and then every 32nd: a look over the folder is not free.
        if self
            .stored
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(32)
        {
            self.trim();
        }
        written
    }

    fn temporary(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.directory
            .join(format!("new-{}-{number}", std::process::id()))
    }

    /// Deletes the entries longest not used until the folder is within its limit.
    fn trim(&self) {
        let mut entries = Vec::new();
        let mut total = 0u64;
        for set in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            for entry in fs::read_dir(set.path()).into_iter().flatten().flatten() {
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let stale = used.elapsed().is_ok_and(|age| age > STALE);
                if stale && entry.file_name().as_encoded_bytes().starts_with(b"new-") {
                    let _ = fs::remove_file(entry.path());
                    continue;
                }
                total += metadata.len();
                entries.push((used, metadata.len(), entry.path()));
            }
        }
        if total <= self.limit_bytes {
            return;
        }
        entries.sort();
        for (_, bytes, path) in entries {
            if total <= self.limit_bytes {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total = total.saturating_sub(bytes);
            }
        }
    }
}

fn touch(file: &File) {
    let old = file
        .metadata()
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|used| used.elapsed().is_ok_and(|age| age > TOUCH_AFTER));
    if old {
        let _ = file.set_modified(SystemTime::now());
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)
}

fn encode(layer: &CachedLayer) -> io::Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    let mut encoder = zstd::Encoder::new(&mut out, 1)?;
    encoder.include_checksum(true)?;
    let encoder = postcard::to_io(layer, encoder).map_err(io::Error::other)?;
    encoder.finish()?;
    Ok(out)
}

fn decode(file: &mut File) -> io::Result<CachedLayer> {
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic)?;
    if &magic != MAGIC {
        return Err(io::Error::other("it is of another format"));
    }
    let mut plain = Vec::new();
    zstd::Decoder::new(file)?
        .take(ENTRY_BYTES)
        .read_to_end(&mut plain)?;
    postcard::from_bytes(&plain).map_err(io::Error::other)
}
