//! Walks a zip archive as it streams by, from local header to local header.
//!
//! Stored and deflated entries, data descriptors, zip64, a script in front. Entries that nobody
//! wants are passed over without inflating them, also where their size follows in a descriptor.
//! The central directory at the end is compared with what was met: entries it names that were not
//! met (overlapping, or hidden between others) are told. Limits: [`super::Shared`]'s budget.
//!
//! Source: PKWARE's APPNOTE.TXT 6.3.10.

use super::{Shared, jar::Contents};
use flate2::{Decompress, FlushDecompress, Status};

const PIECE: usize = 64 << 10;
const OUT: usize = 16 << 10;
/// A script in front of an archive that runs by itself.
const PREFIX_LIMIT: u64 = 1 << 20;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
/// Signature, CRC, two sizes of 8 bytes, and the signature that follows.
const LONGEST_DESCRIPTOR: usize = 28;
const BEFORE_NEXT: usize = 20;

pub(super) struct Zip {
    state: State,
    buffer: Vec<u8>,
    /// Of the entry at hand: its descriptor follows its data.
    described: bool,
    /// Bytes the entry's data took so far, or will take where that is known.
    taken: u64,
    inflate: Option<Decompress>,
    missing: u64,
}

enum State {
    Prefix { passed: u64 },
    Signature,
    Local,
    Central,
    Skip { left: u64 },
    Stored { left: u64 },
    Deflated { left: Option<u64> },
    FindDescriptor,
    Descriptor,
    Done,
    Failed,
}

/// One local header.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) encrypted: bool,
    pub(super) method: u16,
    described: bool,
    size: u64,
}

impl Zip {
    pub(super) fn new() -> Self {
        Self {
            state: State::Prefix { passed: 0 },
            buffer: Vec::new(),
            described: false,
            taken: 0,
            inflate: None,
            missing: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], contents: &mut Contents, shared: &mut Shared) {
        if matches!(self.state, State::Done | State::Failed) {
            return;
        }
        for mut piece in bytes.chunks(PIECE) {
            while !piece.is_empty() && !shared.is_stopped() {
                let used = self.step(piece, contents, shared);
                piece = piece.get(used..).unwrap_or_default();
            }
        }
    }

    pub(super) fn finish(&mut self, contents: &mut Contents, shared: &mut Shared) {
        if shared.is_stopped() {
            return;
        }
        match self.state {
            State::Done | State::Failed => {}
            State::Prefix { .. } => shared.problem(contents.place(), "not a zip archive"),
            _ => {
                contents.abandon(shared, "the archive ends inside it");
                shared.problem(
                    contents.place(),
                    "the archive ends before its directory does",
                );
            }
        }
        if self.missing > 0 {
            let reason = format!(
                "{} entries of the directory overlap others or hide between them: not read",
                self.missing
            );
            shared.problem(contents.place(), &reason);
        }
    }

    /// Takes some bytes, at least one unless the state changes.
    fn step(&mut self, bytes: &[u8], contents: &mut Contents, shared: &mut Shared) -> usize {
        match self.state {
            State::Prefix { passed } => self.prefix(passed, bytes, contents, shared),
            State::Signature => self.gather(bytes, 4, |zip| zip.signature(contents, shared)),
            State::Local => {
                let need = header_length(&self.buffer, LOCAL_BYTES, 26, 2);
                self.gather(bytes, need, |zip| zip.local(contents, shared))
            }
            State::Central => {
                let need = header_length(&self.buffer, CENTRAL_BYTES, 28, 3);
                self.gather(bytes, need, |zip| zip.central(contents))
            }
            State::Skip { left } => {
                let used = within(left, bytes).len();
                self.skip(left - used as u64);
                used
            }
            State::Stored { left } => {
                let part = within(left, bytes);
                contents.data(part, shared);
                self.state = State::Stored {
                    left: left - part.len() as u64,
                };
                if left == part.len() as u64 {
                    self.end_entry(contents, shared);
                }
                part.len()
            }
            State::Deflated { left } => self.deflated(left, bytes, contents, shared),
            State::FindDescriptor => self.find_descriptor(bytes),
            State::Descriptor => {
                let need = LONGEST_DESCRIPTOR;
                self.gather(bytes, need, |zip| zip.descriptor(contents, shared))
            }
            State::Done | State::Failed => bytes.len(),
        }
    }

