//! What changed between two databases: the new head, and the pages that the old file lacks.
//!
//! Pages are told apart by their hashes, which the head lists, so nothing else is needed to put the
//! new file together: byte for byte, with its signature. Both parts are compressed with what they
//! replace as dictionary.
//!
//! ```text
//! magic, 8 | digest of the old database, 32 | head length | packed head | packed pages
//! ```
//!
//! Limits: with keys, nothing of a delta is believed before the signature in its head is checked.
//! A head is at most [`MAX_HEAD`] bytes and a file [`MAX_FILE`]; memory follows the bytes that are
//! really there.

use super::{
    Database, DbError,
    code::{Reader, put_bytes},
    header::{self, PageRef},
};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    io::Read,
};

const MAGIC: &[u8; 8] = b"RMPVDLT\n";
const MAX_HEAD: u64 = 64 << 20;
const MAX_FILE: u64 = 4 << 30;
const LEVEL: i32 = 19;

/// What makes `new` of `old`.
pub fn diff(old: &Database, new: &Database) -> Result<Vec<u8>, DbError> {
    let (has, wants) = (hashes(old), hashes(new));
    let replaced = pages(old, |hash| !wants.contains(hash))?;
    let added = pages(new, |hash| !has.contains(hash))?;
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&digest(old)?);
    put_bytes(&mut out, &pack(new.head_bytes(), old.head_bytes())?);
    out.extend_from_slice(&pack(&added, &replaced)?);
    Ok(out)
}

/// The new file. `keys` are those that must have signed it; `None` takes an unsigned one, for one's
/// own builds.
pub fn apply(
    old: &Database,
    delta: &[u8],
    keys: Option<&[VerifyingKey]>,
) -> Result<Vec<u8>, DbError> {
    let mut reader = Reader::new(delta);
    let broken = |_| DbError::Delta("it is damaged");
    let (magic, base): ([u8; 8], [u8; 32]) = (
        reader.array().map_err(broken)?,
        reader.array().map_err(broken)?,
    );
    if &magic != MAGIC {
        return Err(DbError::Delta("it is no delta of a vulnerability database"));
    }
    if base != digest(old)? {
        return Err(DbError::Delta(
            "it is for another database than the one here",
        ));
    }
    let packed_head = reader.bytes().map_err(broken)?;
    let mut file = Vec::new();
    unpack(packed_head, old.head_bytes())?
        .take(MAX_HEAD)
        .read_to_end(&mut file)
        .map_err(|_| DbError::Delta("it is damaged"))?;
    let end = header::header_end(&file)?;
    if let Some(keys) = keys {
        header::verify(&file, end, keys)?;
    }
    let head = header::read_head(&file, end)?;
    let wanted: HashSet<[u8; 32]> = head
        .pages
        .iter()
        .filter_map(|page| head.hash(&file, page).try_into().ok())
        .collect();
    let replaced = pages(old, |hash| !wanted.contains(hash))?;
    let mut added = unpack(reader.rest(), &replaced)?;
    let here: HashMap<[u8; 32], usize> = (0..old.head.pages.len())
        .filter_map(|at| Some((hash_of(old, at)?, at)))
        .collect();
    for page in &head.pages {
        add_page(&mut file, old, &head, page, &here, &mut added)?;
    }
    Ok(file)
}

fn add_page(
    file: &mut Vec<u8>,
    old: &Database,
    head: &header::Head,
    page: &PageRef,
    here: &HashMap<[u8; 32], usize>,
    added: &mut impl Read,
) -> Result<(), DbError> {
    let hash: [u8; 32] = head
        .hash(file, page)
        .try_into()
        .map_err(|_| DbError::corrupt("directory"))?;
    if let Some(&at) = here.get(&hash) {
        file.extend_from_slice(old.page(at)?);
        return Ok(());
    }
    let start = file.len();
    let length = page.length as u64;
    if start as u64 + length > MAX_FILE {
        return Err(DbError::Delta("the new database is larger than any is"));
    }
    let read = added
        .take(length)
        .read_to_end(file)
        .map_err(|_| DbError::Delta("it is damaged"))?;
    let bytes = file.get(start..).unwrap_or_default();
    if read != page.length || Sha256::digest(bytes).as_slice() != hash {
        return Err(DbError::Delta("it is damaged"));
    }
    Ok(())
}

fn digest(db: &Database) -> Result<[u8; 32], DbError> {
    let mut digest = [0; 32];
    hex::decode_to_slice(&db.info().digest, &mut digest).map_err(|_| DbError::corrupt("digest"))?;
    Ok(digest)
}

fn hash_of(db: &Database, at: usize) -> Option<[u8; 32]> {
    db.head
        .hash(db.file(), db.head.pages.get(at)?)
        .try_into()
        .ok()
}

fn hashes(db: &Database) -> HashSet<[u8; 32]> {
    (0..db.head.pages.len())
        .filter_map(|at| hash_of(db, at))
        .collect()
}

/// The pages that `keep` chooses by their hash, in the file's order.
fn pages(db: &Database, keep: impl Fn(&[u8; 32]) -> bool) -> Result<Vec<u8>, DbError> {
    let mut out = Vec::new();
    let mut seen = HashSet::new();
    for at in 0..db.head.pages.len() {
        if hash_of(db, at).is_some_and(|hash| keep(&hash) && seen.insert(hash)) {
            out.extend_from_slice(db.page(at)?);
        }
    }
    Ok(out)
}

fn pack(bytes: &[u8], like: &[u8]) -> Result<Vec<u8>, DbError> {
    let failed = |_| DbError::Delta("it could not be compressed: out of memory");
    let mut encoder =
        zstd::stream::Encoder::with_ref_prefix(Vec::new(), LEVEL, like).map_err(failed)?;
    encoder
        .window_log(window(like.len() + bytes.len()))
        .map_err(failed)?;
    encoder.long_distance_matching(true).map_err(failed)?;
    std::io::Write::write_all(&mut encoder, bytes).map_err(failed)?;
    encoder.finish().map_err(failed)
}

/// Large enough to see the whole of what is replaced, within what a decoder takes.
fn window(length: usize) -> u32 {
    length
        .next_power_of_two()
        .trailing_zeros()
        .clamp(20, MAX_WINDOW)
}

const MAX_WINDOW: u32 = 27;

fn unpack<'a>(bytes: &'a [u8], like: &'a [u8]) -> Result<impl Read + 'a, DbError> {
    let failed = |_| DbError::Delta("it is damaged");
    let mut decoder = zstd::stream::Decoder::with_ref_prefix(bytes, like).map_err(failed)?;
    decoder.window_log_max(MAX_WINDOW).map_err(failed)?;
    Ok(decoder)
}
