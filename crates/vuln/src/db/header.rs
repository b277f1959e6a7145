//! The signed header and the directory of pages it vouches for.
//!
//! ```text
//! magic, 8 | format, u32 | header length, u32 | Ed25519 signature, 64 | header | directory | pages
//! ```
//!
//! The signature covers everything before and after itself up to the directory. The header holds
//! the SHA-256 of the directory, the directory that of each page: one signature vouches for all,
//! and a page's bytes are hashed when they are first needed.
//!
//! Limits: a header is at most [`MAX_HEADER`] bytes; counts are believed only as far as the bytes
//! for them are there.

use super::{
    BucketInfo, DbError, FeedState, Info,
    code::{Malformed, Reader, put_bytes, put_i64, put_len, put_str, put_strings, put_u64},
    table::Page,
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rampart_model::Timestamp;
use sha2::{Digest, Sha256};

pub(crate) const MAGIC: &[u8; 8] = b"RMPVULN\n";
pub const FORMAT: u32 = 1;
pub(crate) const MAX_HEADER: usize = 8 << 20;
/// Magic, format and length; then the signature.
const PLAIN: usize = 16;
const FIXED: usize = PLAIN + 64;
/// Keeps a signature from meaning anything under another of our formats.
const CONTEXT: &[u8] = b"rampart vulnerability database\0";

/// Tables, in the order their pages stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableId {
    /// `bucket NUL package` → rows.
    Rows,
    /// id → severity, scores, dates, aliases.
    Heads,
    /// id → title, description, references; compressed.
    Texts,
    /// alias or advisory → ids.
    Aliases,
    /// id → exploit prediction: it changes every day, and would drag the heads with it.
    Epss,
}

impl TableId {
    pub(crate) const ALL: [Self; 5] = [
        Self::Rows,
        Self::Heads,
        Self::Texts,
        Self::Aliases,
        Self::Epss,
    ];
}

/// Where a page is. `key` and `hash` are ranges of the directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRef {
    pub(crate) offset: usize,
    pub(crate) length: usize,
    key: (usize, usize),
}

/// What the head of the file says, before any page is touched.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) info: Info,
    /// Names that rows refer to by index.
    pub(crate) feed_names: Vec<String>,
    pub(crate) pages: Vec<PageRef>,
    /// First page of each table, and one past the last page.
    pub(crate) starts: [usize; TableId::ALL.len() + 1],
    directory: (usize, usize),
    /// Of the whole file.
    length: u64,
}

impl Head {
    /// Where the pages begin.
    pub(crate) fn end(&self) -> usize {
        self.directory.1
    }

    pub(crate) fn key<'a>(&self, file: &'a [u8], page: &PageRef) -> &'a [u8] {
        self.directory_of(file)
            .get(page.key.0..page.key.1)
            .unwrap_or_default()
    }

    pub(crate) fn hash<'a>(&self, file: &'a [u8], page: &PageRef) -> &'a [u8] {
        self.directory_of(file)
            .get(page.key.1..page.key.1 + 32)
            .unwrap_or_default()
    }

    fn directory_of<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        file.get(self.directory.0..self.directory.1)
            .unwrap_or_default()
    }

    pub(crate) fn table(&self, table: TableId) -> std::ops::Range<usize> {
        let at = table as usize;
        self.starts[at]..self.starts[at + 1]
    }
}

