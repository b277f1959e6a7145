//! `Packages.db`: rpm's own format of numbered blobs, as SUSE uses it.
//!
//! Pages of 16-byte slots at the start of the file, the first two taken by the file's header; each
//! slot names a package and the 16-byte blocks its blob takes. All numbers are little-endian. A
//! blob has a head and a tail that must agree with the slot; one that does not is told and left
//! out.

use super::{DatabaseError, Found, array};

const MAGIC: &[u8] = b"RpmP";
const SLOT_MAGIC: &[u8] = b"Slot";
const HEAD_MAGIC: &[u8] = b"BlbS";
const TAIL_MAGIC: &[u8] = b"BlbE";
const FILE_HEADER: usize = 32;
const SLOT_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;
const PAGE_BYTES: usize = 4096;
const HEAD_BYTES: usize = 16;
const TAIL_BYTES: usize = 12;

pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

pub(super) fn read(bytes: &[u8], found: &mut Found) -> Result<(), DatabaseError> {
    let truncated = || DatabaseError::Truncated("the file's header");
    let version = word(bytes, 4).ok_or_else(truncated)?;
    if version != 0 {
        return Err(DatabaseError::OutOfRange {
            what: "the format's version",
            value: u64::from(version),
        });
    }
    let pages = word(bytes, 12).ok_or_else(truncated)?;
    let end = usize::try_from(pages)
        .ok()
        .and_then(|pages| pages.checked_mul(PAGE_BYTES))
        .unwrap_or(usize::MAX);
    let slots = bytes.get(FILE_HEADER..end.min(bytes.len()));
    for slot in slots.unwrap_or_default().chunks_exact(SLOT_BYTES) {
        if !slot.starts_with(SLOT_MAGIC) {
            found.broken(&DatabaseError::OutOfRange {
                what: "a slot's magic",
                value: u64::from(word(slot, 0).unwrap_or_default()),
            });
            continue;
        }
        match blob(bytes, slot) {
            Ok(Some(blob)) => found.header(blob)?,
            Ok(None) => {}
            Err(error) => found.broken(&error),
        }
    }
    if end > bytes.len() || pages == 0 {
        return Err(DatabaseError::OutOfRange {
            what: "the number of slot pages",
            value: u64::from(pages),
        });
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn size(bytes: &[u8], at: usize) -> Option<usize> {
    word(bytes, at).and_then(|word| usize::try_from(word).ok())
}

/// The blob of a slot; none if the slot is free.
fn blob<'a>(bytes: &'a [u8], slot: &[u8]) -> Result<Option<&'a [u8]>, DatabaseError> {
    let truncated = || DatabaseError::Truncated("a blob");
    let package = word(slot, 4).ok_or_else(truncated)?;
    let offset = size(slot, 8).ok_or_else(truncated)?;
    let blocks = size(slot, 12).ok_or_else(truncated)?;
    if offset == 0 {
        return Ok(None);
    }
    let start = offset.checked_mul(BLOCK_BYTES).ok_or_else(truncated)?;
    let length = blocks.checked_mul(BLOCK_BYTES).ok_or_else(truncated)?;
    let end = start.checked_add(length).ok_or_else(truncated)?;
    let whole = bytes.get(start..end).ok_or_else(truncated)?;
    let wrong = |what| DatabaseError::OutOfRange {
        what,
        value: u64::from(package),
    };
    if !whole.starts_with(HEAD_MAGIC) || word(whole, 4) != Some(package) {
        return Err(wrong("the head of the blob of a package"));
    }
    let length = size(whole, 12).ok_or_else(truncated)?;
    let needed = length
        .checked_add(HEAD_BYTES + TAIL_BYTES)
        .filter(|needed| needed.div_ceil(BLOCK_BYTES) == blocks)
        .ok_or_else(|| wrong("the length of the blob of a package"))?;
    debug_assert!(needed <= whole.len());
    let tail = &whole[whole.len() - TAIL_BYTES..];
    if size(tail, 4) != Some(length) || !tail.ends_with(TAIL_MAGIC) {
        return Err(wrong("the tail of the blob of a package"));
    }
    Ok(Some(&whole[HEAD_BYTES..HEAD_BYTES + length]))
}