    /// Fills the buffer to `need` bytes; `then` looks at it, and may ask for more by leaving it.
    fn gather(&mut self, bytes: &[u8], need: usize, then: impl FnOnce(&mut Self)) -> usize {
        let more = need.saturating_sub(self.buffer.len()).min(bytes.len());
        self.buffer.extend_from_slice(&bytes[..more]);
        if self.buffer.len() >= need {
            then(self);
        }
        more
    }

    fn prefix(
        &mut self,
        passed: u64,
        bytes: &[u8],
        contents: &mut Contents,
        shared: &mut Shared,
    ) -> usize {
        let old = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        let script = passed > 0 || self.buffer.starts_with(b"#!");
        // Of the file's first bytes only: behind a script they may be anything.
        let empty = passed == 0 && self.buffer.starts_with(b"PK\x05\x06");
        if let Some(at) = memchr::memmem::find(&self.buffer, LOCAL)
            && (script || at == 0)
        {
            self.buffer.clear();
            self.buffer.extend_from_slice(LOCAL);
            self.state = State::Local;
            return (at + LOCAL.len()).saturating_sub(old);
        }
        if self.buffer.len() < 4 {
            return bytes.len();
        }
        if empty {
            self.state = State::Done;
        } else if !script || passed > PREFIX_LIMIT {
            self.fail(contents, shared, "not a zip archive");
        } else {
            let drop = self.buffer.len() - 3;
            self.buffer.drain(..drop);
            self.state = State::Prefix {
                passed: passed + drop as u64,
            };
        }
        bytes.len()
    }

    fn signature(&mut self, contents: &mut Contents, shared: &mut Shared) {
        self.state = match self.buffer.as_slice() {
            LOCAL => State::Local,
            CENTRAL => State::Central,
            // Ends of the directory, in 32 and 64 bits, and its signature.
            b"PK\x05\x06" | b"PK\x06\x06" | b"PK\x06\x07" | b"PK\x05\x05" => State::Done,
            _ => return self.fail(contents, shared, "no entry where the next one should begin"),
        };
    }

    fn local(&mut self, contents: &mut Contents, shared: &mut Shared) {
        if self.buffer.len() < header_length(&self.buffer, LOCAL_BYTES, 26, 2) {
            return;
        }
        let entry = Entry::read(&self.buffer);
        self.buffer.clear();
        self.described = entry.described;
        let wanted = contents.begin(&entry, shared);
        // Some writers deflate directories, to two bytes, and some store nothing for them.
        let nothing = entry.method == 0 && entry.name.ends_with('/');
        let known = !entry.described || entry.size > 0 || nothing;
        self.state = match (wanted, entry.method) {
            (true, 0) if known => State::Stored { left: entry.size },
            (true, 8) => {
                self.inflate
                    .get_or_insert_with(|| Decompress::new(false))
                    .reset(false);
                State::Deflated {
                    left: known.then_some(entry.size),
                }
            }
            _ => {
                if wanted {
                    contents.abandon(shared, "its size or its compression is not known");
                }
                match known {
                    true => State::Skip { left: entry.size },
                    false => State::FindDescriptor,
                }
            }
        };
        self.taken = match self.state {
            State::Skip { left } | State::Stored { left } => left,
            _ => 0,
        };
        match self.state {
            State::Skip { left: 0 } => self.skip(0),
            State::Stored { left: 0 } => self.end_entry(contents, shared),
            _ => {}
        }
    }