/// Puts a whole file together; the signature is zeros until [`sign`] replaces it.
pub(crate) fn write(info: &Info, feed_names: &[String], tables: &[Vec<Page>]) -> Vec<u8> {
    let directory = write_directory(tables);
    let data: usize = tables.iter().flatten().map(|page| page.bytes.len()).sum();
    let mut header = Vec::new();
    put_u64(&mut header, info.version);
    put_i64(&mut header, info.built_at.ms());
    put_i64(&mut header, info.expires_at.ms());
    put_u64(&mut header, info.rows);
    put_u64(&mut header, info.vulnerabilities);
    put_strings(&mut header, feed_names);
    put_len(&mut header, info.feeds.len());
    for feed in &info.feeds {
        write_feed(&mut header, feed);
    }
    put_len(&mut header, info.buckets.len());
    for bucket in &info.buckets {
        put_str(&mut header, &bucket.name);
        put_u64(&mut header, bucket.packages);
        put_u64(&mut header, bucket.rows);
    }
    put_len(&mut header, directory.len());
    put_len(&mut header, data);
    header.extend_from_slice(&Sha256::digest(&directory));

    let mut file = Vec::with_capacity(FIXED + header.len() + directory.len() + data);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(
        &u32::try_from(header.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    file.extend_from_slice(&[0; 64]);
    file.extend_from_slice(&header);
    file.extend_from_slice(&directory);
    for page in tables.iter().flatten() {
        file.extend_from_slice(&page.bytes);
    }
    file
}

fn write_feed(out: &mut Vec<u8>, feed: &FeedState) {
    put_str(out, &feed.name);
    put_str(out, &feed.source);
    put_u64(out, feed.rows);
    put_i64(out, feed.fetched_at.ms());
    put_str(out, &feed.modified);
    put_str(out, &feed.digest);
    out.push(u8::from(feed.stale));
    put_str(out, &feed.error);
}

fn read_feed(reader: &mut Reader<'_>) -> Result<FeedState, Malformed> {
    Ok(FeedState {
        name: reader.string()?,
        source: reader.string()?,
        rows: reader.u64()?,
        fetched_at: Timestamp(reader.i64()?),
        modified: reader.string()?,
        digest: reader.string()?,
        stale: reader.u8()? != 0,
        error: reader.string()?,
    })
}

/// Page lengths and not offsets: an insertion changes the entries of the pages it changes only.
fn write_directory(tables: &[Vec<Page>]) -> Vec<u8> {
    let mut out = Vec::new();
    for pages in tables {
        put_len(&mut out, pages.len());
        for page in pages {
            put_len(&mut out, page.bytes.len());
            put_bytes(&mut out, &page.first_key);
            out.extend_from_slice(&page.hash);
        }
    }
    out
}

/// Signs a file that [`super::Builder::finish`] made; signing again replaces the signature.
pub fn sign(file: &mut [u8], key: &SigningKey) -> Result<(), DbError> {
    let end = header_end(file)?;
    let signature = key.sign(&message(file, end)).to_bytes();
    if let Some(place) = file.get_mut(PLAIN..FIXED) {
        place.copy_from_slice(&signature);
    }
    Ok(())
}

fn message(file: &[u8], end: usize) -> Vec<u8> {
    let mut message = CONTEXT.to_vec();
    message.extend_from_slice(file.get(..PLAIN).unwrap_or_default());
    message.extend_from_slice(file.get(FIXED..end).unwrap_or_default());
    message
}

/// Checks what can be checked without believing anything: magic, format, and that the header is
/// there. Gives the header's end.
pub(crate) fn header_end(file: &[u8]) -> Result<usize, DbError> {
    let seen = file.len().min(MAGIC.len());
    if file.get(..seen) != MAGIC.get(..seen) || seen == 0 {
        return Err(DbError::NotADatabase);
    }
    let truncated = DbError::Truncated {
        expected: FIXED as u64,
        found: file.len() as u64,
    };
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?))
    };
    let (Some(format), Some(length)) = (number(8), number(12)) else {
        return Err(truncated);
    };
    match format {
        FORMAT => {}
        0 => return Err(DbError::corrupt("format version")),
        found => {
            return Err(DbError::NewerFormat {
                found,
                supported: FORMAT,
            });
        }
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_HEADER {
        return Err(DbError::corrupt("header length"));
    }
    if file.len() < FIXED + length {
        return Err(DbError::Truncated {
            expected: (FIXED + length) as u64,
            found: file.len() as u64,
        });
    }
    Ok(FIXED + length)
}

