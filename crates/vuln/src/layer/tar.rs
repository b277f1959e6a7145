//! A tar stream, pushed in pieces: ustar, GNU and pax, with sparse files, links and whiteouts.
//!
//! It reads what Go's archive/tar reads, because that is what unpacks images: a name hidden from
//! it would be hidden from us. Limits: [`META_BYTES`] for a long name or a pax header,
//! [`super::Limits`] for everything kept. A damaged header ends the reading, see
//! [`Collected::damage`]; what came before it stands.

use super::{
    Collected, Collector,
    collector::{Whiteout, whiteout_of},
    header::{self, BLOCK, Header},
    path::normalise,
    pax::{self, Overrides},
    sparse::{Piece, Sparse},
};
use crate::analyze::FileMeta;

/// A long name, or the records of one pax header.
const META_BYTES: u64 = 1 << 20;

static ZEROS: [u8; 16 << 10] = [0; 16 << 10];

pub struct TarPush {
    collector: Collector,
    state: State,
    block: [u8; BLOCK],
    filled: usize,
    next: Overrides,
    meta: FileMeta,
    hole_limit: u64,
    holes: u64,
    /// Bytes taken so far.
    position: u64,
    /// Where the last header began.
    block_at: u64,
    after_zero_block: bool,
    damage: Option<String>,
}

enum State {
    Header,
    /// Bytes that belong to the next header.
    Meta {
        kind: u8,
        left: u64,
        bytes: Vec<u8>,
    },
    /// More blocks of an old GNU sparse map, before the data of this entry.
    SparseMap {
        numbers: Vec<u64>,
        real_size: u64,
        stored: u64,
    },
    Data {
        left: u64,
        padding: u64,
        sparse: Option<Sparse>,
    },
    Skip(u64),
    /// After the end mark, or after a damaged header.
    Done,
}

impl TarPush {
    pub fn new(collector: Collector) -> Self {
        let hole_limit = collector.limits().hole_bytes;
        Self {
            collector,
            state: State::Header,
            block: [0; BLOCK],
            filled: 0,
            next: Overrides::default(),
            meta: FileMeta::default(),
            hole_limit,
            holes: 0,
            position: 0,
            block_at: 0,
            after_zero_block: false,
            damage: None,
        }
    }