    fn central(&mut self, contents: &mut Contents) {
        if self.buffer.len() < header_length(&self.buffer, CENTRAL_BYTES, 28, 3) {
            return;
        }
        let length = half(&self.buffer, 28);
        let name = &self.buffer[CENTRAL_BYTES..CENTRAL_BYTES + length];
        if !contents.was_met(&String::from_utf8_lossy(name)) {
            self.missing += 1;
        }
        self.buffer.clear();
        self.state = State::Signature;
    }

    fn skip(&mut self, left: u64) {
        self.state = match (left, self.described) {
            (0, false) => State::Signature,
            // Sizes in the header are told again in the descriptor.
            (0, true) => State::Descriptor,
            (left, _) => State::Skip { left },
        };
    }

    fn end_entry(&mut self, contents: &mut Contents, shared: &mut Shared) {
        contents.end(shared);
        self.skip(0);
    }

    fn deflated(
        &mut self,
        left: Option<u64>,
        bytes: &[u8],
        contents: &mut Contents,
        shared: &mut Shared,
    ) -> usize {
        let Some(inflate) = &mut self.inflate else {
            self.state = State::Failed;
            return 0;
        };
        let part = left.map_or(bytes, |left| within(left, bytes));
        let mut out = [0; OUT];
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(part, &mut out, FlushDecompress::None);
        let used = usize::try_from(inflate.total_in() - read).unwrap_or(0);
        let made = usize::try_from(inflate.total_out() - written).unwrap_or(0);
        self.taken += used as u64;
        contents.data(&out[..made.min(OUT)], shared);
        shared.count(made, contents.place());
        let left = left.map(|left| left - used as u64);
        match (status, left) {
            (Ok(Status::StreamEnd), left) => {
                contents.end(shared);
                self.taken += left.unwrap_or(0);
                self.skip(left.unwrap_or(0));
            }
            (Ok(_), Some(0)) if made < OUT => {
                contents.abandon(shared, "its compressed data end early");
                self.skip(0);
            }
            (Ok(_), left) if used > 0 || made > 0 => self.state = State::Deflated { left },
            (_, Some(left)) => {
                contents.abandon(shared, "its compressed data are damaged");
                self.taken += left;
                self.skip(left);
            }
            (_, None) => {
                contents.abandon(shared, "its compressed data are damaged");
                self.fail(contents, shared, "where the next entry begins is not known");
            }
        }
        used
    }

    /// The entry's data end where a descriptor tells just the length they then have, and another
    /// header follows.
    fn find_descriptor(&mut self, bytes: &[u8]) -> usize {
        let old = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        let start = old.saturating_sub(LONGEST_DESCRIPTOR);
        let found = memchr::memmem::find_iter(&self.buffer[start..], b"PK")
            .map(|at| start + at)
            .find_map(|at| self.next_header(at));
        if let Some(next) = found {
            let kept = self.buffer.get(next..old).map(<[u8]>::to_vec);
            self.buffer = kept.unwrap_or_default();
            self.state = State::Signature;
            return next.saturating_sub(old);
        }
        let keep = LONGEST_DESCRIPTOR + BEFORE_NEXT;
        if let Some(drop) = self.buffer.len().checked_sub(keep) {
            self.buffer.drain(..drop);
            self.taken += drop as u64;
        }
        bytes.len()
    }

    /// Where the next header begins, if a descriptor, or what follows it, is here.
    fn next_header(&self, at: usize) -> Option<usize> {
        let bytes = self.buffer.as_slice();
        let header = |at: usize| {
            let signature = bytes.get(at..at + 4)?;
            (signature == LOCAL || signature == CENTRAL).then_some(at)
        };
        let length = self.taken + at as u64;
        if bytes.get(at..)?.starts_with(DESCRIPTOR) {
            let short = word(bytes, at + 8)? == length & 0xffff_ffff;
            let next = short.then(|| header(at + 16)).flatten();
            return next.or_else(|| (long(bytes, at + 8)? == length).then(|| header(at + 24))?);
        }
        header(at)?;
        let short = || word(bytes, at.checked_sub(8)?)?.checked_add(12);
        let wide = || long(bytes, at.checked_sub(16)?)?.checked_add(20);
        (short() == Some(length) || wide() == Some(length)).then_some(at)
    }

