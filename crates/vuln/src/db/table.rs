//! Sorted tables of keys and values, cut into pages; the page is the unit of everything.
//!
//! A page is what is verified on first touch, what is decompressed, and what a delta carries. It
//! is self-contained: it points at nothing outside itself, so an insertion elsewhere leaves its
//! bytes as they are. Pages end where the hash of a key says so, hence an insertion moves at most
//! one boundary. Layout of a page:
//!
//! ```text
//! common prefix of all keys | count | offset of each entry, u32 | key rest, value | …
//! ```
//!
//! Limits: a page of a compressed table unpacks to at most [`MAX_UNPACKED`] bytes.

use super::code::{Malformed, Reader, put_bytes, put_len};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;

pub(crate) const MAX_UNPACKED: usize = 512 << 10;

/// Compression level of text pages: near the best ratio, at a tenth of the time of the highest.
const LEVEL: i32 = 12;

/// When a page ends.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    /// Not before so many bytes,
    pub(crate) least: usize,
    /// then at a key whose hash is a multiple of this,
    pub(crate) one_in: u64,
    /// and at so many bytes in any case.
    pub(crate) most: usize,
    pub(crate) compressed: bool,
}

/// A finished page, and what the directory says of it.
pub(crate) struct Page {
    pub(crate) first_key: Vec<u8>,
    pub(crate) hash: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct TableWriter {
    cut: Cut,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    size: usize,
    pages: Vec<Page>,
    raw: Vec<u8>,
}

impl TableWriter {
    pub(crate) fn new(cut: Cut) -> Self {
        Self {
            cut,
            entries: Vec::new(),
            size: 0,
            pages: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// Keys must come in ascending order.
    pub(crate) fn push(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.size += key.len() + value.len() + 8;
        let ends = self.size >= self.cut.least && hash(&key).is_multiple_of(self.cut.one_in);
        self.entries.push((key, value));
        if ends || self.size >= self.cut.most {
            self.end_page();
        }
    }

    /// The next key begins a page: called where the keys' common prefix changes.
    pub(crate) fn end_page(&mut self) {
        let Some((first_key, _)) = self.entries.first().cloned() else {
            return;
        };
        self.raw.clear();
        write_page(&mut self.raw, &self.entries);
        let bytes = if self.cut.compressed {
            pack(&self.raw)
        } else {
            self.raw.clone()
        };
        self.pages.push(Page {
            first_key,
            hash: Sha256::digest(&bytes).into(),
            bytes,
        });
        self.entries.clear();
        self.size = 0;
    }

    pub(crate) fn finish(mut self) -> Vec<Page> {
        self.end_page();
        self.pages
    }
}

/// FNV-1a with a final mix, so that every bit of the key reaches the low bits.
fn hash(key: &[u8]) -> u64 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

fn write_page(out: &mut Vec<u8>, entries: &[(Vec<u8>, Vec<u8>)]) {
    let (Some((first, _)), Some((last, _))) = (entries.first(), entries.last()) else {
        return;
    };
    let common = common_prefix(first, last);
    put_bytes(out, first.get(..common).unwrap_or_default());
    put_len(out, entries.len());
    let mut body = Vec::with_capacity(out.capacity());
    for (key, value) in entries {
        // A page is far below 4 GiB: one entry is bounded, and `most` ends the page after it.
        let offset = u32::try_from(body.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&offset.to_le_bytes());
        put_bytes(&mut body, key.get(common..).unwrap_or_default());
        put_bytes(&mut body, value);
    }
    out.extend_from_slice(&body);
}

pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// A page as compressed: its length, then a zstd frame. Kept plain (length 0) if that is smaller
/// or the compressor fails, which it does only for want of memory.
fn pack(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() / 2);
    match zstd::bulk::compress(raw, LEVEL) {
        Ok(packed) if packed.len() < raw.len() => {
            put_len(&mut out, raw.len());
            out.extend_from_slice(&packed);
        }
        _ => {
            put_len(&mut out, 0);
            out.extend_from_slice(raw);
        }
    }
    out
}

/// Unpacks pages one after the other into the same memory.
#[derive(Default)]
pub(crate) struct Unpacker {
    decoder: Option<zstd::bulk::Decompressor<'static>>,
    raw: Vec<u8>,
}

impl Unpacker {
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(crate) fn unpack(&mut self, page: &[u8]) -> Result<(), Malformed> {
        self.raw.clear();
        let mut reader = Reader::new(page);
        let length = reader.index()?;
        if length == 0 {
            self.raw.extend_from_slice(reader.rest());
            return Ok(());
        }
        if length > MAX_UNPACKED {
            return Err(Malformed);
        }
        self.raw.reserve(length);
        if self.decoder.is_none() {
            self.decoder = zstd::bulk::Decompressor::new().ok();
        }
        let decoder = self.decoder.as_mut().ok_or(Malformed)?;
        let unpacked = decoder
            .decompress_to_buffer(reader.rest(), &mut self.raw)
            .map_err(|_| Malformed)?;
        (unpacked == length).then_some(()).ok_or(Malformed)
    }
}

/// A page opened for reading.
#[derive(Clone, Copy)]
pub(crate) struct PageView<'a> {
    prefix: &'a [u8],
    offsets: &'a [u8],
    entries: &'a [u8],
}

impl<'a> PageView<'a> {
    pub(crate) fn new(page: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(page);
        let prefix = reader.bytes()?;
        let count = reader.count(6)?;
        let offsets = reader.take(count * 4)?;
        Ok(Self {
            prefix,
            offsets,
            entries: reader.rest(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len() / 4
    }

    /// Rest of the key after the common prefix, and the value.
    fn entry(&self, index: usize) -> Result<(&'a [u8], &'a [u8]), Malformed> {
        let offset = self.offsets.get(index * 4..index * 4 + 4);
        let offset = offset
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(Malformed)?;
        let offset = usize::try_from(u32::from_le_bytes(offset)).map_err(|_| Malformed)?;
        let mut reader = Reader::new(self.entries.get(offset..).ok_or(Malformed)?);
        Ok((reader.bytes()?, reader.bytes()?))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<&'a [u8]>, Malformed> {
        let Some(rest) = key.strip_prefix(self.prefix) else {
            return Ok(None);
        };
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let (found, value) = self.entry(middle)?;
            match found.cmp(rest) {
                Ordering::Equal => return Ok(Some(value)),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// Whole key and value of an entry.
    pub(crate) fn at(&self, index: usize) -> Result<(Vec<u8>, &'a [u8]), Malformed> {
        let (rest, value) = self.entry(index)?;
        let mut key = Vec::with_capacity(self.prefix.len() + rest.len());
        key.extend_from_slice(self.prefix);
        key.extend_from_slice(rest);
        Ok((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(page: &[u8]) -> Vec<u8> {
        let mut unpacker = Unpacker::default();
        unpacker.unpack(page).unwrap();
        unpacker.raw().to_vec()
    }

    const CUT: Cut = Cut {
        least: 256,
        one_in: 8,
        most: 2048,
        compressed: false,
    };

    fn table(keys: impl Iterator<Item = u32>, cut: Cut) -> Vec<Page> {
        let mut writer = TableWriter::new(cut);
        for key in keys {
            let key = format!("common/{key:05}");
            let value = key.repeat(2);
            writer.push(key.into_bytes(), value.into_bytes());
        }
        writer.finish()
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        for compressed in [false, true] {
            let pages = table((0..1000).map(|n| n * 2), Cut { compressed, ..CUT });
            assert!(pages.len() > 5);
            let mut found = 0;
            for page in &pages {
                let raw = if compressed {
                    unpack(&page.bytes)
                } else {
                    page.bytes.clone()
                };
                let view = PageView::new(&raw).unwrap();
                for index in 0..view.len() {
                    let (key, value) = view.at(index).unwrap();
                    assert_eq!(view.get(&key).unwrap(), Some(value));
                    found += 1;
                }
                assert_eq!(view.get(b"common/00001").unwrap(), None);
                assert_eq!(view.get(b"other").unwrap(), None);
            }
            assert_eq!(found, 1000);
        }
    }

    /// What makes a day's delta small: pages away from the change keep their bytes.
    #[test]
    fn an_insertion_changes_one_or_two_pages() {
        let before = table((0..2000).map(|n| n * 2), CUT);
        let after = table(
            (0..2000)
                .map(|n| n * 2)
                .chain([4001])
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter(),
            CUT,
        );
        let middle = table(
            (0..2000)
                .map(|n| n * 2)
                .chain([1001])
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter(),
            CUT,
        );
        for changed in [after, middle] {
            let old: std::collections::HashSet<_> = before.iter().map(|page| page.hash).collect();
            let new = changed
                .iter()
                .filter(|page| !old.contains(&page.hash))
                .count();
            assert!(new <= 2, "{new} pages changed");
        }
    }

    #[test]
    fn hostile_pages_are_errors() {
        assert!(PageView::new(b"").is_err());
        assert!(PageView::new(&[0, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
        let page = PageView::new(&[0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0]).unwrap();
        assert!(page.get(b"a").is_err());
        let mut bomb = Vec::new();
        put_len(&mut bomb, MAX_UNPACKED + 1);
        assert!(Unpacker::default().unpack(&bomb).is_err());
    }
}
