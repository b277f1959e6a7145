//! A reader of bbolt files, as containerd keeps its names in: buckets, keys, values.
//!
//! It takes no lock, so that it works beside the daemon that holds one; what the daemon changes
//! meanwhile shows as damage, and the reading is tried again. Limits: pages of at most
//! [`PAGE_BYTES`], trees [`DEPTH`] deep, [`PAGES`] pages of a listing.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

const MAGIC: u32 = 0xED0C_DAED;
const PAGE_BYTES: usize = 16 << 20;
const DEPTH: usize = 32;
const PAGES: usize = 100_000;
const HEADER: usize = 16;
const ELEMENT: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;

pub(crate) struct Bolt {
    file: File,
    page_size: usize,
    root: u64,
}

/// A bucket: a tree of its own, or a page within its parent.
pub(crate) enum Bucket {
    Tree(u64),
    Inline(Vec<u8>),
}

struct Entry {
    is_bucket: bool,
    key: Vec<u8>,
    value: Vec<u8>,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("damaged or changing bbolt file: {what}"),
    )
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    let field = bytes
        .get(at..at.saturating_add(N))
        .ok_or_else(|| damaged("a short page"))?;
    field.try_into().map_err(|_| damaged("a short page"))
}

fn u16_at(bytes: &[u8], at: usize) -> io::Result<u16> {
    number(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> io::Result<u32> {
    number(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> io::Result<u64> {
    number(bytes, at).map(u64::from_le_bytes)
}

fn size_at(bytes: &[u8], at: usize) -> io::Result<usize> {
    usize::try_from(u32_at(bytes, at)?).map_err(|_| damaged("a size"))
}

impl Bolt {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut best: Option<(u64, usize, u64)> = None;
        let mut first = vec![0; 4096];
        file.read_exact_at(&mut first, 0)?;
        let page_size = size_at(&first, HEADER + 8)?;
        for at in [0, page_size as u64] {
            let mut page = vec![0; 80];
            if file.read_exact_at(&mut page, at).is_err() || u32_at(&page, HEADER)? != MAGIC {
                continue;
            }
            let meta = &page[HEADER..HEADER + 56];
            let sum = meta.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
            let (size, root) = (size_at(&page, HEADER + 8)?, u64_at(&page, HEADER + 16)?);
            let transaction = u64_at(&page, HEADER + 48)?;
            let fine = sum == u64_at(&page, HEADER + 56)? && (512..=PAGE_BYTES).contains(&size);
            if fine && best.is_none_or(|(newest, _, _)| transaction > newest) {
                best = Some((transaction, size, root));
            }
        }
        let (_, page_size, root) = best.ok_or_else(|| damaged("no valid meta page"))?;
        Ok(Self {
            file,
            page_size,
            root,
        })
    }

    pub(crate) fn root(&self) -> Bucket {
        Bucket::Tree(self.root)
    }

    fn page(&self, id: u64) -> io::Result<Vec<u8>> {
        let at = id
            .checked_mul(self.page_size as u64)
            .ok_or_else(|| damaged("a page number"))?;
        let mut page = vec![0; self.page_size];
        self.file.read_exact_at(&mut page, at)?;
        let more = size_at(&page, 12)?;
        let size = more
            .checked_add(1)
            .and_then(|pages| pages.checked_mul(self.page_size));
        let size = size
            .filter(|size| *size <= PAGE_BYTES)
            .ok_or_else(|| damaged("a page's size"))?;
        if size > page.len() {
            page.resize(size, 0);
            self.file.read_exact_at(&mut page, at)?;
        }
        Ok(page)
    }

    pub(crate) fn bucket(&self, within: &Bucket, name: &[u8]) -> io::Result<Option<Bucket>> {
        match self.entry(within, name)? {
            Some(entry) if entry.is_bucket => as_bucket(entry.value).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn value(&self, within: &Bucket, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(self
            .entry(within, name)?
            .filter(|entry| !entry.is_bucket)
            .map(|entry| entry.value))
    }

    /// Goes down to the leaf the key would be in.
    fn entry(&self, within: &Bucket, key: &[u8]) -> io::Result<Option<Entry>> {
        let mut page = match within {
            Bucket::Tree(id) => self.page(*id)?,
            Bucket::Inline(page) => page.clone(),
        };
        for _ in 0..DEPTH {
            let count = usize::from(u16_at(&page, 10)?);
            if u16_at(&page, 8)? & LEAF != 0 {
                for index in 0..count {
                    let entry = leaf(&page, index)?;
                    if entry.key == key {
                        return Ok(Some(entry));
                    }
                }
                return Ok(None);
            }
            let mut next = None;
            for index in 0..count {
                let (first, id) = branch(&page, index)?;
                if index == 0 || first <= key {
                    next = Some(id);
                }
            }
            page = self.page(next.ok_or_else(|| damaged("an empty branch"))?)?;
        }
        Err(damaged("too deep a tree"))
    }

    /// Names of the buckets within.
    pub(crate) fn buckets(&self, within: &Bucket) -> io::Result<Vec<Vec<u8>>> {
        let first = match within {
            Bucket::Tree(id) => self.page(*id)?,
            Bucket::Inline(page) => page.clone(),
        };
        let (mut names, mut waiting, mut seen) = (Vec::new(), vec![first], 0);
        while let Some(page) = waiting.pop() {
            seen += 1;
            if seen > PAGES || waiting.len() > 1024 {
                return Err(damaged("too many pages"));
            }
            let count = usize::from(u16_at(&page, 10)?);
            let kind = u16_at(&page, 8)?;
            for index in 0..count {
                if kind & LEAF != 0 {
                    let entry = leaf(&page, index)?;
                    if entry.is_bucket {
                        names.push(entry.key);
                    }
                } else if kind & BRANCH != 0 {
                    waiting.push(self.page(branch(&page, index)?.1)?);
                }
            }
        }
        Ok(names)
    }
}

fn as_bucket(value: Vec<u8>) -> io::Result<Bucket> {
    match u64_at(&value, 0)? {
        0 => Ok(Bucket::Inline(
            value.get(HEADER..).unwrap_or_default().to_vec(),
        )),
        id => Ok(Bucket::Tree(id)),
    }
}

fn slice(page: &[u8], at: usize, size: usize) -> io::Result<&[u8]> {
    at.checked_add(size)
        .and_then(|end| page.get(at..end))
        .ok_or_else(|| damaged("an entry beyond its page"))
}

fn leaf(page: &[u8], index: usize) -> io::Result<Entry> {
    let at = HEADER + index * ELEMENT;
    let start = at.saturating_add(size_at(page, at + 4)?);
    let (key, value) = (size_at(page, at + 8)?, size_at(page, at + 12)?);
    Ok(Entry {
        is_bucket: u32_at(page, at)? & 1 != 0,
        key: slice(page, start, key)?.to_vec(),
        value: slice(page, start.saturating_add(key), value)?.to_vec(),
    })
}

fn branch(page: &[u8], index: usize) -> io::Result<(&[u8], u64)> {
    let at = HEADER + index * ELEMENT;
    let start = at.saturating_add(size_at(page, at)?);
    Ok((
        slice(page, start, size_at(page, at + 4)?)?,
        u64_at(page, at + 8)?,
    ))
}