    /// After data whose length is known: with or without signature, in 32 or 64 bits, and a header
    /// behind it.
    fn descriptor(&mut self, contents: &mut Contents, shared: &mut Shared) {
        let bytes = std::mem::take(&mut self.buffer);
        let signed = bytes.starts_with(DESCRIPTOR);
        let fits = |(signed, wide): (bool, bool)| {
            let at = if signed { 8 } else { 4 };
            let (size, length) = match wide {
                true => (long(&bytes, at)?, at + 16),
                false => (word(&bytes, at)?, at + 8),
            };
            let same = size
                == if wide {
                    self.taken
                } else {
                    self.taken & 0xffff_ffff
                };
            let next = bytes.get(length..length + 4)?;
            (same && (next == LOCAL || next == CENTRAL)).then_some(length)
        };
        let shapes = [(true, false), (true, true), (false, false), (false, true)];
        let shapes = shapes.into_iter().filter(|shape| signed || !shape.0);
        let Some(length) = shapes.filter_map(fits).next() else {
            return self.fail(contents, shared, "a data descriptor does not fit its data");
        };
        self.state = State::Signature;
        let mut rest = &bytes[length..];
        while !rest.is_empty() {
            let used = self.step(rest, contents, shared);
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    fn fail(&mut self, contents: &mut Contents, shared: &mut Shared, reason: &str) {
        self.state = State::Failed;
        self.buffer = Vec::new();
        let reason = format!("{reason}: the rest of the archive is not read");
        shared.problem(contents.place(), &reason);
    }
}

impl Entry {
    fn read(header: &[u8]) -> Self {
        let flags = half(header, 6);
        let (name_length, extra_length) = (half(header, 26), half(header, 28));
        let name = header.get(LOCAL_BYTES..LOCAL_BYTES + name_length);
        let start = LOCAL_BYTES + name_length;
        let extra = header.get(start..start + extra_length).unwrap_or_default();
        let compressed = word(header, 18).unwrap_or(0);
        let plain = word(header, 22).unwrap_or(0);
        Self {
            name: String::from_utf8_lossy(name.unwrap_or_default()).into_owned(),
            encrypted: flags & 1 != 0,
            described: flags & 8 != 0,
            method: u16::try_from(half(header, 8)).unwrap_or(u16::MAX),
            size: match compressed {
                0xffff_ffff => zip64_size(extra, plain == 0xffff_ffff).unwrap_or(compressed),
                size => size,
            },
        }
    }
}

/// The compressed size, which follows the plain one if that is told there too.
fn zip64_size(mut extra: &[u8], after_plain: bool) -> Option<u64> {
    while extra.len() >= 4 {
        let (id, length) = (half(extra, 0), half(extra, 2));
        let field = extra.get(4..4 + length)?;
        if id == 1 {
            return long(field, if after_plain { 8 } else { 0 });
        }
        extra = &extra[4 + length..];
    }
    None
}

/// The fixed part alone until it is there, then with `count` variable parts.
fn header_length(buffer: &[u8], fixed: usize, lengths: usize, count: usize) -> usize {
    if buffer.len() < fixed {
        return fixed;
    }
    let parts = (0..count).map(|index| half(buffer, lengths + 2 * index));
    fixed + parts.sum::<usize>()
}

fn within(left: u64, bytes: &[u8]) -> &[u8] {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    &bytes[..bytes.len().min(left)]
}

fn half(bytes: &[u8], at: usize) -> usize {
    let pair = bytes.get(at..).and_then(|rest| rest.first_chunk());
    pair.map_or(0, |pair| usize::from(u16::from_le_bytes(*pair)))
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u64::from(u32::from_le_bytes(*four)))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
