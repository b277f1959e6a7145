//! The spool's file format: framed, checksummed entries that survive torn and damaged bytes.
//!
//! An entry is a mark, its sequence number, the length and CRC-32 of the rest, and the payload.
//! Limits: a payload is at most [`MAX_PAYLOAD`] bytes. A damaged stretch is skipped to the next
//! entry that checks out; no input makes the reader fail, loop or allocate beyond its window.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

pub(super) const MAX_PAYLOAD: usize = 1 << 20;
pub(super) const HEADER: usize = 20;
/// Highest sequence number there is; a higher one in a file is damage. At a million reports a second
/// it is reached after 290,000 years.
pub(super) const LAST_SEQ: u64 = u64::MAX / 2;
/// Marks tried in one window before the rest of it is given up: bounds the work on crafted files.
const MAX_RESYNC_TRIES: usize = 1024;
const MARK: [u8; 4] = [0xf7, b'R', b'M', 0x01];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) payload: Vec<u8>,
}

/// What a stretch of a segment holds.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    pub(super) entries: Vec<Entry>,
    /// Offset after the last good entry.
    pub(super) end: u64,
    /// Damaged stretches that were skipped.
    pub(super) damaged: u64,
    /// Nothing more of use follows in the file.
    pub(super) finished: bool,
}

pub(super) fn encode(seq: u64, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(seq, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.to_le_bytes());
    hasher.update(&(payload.len() as u64).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

enum Parsed {
    Entry(Entry, usize),
    /// More bytes are needed, if they exist.
    Short,
    Damaged,
}

fn parse(bytes: &[u8]) -> Parsed {
    let mark = &bytes[..bytes.len().min(4)];
    if !MARK.starts_with(mark) {
        return Parsed::Damaged;
    }
    let (Some(seq), Some(length), Some(crc)) = (
        array::<8>(bytes, 4),
        array::<4>(bytes, 12),
        array::<4>(bytes, 16),
    ) else {
        return Parsed::Short;
    };
    let (seq, length) = (u64::from_le_bytes(seq), u32::from_le_bytes(length) as usize);
    if length > MAX_PAYLOAD || seq > LAST_SEQ {
        return Parsed::Damaged;
    }
    let Some(payload) = bytes.get(HEADER..HEADER + length) else {
        return Parsed::Short;
    };
    if checksum(seq, payload) != u32::from_le_bytes(crc) {
        return Parsed::Damaged;
    }
    Parsed::Entry(
        Entry {
            seq,
            payload: payload.to_vec(),
        },
        HEADER + length,
    )
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Offset of the next entry that checks out, at or after `from`.
fn resync(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len().saturating_sub(HEADER - 1))
        .filter(|&at| bytes[at..].starts_with(&MARK))
        .take(MAX_RESYNC_TRIES)
        .find(|&at| matches!(parse(&bytes[at..]), Parsed::Entry(..)))
}

/// Reads entries from `offset`: at most `max_entries`, and not many more than `max_bytes`.
pub(super) fn read(
    path: &Path,
    offset: u64,
    max_entries: usize,
    max_bytes: usize,
) -> io::Result<Stretch> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let window = max_bytes.saturating_add(MAX_PAYLOAD + HEADER);
    let mut bytes = Vec::new();
    file.take(window as u64).read_to_end(&mut bytes)?;
    let whole = bytes.len() < window;
    Ok(scan(&bytes, offset, whole, max_entries, max_bytes))
}

fn scan(bytes: &[u8], offset: u64, whole: bool, max_entries: usize, max_bytes: usize) -> Stretch {
    let mut out = Stretch {
        end: offset,
        ..Stretch::default()
    };
    let mut at = 0;
    while out.entries.len() < max_entries && at < max_bytes {
        let damaged_from = match parse(&bytes[at..]) {
            _ if at == bytes.len() => {
                out.finished = whole;
                break;
            }
            Parsed::Entry(entry, used) => {
                at += used;
                out.end = offset + at as u64;
                out.entries.push(entry);
                continue;
            }
            Parsed::Short if !whole && !out.entries.is_empty() => break,
            Parsed::Short | Parsed::Damaged => at,
        };
        out.damaged += 1;
        match resync(bytes, damaged_from + 1) {
            Some(next) => {
                at = next;
                out.end = offset + at as u64;
            }
            None => {
                // A torn tail, or a window without one good entry: step over it.
                out.finished = whole;
                if !whole {
                    out.end = offset + (bytes.len() - (HEADER - 1)) as u64;
                }
                break;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(entries: &[(u64, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (seq, payload) in entries {
            encode(*seq, payload, &mut bytes);
        }
        bytes
    }

    fn seqs(bytes: &[u8]) -> (Vec<u64>, u64) {
        let stretch = scan(bytes, 0, true, usize::MAX, usize::MAX);
        (
            stretch.entries.iter().map(|e| e.seq).collect(),
            stretch.damaged,
        )
    }

    #[test]
    fn every_truncation_keeps_the_entries_before_it() {
        let bytes = file(&[(1, b"one"), (2, b"two"), (3, b"three")]);
        let ends = [HEADER + 3, 2 * HEADER + 6, 3 * HEADER + 11];
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            let (found, _) = seqs(&bytes[..cut]);
            assert_eq!(found.len(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn every_damaged_byte_costs_one_entry_at_most() {
        let bytes = file(&[(1, b"one"), (2, b"two"), (3, b"three")]);
        for at in 0..bytes.len() {
            let mut hurt = bytes.clone();
            hurt[at] ^= 0xff;
            let (found, damaged) = seqs(&hurt);
            assert_eq!(found.len(), 2, "byte {at}: {found:?}");
            assert_eq!(damaged, 1, "byte {at}");
        }
    }

    /// Found by fuzzing: the number after the highest one overflowed.
    #[test]
    fn a_number_beyond_the_last_is_damage() {
        let bytes = file(&[
            (LAST_SEQ, b"one"),
            (u64::MAX, b"two"),
            (LAST_SEQ + 1, b"three"),
        ]);
        assert_eq!(seqs(&bytes), (vec![LAST_SEQ], 1));
    }

    #[test]
    fn noise_is_never_an_entry() {
        let noise: Vec<u8> = (0..100_000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        assert_eq!(seqs(&noise).0, Vec::<u64>::new());
    }
}