    /// The next bytes of the stream.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.step(bytes);
            self.position += taken as u64;
            bytes = &bytes[taken..];
        }
    }

    /// The stream has ended; `truncated` when its source says that it ended too early.
    pub fn finish(mut self, truncated: bool) -> Collected {
        let cut = match self.state {
            State::Done => false,
            State::Header => self.filled > 0 || truncated || self.next_is_pending(),
            _ => true,
        };
        let damage = self.damage.take();
        if let State::Data { .. } = self.state {
            self.collector.end(true);
        }
        let mut collected = self.collector.finish();
        let at = self.position;
        collected.damage =
            damage.or_else(|| cut.then(|| format!("cut short: the archive ends after {at} bytes")));
        collected
    }

    fn next_is_pending(&self) -> bool {
        self.next.path.is_some() || self.next.link.is_some() || self.next.sparse.seen
    }

    /// Takes some bytes, at least one; says how many.
    fn step(&mut self, bytes: &[u8]) -> usize {
        match &mut self.state {
            State::Header | State::SparseMap { .. } => self.step_block(bytes),
            State::Meta {
                left, bytes: kept, ..
            } => {
                let take = at_most(*left, bytes.len());
                kept.extend_from_slice(&bytes[..take]);
                *left -= take as u64;
                if *left == 0 {
                    self.end_meta();
                }
                take
            }
            State::Data {
                left, sparse: None, ..
            } => {
                let take = at_most(*left, bytes.len());
                *left -= take as u64;
                self.collector.content(&bytes[..take]);
                self.end_data_if_done();
                take
            }
            State::Data { left, .. } => {
                let take = at_most(*left, bytes.len());
                *left -= take as u64;
                self.sparse_content(&bytes[..take]);
                self.end_data_if_done();
                take
            }
            State::Skip(left) => {
                let take = at_most(*left, bytes.len());
                *left -= take as u64;
                if *left == 0 {
                    self.state = State::Header;
                }
                take
            }
            State::Done => bytes.len(),
        }
    }

    fn step_block(&mut self, bytes: &[u8]) -> usize {
        let take = (BLOCK - self.filled).min(bytes.len());
        self.block[self.filled..self.filled + take].copy_from_slice(&bytes[..take]);
        self.filled += take;
        if self.filled == BLOCK {
            self.filled = 0;
            self.block_at = self.position + take as u64 - BLOCK as u64;
            let block = self.block;
            match self.state {
                State::SparseMap { .. } => self.sparse_map_block(&block),
                _ => self.header_block(&block),
            }
        }
        take
    }

    fn header_block(&mut self, block: &[u8; BLOCK]) {
        if block.iter().all(|byte| *byte == 0) {
            if self.after_zero_block {
                self.state = State::Done;
            }
            self.after_zero_block = true;
            return;
        }
        if self.after_zero_block {
            return self.broken("an empty block stands between entries");
        }
        match header::parse(block) {
            Ok(header) => self.entry(&header, block),
            Err(error) => self.broken(&error.to_string()),
        }
    }

    /// Nothing after this can be trusted.
    fn broken(&mut self, reason: &str) {
        let at = self.block_at;
        self.damage = Some(format!(
            "damaged archive near byte {at}: {reason}; the rest is not read"
        ));
        self.state = State::Done;
    }

    fn entry(&mut self, header: &Header<'_>, block: &[u8; BLOCK]) {
        match header.kind {
            b'x' | b'L' | b'K' => return self.start_meta(header),
            b'g' => return self.skip(padded(header.size)),
            _ => {}
        }
        let next = std::mem::take(&mut self.next);
        let raw = next
            .sparse
            .name
            .as_deref()
            .or(next.path.as_deref())
            .unwrap_or(&header.name);
        let raw = self.without_nul(raw).to_vec();
        let size = next.size.unwrap_or(header.size);
        let directory = header.kind == b'5' || is_file(header.kind) && raw.ends_with(b"/");
        self.meta.path.clear();
        self.meta.path.push_str(&normalise(&raw));
        self.meta.size = size;
        self.meta.mode = header.mode & 0o7777;
        self.meta.uid = next.uid.unwrap_or(header.uid);
        self.meta.gid = next.gid.unwrap_or(header.gid);
        if directory {
            return self.collector.directory(&self.meta.path);
        }
        if self.meta.path.is_empty() {
            let shown = String::from_utf8_lossy(&raw).into_owned();
            self.collector
                .problem(&shown, "a file in the place of the root: not read");
            let has_data = is_file(header.kind) || !matches!(header.kind, b'1'..=b'6');
            return self.skip(if has_data { padded(size) } else { 0 });
        }
        if let Some(whiteout) = whiteout_of(&self.meta.path) {
            match whiteout {
                Whiteout::Opaque(path) => self.collector.opaque(path),
                Whiteout::Delete(path) => self.collector.whiteout(&path),
                Whiteout::Ignore => {}
            }
            return self.skip(if is_file(header.kind) {
                padded(size)
            } else {
                0
            });
        }
        match header.kind {
            b'1' => {
                let link = next.link.as_deref().unwrap_or(header.link);
                let link = normalise(self.without_nul(link)).into_owned();
                self.collector.hard_link(&self.meta, &link);
            }
            b'2' | b'3' | b'4' | b'6' => self.collector.entry(&self.meta.path),
            b'S' if header.gnu => self.old_sparse(block, size),
            kind if is_file(kind) => self.file(size, next.sparse),
            _ => self.skip(padded(size)),
        }
    }

    fn without_nul<'a>(&mut self, raw: &'a [u8]) -> &'a [u8] {
        let text = header::text(raw);
        if text.len() != raw.len() {
            let shown = String::from_utf8_lossy(text).into_owned();
            self.collector
                .problem(&shown, "a NUL byte in a name: read up to it");
        }
        text
    }

    fn skip(&mut self, bytes: u64) {
        self.state = if bytes == 0 {
            State::Header
        } else {
            State::Skip(bytes)
        };
    }

    fn start_meta(&mut self, header: &Header<'_>) {
        if header.size > META_BYTES {
            return self.broken(&format!("a name or pax header of {} bytes", header.size));
        }
        self.state = State::Meta {
            kind: header.kind,
            left: header.size,
            bytes: Vec::new(),
        };
        if header.size == 0 {
            self.end_meta();
        }
    }

    fn end_meta(&mut self) {
        let State::Meta { kind, bytes, .. } = std::mem::replace(&mut self.state, State::Header)
        else {
            return;
        };
        let size = bytes.len() as u64;
        match kind {
            b'L' => self.next.path = long_name(&bytes),
            b'K' => self.next.link = long_name(&bytes),
            _ => {
                if let Err(error) = pax::apply(&bytes, &mut self.next) {
                    return self.broken(&error.to_string());
                }
            }
        }
        self.skip(padded(size) - size);
    }

    fn file(&mut self, stored: u64, records: pax::SparseRecords) {
        if !records.seen {
            return self.start_data(stored, None);
        }
        let real_size = records.real_size.unwrap_or(stored);
        let sparse = match (records.major, records.minor) {
            (Some(1), Some(0)) => Ok(Sparse::with_inner_map(real_size)),
            _ => Sparse::from_numbers(&records.numbers, real_size),
        };
        match sparse {
            Ok(sparse) => self.start_data(stored, Some(sparse)),
            Err(error) => self.broken(&error.to_string()),
        }
    }

    /// Old GNU format: up to four pairs in the header, more in blocks that follow.
    fn old_sparse(&mut self, block: &[u8; BLOCK], stored: u64) {
        let Some(real_size) = header::number(&block[483..495]) else {
            return self.broken("a sparse file's size is not a number");
        };
        let mut numbers = Vec::new();
        if !pairs(&block[386..482], &mut numbers) {
            return self.broken("malformed sparse map");
        }
        if block[482] != 0 {
            self.state = State::SparseMap {
                numbers,
                real_size,
                stored,
            };
            return;
        }
        self.start_old_sparse(&numbers, real_size, stored);
    }

    fn sparse_map_block(&mut self, block: &[u8; BLOCK]) {
        let State::SparseMap {
            mut numbers,
            real_size,
            stored,
        } = std::mem::replace(&mut self.state, State::Header)
        else {
            return;
        };
        if !pairs(&block[..504], &mut numbers) || numbers.len() > 1 << 17 {
            return self.broken("malformed or oversized sparse map");
        }
        if block[504] != 0 {
            self.state = State::SparseMap {
                numbers,
                real_size,
                stored,
            };
            return;
        }
        self.start_old_sparse(&numbers, real_size, stored);
    }

    fn start_old_sparse(&mut self, numbers: &[u64], real_size: u64, stored: u64) {
        match Sparse::from_numbers(numbers, real_size) {
            Ok(sparse) => self.start_data(stored, Some(sparse)),
            Err(error) => self.broken(&error.to_string()),
        }
    }

    fn start_data(&mut self, stored: u64, sparse: Option<Sparse>) {
        if let Some(sparse) = &sparse {
            self.meta.size = sparse.real_size();
        }
        self.holes = 0;
        if self.collector.begin(&self.meta) {
            let padding = padded(stored).saturating_sub(stored);
            self.state = State::Data {
                left: stored,
                padding,
                sparse,
            };
            self.end_data_if_done();
        } else {
            self.skip(padded(stored));
        }
    }

    fn end_data_if_done(&mut self) {
        let State::Data {
            left: 0,
            padding,
            sparse,
        } = &mut self.state
        else {
            return;
        };
        let padding = *padding;
        let sparse = sparse.take();
        let cut = match sparse {
            Some(mut sparse) => {
                let mut last = 0;
                sparse.end(&mut |piece| {
                    if let Piece::Zeros(count) = piece {
                        last = count;
                    }
                });
                !self.zeros(last)
            }
            None => false,
        };
        if cut {
            return self.leave_sparse();
        }
        self.collector.end(false);
        self.skip(padding);
    }

    fn sparse_content(&mut self, bytes: &[u8]) {
        let State::Data { sparse, .. } = &mut self.state else {
            return;
        };
        let Some(mut sparse) = sparse.take() else {
            return;
        };
        let mut fits = true;
        let fed = sparse.feed(bytes, &mut |piece| match piece {
            Piece::Bytes(bytes) if fits => self.collector.content(bytes),
            Piece::Bytes(_) => {}
            Piece::Zeros(count) => {
                fits = fits && zeros(&mut self.collector, &mut self.holes, self.hole_limit, count);
            }
        });
        let over = self.holes > self.hole_limit;
        match fed {
            Err(error) => {
                let reason = error.to_string();
                self.collector.end(true);
                self.broken(&reason);
            }
            Ok(()) if over => self.leave_sparse(),
            Ok(()) => {
                if let State::Data { sparse: place, .. } = &mut self.state {
                    *place = Some(sparse);
                }
            }
        }
    }

    /// Too many zeros: the rest of the file is passed over.
    fn leave_sparse(&mut self) {
        self.collector.end(true);
        let limit = self.hole_limit;
        let reason =
            format!("a sparse file with more than {limit} bytes of holes: not read to its end");
        self.collector.problem(&self.meta.path, reason);
        if let State::Data { left, padding, .. } = self.state {
            self.skip(left.saturating_add(padding));
        }
    }

    fn zeros(&mut self, count: u64) -> bool {
        zeros(&mut self.collector, &mut self.holes, self.hole_limit, count)
    }
}

/// Gives zeros while the limit lasts; false when it does not.
fn zeros(collector: &mut Collector, given: &mut u64, limit: u64, count: u64) -> bool {
    *given = given.saturating_add(count);
    if *given > limit {
        return false;
    }
    let mut left = count;
    while left > 0 {
        let take = at_most(left, ZEROS.len());
        collector.content(&ZEROS[..take]);
        left -= take as u64;
    }
    true
}

/// An empty one leaves the header's.
fn long_name(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = header::text(bytes);
    (!text.is_empty()).then(|| text.to_vec())
}

fn is_file(kind: u8) -> bool {
    matches!(kind, b'0' | 0 | b'7' | b'S')
}

fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64)
        .unwrap_or(u64::MAX)
}

fn at_most(left: u64, available: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(available)
}

/// Pairs of 12-byte numbers, up to the first empty one.
fn pairs(field: &[u8], numbers: &mut Vec<u64>) -> bool {
    for pair in field.chunks_exact(24) {
        if pair[0] == 0 {
            break;
        }
        match (header::number(&pair[..12]), header::number(&pair[12..])) {
            (Some(offset), Some(length)) => numbers.extend([offset, length]),
            _ => return false,
        }
    }
    true
}
