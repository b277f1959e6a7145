//! One layer from its stored bytes to its facts, in one pass and two threads: one reads, hashes
//! and inflates, the other hashes and walks what comes out.
//!
//! Limits: [`Bounds`]. Buffers go back and forth between the threads, [`BUFFERS`] of
//! [`BUFFER_BYTES`] each; nothing else is kept of a layer than its facts.

use crate::{
    digest::Hasher,
    inflate::{Compression, Inflate},
    stop::Stop,
};
use rampart_vuln::{
    analyze::LayerFacts,
    layer::{Collected, Collector, LateLink, Selection, TarPush},
};
use std::{
    cell::Cell,
    io::{self, Read},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender, SyncSender},
    },
    thread,
};

const BUFFER_BYTES: usize = 256 << 10;
const BUFFERS: usize = 4;

/// How much may come out of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Plain bytes of a layer, whatever it is stored as.
    pub layer_bytes: u64,
    /// From [`Self::ratio_after`] plain bytes on, at most this many for each stored byte.
    pub ratio: u64,
    pub ratio_after: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            layer_bytes: 64 << 30,
            ratio: 400,
            ratio_after: 2 << 30,
        }
    }
}

/// What a layer turned out to be.
#[derive(Debug, Default)]
pub struct LayerRead {
    pub facts: LayerFacts,
    pub late: Vec<LateLink>,
    /// Of the stored bytes.
    pub digest: String,
    /// Of the plain bytes; empty where they could not be read to their end.
    pub diff_id: String,
    pub stored_bytes: u64,
    pub plain_bytes: u64,
    /// Why the layer could not be read to its end.
    pub damage: Option<String>,
    /// Not all that was found could be kept: not to be taken for the layer's facts again.
    pub cut: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    #[error("the layer's bytes could not be read")]
    Read(#[source] io::Error),
    #[error("the scan was stopped")]
    Stopped,
    #[error("the layer's reader ended unexpectedly: a fault of this program")]
    Panicked,
}

/// Reads a layer; `seen` is told of stored bytes as they come.
///
/// # Errors
/// When its bytes cannot be had at all. Damaged content is no error: see [`LayerRead::damage`].
pub fn read(
    source: impl Read,
    collector: Collector,
    bounds: &Bounds,
    stop: &Stop,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<LayerRead, LayerError> {
    let (full, incoming) = mpsc::sync_channel(BUFFERS);
    let (empty, recycled) = mpsc::channel();
    for _ in 0..BUFFERS {
        let _ = empty.send(Vec::new());
    }
    thread::scope(|scope| {
        let walker = scope.spawn(move || walk(TarPush::new(collector), &incoming, &empty));
        // Here and not in a thread of its own: a source may belong to this thread.
        let inflated = inflate(source, bounds, stop, seen, &full, &recycled);
        drop(full);
        let mut walked = walker.join().map_err(|_| LayerError::Panicked)?;
        let inflated = inflated?;
        walked.digest = inflated.digest.unwrap_or_else(|| walked.diff_id.clone());
        walked.stored_bytes = inflated.stored_bytes;
        if inflated.damage.is_some() {
            walked.diff_id.clear();
            walked.damage = inflated.damage;
        }
        Ok(walked)
    })
}

/// Reads a layer again for the hard links [`LayerRead::late`] names, and gives their facts.
///
/// # Errors
/// As [`read`].
pub fn read_links(
    source: impl Read,
    selection: &Arc<Selection>,
    late: Vec<LateLink>,
    bounds: &Bounds,
    stop: &Stop,
) -> Result<LayerFacts, LayerError> {
    let collector = Collector::again(Arc::clone(selection), late);
    Ok(read(source, collector, bounds, stop, &|_| {})?.facts)
}

/// Hashes and walks plain bytes until they end.
fn walk(mut tar: TarPush, incoming: &Receiver<Vec<u8>>, empty: &Sender<Vec<u8>>) -> LayerRead {
    let mut hasher = Hasher::sha256();
    let mut plain_bytes = 0u64;
    for buffer in incoming {
        hasher.update(&buffer);
        tar.push(&buffer);
        plain_bytes += buffer.len() as u64;
        let _ = empty.send(buffer);
    }
    let Collected {
        facts,
        late,
        damage,
        cut,
    } = tar.finish(false);
    LayerRead {
        facts,
        late,
        diff_id: hasher.finish(),
        plain_bytes,
        damage,
        cut,
        ..LayerRead::default()
    }
}

struct Inflated {
    /// None for a layer stored plain: its digest is its diff id.
    digest: Option<String>,
    stored_bytes: u64,
    damage: Option<String>,
}

fn inflate(
    source: impl Read,
    bounds: &Bounds,
    stop: &Stop,
    seen: &(dyn Fn(u64) + Sync),
    full: &SyncSender<Vec<u8>>,
    recycled: &Receiver<Vec<u8>>,
) -> Result<Inflated, LayerError> {
    let (bytes, active) = (Cell::new(0), Cell::new(true));
    let hasher = Hasher::sha256();
    let mut hashing = Hashing {
        source,
        hasher,
        active: &active,
        bytes: &bytes,
        failed: None,
        stop,
        seen,
    };
    let damage = pump(&mut hashing, bounds, full, recycled);
    if damage.is_some() && hashing.failed.is_none() {
        // The digest of the whole tells damage in the making from damage on the way.
        let _ = io::copy(&mut hashing, &mut io::sink());
    }
    if let Some(error) = hashing.failed {
        return Err(if stop.reason().is_some() {
            LayerError::Stopped
        } else {
            LayerError::Read(error)
        });
    }
    Ok(Inflated {
        stored_bytes: bytes.get(),
        digest: active.get().then(|| hashing.hasher.finish()),
        damage,
    })
}

/// Fills buffers until the layer ends or is found damaged.
fn pump<R: Read>(
    hashing: &mut Hashing<'_, R>,
    bounds: &Bounds,
    full: &SyncSender<Vec<u8>>,
    recycled: &Receiver<Vec<u8>>,
) -> Option<String> {
    let (stored, active) = (hashing.bytes, hashing.active);
    let mut reader = match Inflate::new(&mut *hashing) {
        Ok(reader) => reader,
        Err(error) => return Some(error.to_string()),
    };
    let compression = reader.compression();
    // What is stored plain is hashed once, where it is walked.
    active.set(compression != Compression::None);
    let mut plain = 0u64;
    loop {
        let Ok(mut buffer) = recycled.recv() else {
            return Some("the walk of the layer ended early".into());
        };
        buffer.resize(BUFFER_BYTES, 0);
        let (count, error) = read_some(&mut reader, &mut buffer);
        buffer.truncate(count);
        plain += count as u64;
        let ended = count == 0;
        if !ended && full.send(buffer).is_err() {
            return Some("the walk of the layer ended early".into());
        }
        if let Some(error) = error {
            return Some(damage_text(compression, &error));
        }
        if ended {
            return None;
        }
        if let Some(reason) = too_much(plain, stored.get(), bounds) {
            return Some(reason);
        }
    }
}

/// Fills the buffer as far as it goes, and says what stopped it.
fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

fn damage_text(compression: Compression, error: &io::Error) -> String {
    match compression {
        Compression::None => format!("the layer could not be read: {error}"),
        Compression::Gzip => format!("damaged or cut short gzip data: {error}"),
        Compression::Zstd => format!("damaged or cut short zstd data: {error}"),
    }
}

fn too_much(plain: u64, stored: u64, bounds: &Bounds) -> Option<String> {
    if plain > bounds.layer_bytes {
        return Some(format!(
            "more than {} bytes come out of the layer",
            bounds.layer_bytes
        ));
    }
    let bomb = plain > bounds.ratio_after && plain / stored.max(1) > bounds.ratio;
    bomb.then(|| {
        format!(
            "{plain} bytes came out of {stored}: more than {} to one, taken for a bomb",
            bounds.ratio
        )
    })
}

/// Hashes what it reads, counts it, and ends when the scan is stopped.
struct Hashing<'a, R> {
    source: R,
    hasher: Hasher,
    active: &'a Cell<bool>,
    bytes: &'a Cell<u64>,
    failed: Option<io::Error>,
    stop: &'a Stop,
    seen: &'a (dyn Fn(u64) + Sync),
}

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.reason().is_some() {
            self.failed = Some(io::Error::other("stopped"));
            return Err(io::Error::other("stopped"));
        }
        match self.source.read(buffer) {
            Ok(count) => {
                if self.active.get() {
                    self.hasher.update(&buffer[..count]);
                }
                self.bytes.set(self.bytes.get() + count as u64);
                (self.seen)(count as u64);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let shown = io::Error::new(error.kind(), error.to_string());
                self.failed = Some(error);
                Err(shown)
            }
        }
    }
}