/// Whether one of the keys signed it.
pub(crate) fn verify(file: &[u8], end: usize, keys: &[VerifyingKey]) -> Result<(), DbError> {
    let signature: Option<[u8; 64]> = file
        .get(PLAIN..FIXED)
        .and_then(|bytes| bytes.try_into().ok());
    let signature = signature.ok_or(DbError::Unsigned)?;
    if signature == [0; 64] {
        return Err(DbError::Unsigned);
    }
    let (message, signature) = (message(file, end), Signature::from_bytes(&signature));
    if keys
        .iter()
        .any(|key| key.verify_strict(&message, &signature).is_ok())
    {
        return Ok(());
    }
    Err(DbError::WrongSignature)
}

/// Reads header and directory of a whole file; [`verify`] has been called where it has to be.
pub(crate) fn read(file: &[u8], end: usize) -> Result<Head, DbError> {
    let head = read_head(file, end)?;
    let (expected, found) = (head.length, file.len() as u64);
    if found < expected {
        return Err(DbError::Truncated { expected, found });
    }
    if found > expected {
        return Err(DbError::corrupt("bytes after the end"));
    }
    Ok(head)
}

/// The same where the pages may not be there yet.
pub(crate) fn read_head(file: &[u8], end: usize) -> Result<Head, DbError> {
    let mut reader = Reader::new(file.get(FIXED..end).unwrap_or_default());
    let malformed = |_| DbError::corrupt("header");
    let (mut info, feed_names) = read_info(&mut reader).map_err(malformed)?;
    let directory_length = reader.index().map_err(malformed)?;
    let data_length = reader.index().map_err(malformed)?;
    let directory_hash: [u8; 32] = reader.array().map_err(malformed)?;
    info.digest = hex::encode(Sha256::digest(message(file, end)));

    let directory_end = end.checked_add(directory_length);
    let length = directory_end.and_then(|at| at.checked_add(data_length));
    let (Some(directory_end), Some(length)) = (directory_end, length) else {
        return Err(DbError::corrupt("header"));
    };
    let Some(directory) = file.get(end..directory_end) else {
        let (expected, found) = (length as u64, file.len() as u64);
        return Err(DbError::Truncated { expected, found });
    };
    if !cfg!(fuzzing) && Sha256::digest(directory).as_slice() != directory_hash {
        return Err(DbError::corrupt("directory"));
    }
    let directory = read_directory(directory, directory_end, length);
    let (pages, starts) = directory.map_err(|_| DbError::corrupt("directory"))?;
    Ok(Head {
        info,
        feed_names,
        pages,
        starts,
        directory: (end, directory_end),
        length: length as u64,
    })
}

fn read_info(reader: &mut Reader<'_>) -> Result<(Info, Vec<String>), Malformed> {
    let mut info = Info {
        version: reader.u64()?,
        built_at: Timestamp(reader.i64()?),
        expires_at: Timestamp(reader.i64()?),
        rows: reader.u64()?,
        vulnerabilities: reader.u64()?,
        ..Info::default()
    };
    let feed_names = reader.strings()?;
    for _ in 0..reader.count(8)? {
        info.feeds.push(read_feed(reader)?);
    }
    for _ in 0..reader.count(3)? {
        info.buckets.push(BucketInfo {
            name: reader.string()?,
            packages: reader.u64()?,
            rows: reader.u64()?,
        });
    }
    Ok((info, feed_names))
}

type Directory = (Vec<PageRef>, [usize; TableId::ALL.len() + 1]);

fn read_directory(bytes: &[u8], data: usize, end: usize) -> Result<Directory, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut pages = Vec::new();
    let mut starts = [0; TableId::ALL.len() + 1];
    let mut offset = data;
    for table in TableId::ALL {
        let count = reader.count(34)?;
        pages.reserve(count);
        for _ in 0..count {
            let length = reader.index()?;
            let key_length = reader.bytes()?.len();
            let key_end = bytes.len() - reader.rest().len();
            reader.take(32)?;
            pages.push(PageRef {
                offset,
                length,
                key: (key_end - key_length, key_end),
            });
            offset = offset
                .checked_add(length)
                .filter(|&at| at <= end)
                .ok_or(Malformed)?;
        }
        starts[table as usize + 1] = pages.len();
    }
    (reader.is_empty() && offset == end)
        .then_some((pages, starts))
        .ok_or(Malformed)
}
