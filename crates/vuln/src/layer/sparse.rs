//! Sparse files: what the archive stores is put back where it belongs, holes as zeros.
//!
//! Limits: [`SEGMENTS`] segments, ascending and within the file's size; else the map is an error.
//! How many zeros are really given is the reader's to bound.

use super::{header, pax};

/// Segments of one file.
const SEGMENTS: usize = 1 << 16;
/// Bytes of a map that lies before the data (format 1.0).
const MAP_BYTES: usize = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed or oversized sparse map")]
pub(crate) struct SparseError;

/// A stretch of the whole file.
pub(crate) enum Piece<'a> {
    Bytes(&'a [u8]),
    Zeros(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Sparse {
    segments: Vec<(u64, u64)>,
    real_size: u64,
    /// Where in the whole file the next stored byte goes, and in which segment.
    position: u64,
    index: usize,
    /// Format 1.0: the map's text, until it is complete.
    map: Option<MapText>,
}

impl Sparse {
    /// From the offsets and lengths of a map that came before the data.
    pub(crate) fn from_numbers(numbers: &[u64], real_size: u64) -> Result<Self, SparseError> {
        let segments = numbers
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect();
        let sparse = Self {
            segments,
            real_size,
            ..Self::default()
        };
        if !numbers.len().is_multiple_of(2) {
            return Err(SparseError);
        }
        sparse.checked()
    }

    /// The map lies in the entry's data, before the stored bytes.
    pub(crate) fn with_inner_map(real_size: u64) -> Self {
        Self {
            real_size,
            map: Some(MapText::default()),
            ..Self::default()
        }
    }

    pub(crate) fn real_size(&self) -> u64 {
        self.real_size
    }

    fn checked(self) -> Result<Self, SparseError> {
        if self.segments.len() > SEGMENTS {
            return Err(SparseError);
        }
        let mut end = 0u64;
        for (offset, length) in &self.segments {
            if *offset < end {
                return Err(SparseError);
            }
            end = offset.checked_add(*length).ok_or(SparseError)?;
        }
        if end > self.real_size {
            Err(SparseError)
        } else {
            Ok(self)
        }
    }

    /// Stored bytes, in order.
    pub(crate) fn feed<'a>(
        &mut self,
        mut bytes: &'a [u8],
        out: &mut dyn FnMut(Piece<'a>),
    ) -> Result<(), SparseError> {
        if self.map.is_some() {
            bytes = self.read_map(bytes)?;
        }
        while !bytes.is_empty() {
            let Some((offset, length)) = self.segments.get(self.index).copied() else {
                return Ok(());
            };
            if self.position < offset {
                out(Piece::Zeros(offset - self.position));
                self.position = offset;
            }
            let left = offset + length - self.position;
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            if take > 0 {
                out(Piece::Bytes(&bytes[..take]));
                self.position += take as u64;
                bytes = &bytes[take..];
            }
            if self.position == offset + length {
                self.index += 1;
            }
        }
        Ok(())
    }

    /// All stored bytes were given: the last hole.
    pub(crate) fn end(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        if self.position < self.real_size {
            out(Piece::Zeros(self.real_size - self.position));
            self.position = self.real_size;
        }
    }

    /// Takes whole blocks of the map; gives back what comes after it.
    fn read_map<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], SparseError> {
        let Some(mut map) = self.map.take() else {
            return Ok(bytes);
        };
        while !bytes.is_empty() {
            let take = (header::BLOCK - map.text.len() % header::BLOCK).min(bytes.len());
            map.push(&bytes[..take])?;
            bytes = &bytes[take..];
            if map.text.len().is_multiple_of(header::BLOCK) && map.is_complete() {
                self.segments = map.segments()?;
                *self = std::mem::take(self).checked()?;
                return Ok(bytes);
            }
        }
        self.map = Some(map);
        Ok(bytes)
    }
}

/// A map in the data: a count, then as many pairs of numbers, each number on a line.
#[derive(Debug, Default)]
struct MapText {
    text: Vec<u8>,
    lines: usize,
    /// Lines of a whole map, known once the count is read.
    needed: Option<usize>,
}

impl MapText {
    fn push(&mut self, bytes: &[u8]) -> Result<(), SparseError> {
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        self.text.extend_from_slice(bytes);
        if self.needed.is_none() && self.lines > 0 {
            let count = self
                .text
                .split(|byte| *byte == b'\n')
                .next()
                .ok_or(SparseError)?;
            let count = pax::decimal(count).map_err(|_| SparseError)?;
            let count = usize::try_from(count).map_err(|_| SparseError)?;
            if count > SEGMENTS {
                return Err(SparseError);
            }
            self.needed = Some(1 + 2 * count);
        }
        if self.text.len() > MAP_BYTES || self.needed.is_none() && self.text.len() > header::BLOCK {
            return Err(SparseError);
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.needed.is_some_and(|needed| self.lines >= needed)
    }

    fn segments(&self) -> Result<Vec<(u64, u64)>, SparseError> {
        let needed = self.needed.ok_or(SparseError)?;
        let numbers = self
            .text
            .split(|byte| *byte == b'\n')
            .take(needed)
            .skip(1)
            .map(|line| pax::decimal(line).map_err(|_| SparseError))
            .collect::<Result<Vec<u64>, _>>()?;
        Ok(numbers
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect())
    }
}
