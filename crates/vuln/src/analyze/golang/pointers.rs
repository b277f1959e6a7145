//! Build information of Go before 1.18: pointers to string headers, followed in a stream.
//!
//! Sections come in the order text, read-only data, build information, data. So every version
//! that passes by is kept, with its place, until the pointers say which one it was. Limits:
//! [`VERSIONS_LIMIT`] of them. Position-independent programs hold their pointers in relocations:
//! there the version is told only if all that passed agree.

use super::{Follow, Step, Window};

const VERSIONS_LIMIT: usize = 1024;
const VERSION_BYTES: usize = 24;

#[derive(Default)]
pub(super) struct Pointers {
    /// Address, place in the file, length.
    segments: Vec<(u64, u64, u64)>,
    versions: Vec<(u64, [u8; VERSION_BYTES])>,
    string: Option<Follow>,
    layout: Layout,
    seen: bool,
}

#[derive(Clone, Copy, Default)]
struct Layout {
    wide: bool,
    big_endian: bool,
}

impl Layout {
    fn word(self, bytes: &[u8], at: usize) -> Option<u64> {
        let narrow = |from: [u8; 4]| match self.big_endian {
            true => u32::from_be_bytes(from),
            false => u32::from_le_bytes(from),
        };
        let wide = |from: [u8; 8]| match self.big_endian {
            true => u64::from_be_bytes(from),
            false => u64::from_le_bytes(from),
        };
        let rest = bytes.get(at..)?;
        match self.wide {
            true => rest.first_chunk().map(|bytes| wide(*bytes)),
            false => rest.first_chunk().map(|bytes| u64::from(narrow(*bytes))),
        }
    }

    fn half(self, bytes: &[u8], at: usize) -> Option<usize> {
        let pair = *bytes.get(at..)?.first_chunk()?;
        Some(usize::from(match self.big_endian {
            true => u16::from_be_bytes(pair),
            false => u16::from_le_bytes(pair),
        }))
    }
}

impl Pointers {
    /// Reads the program headers of ELF; other formats have none here.
    pub(super) fn new(head: &[u8]) -> Self {
        Self {
            segments: segments(head).unwrap_or_default(),
            ..Self::default()
        }
    }

    pub(super) fn version(&mut self, window: &Window<'_>, at: usize) {
        if self.versions.len() >= VERSIONS_LIMIT {
            return;
        }
        let rest = &window.bytes[at..];
        if rest.get(4).is_some_and(u8::is_ascii_digit) {
            let mut text = [0; VERSION_BYTES];
            let length = rest.len().min(VERSION_BYTES);
            text[..length].copy_from_slice(&rest[..length]);
            self.versions.push((window.base + at as u64, text));
        }
    }

    pub(super) fn header(&mut self, header: &[u8], window: &Window<'_>) {
        let wide = header[14] == 8;
        if self.seen || !(wide || header[14] == 4) || header[15] > 1 {
            return;
        }
        self.seen = true;
        self.layout = Layout {
            wide,
            big_endian: header[15] == 1,
        };
        let address = self.layout.word(header, 16);
        if let Some(place) = address.and_then(|address| self.place(address)) {
            let mut follow = Follow::new(place, string_step);
            follow.feed(window.base, window.bytes);
            self.string = Some(follow);
        }
    }

    pub(super) fn follow(&mut self, start: u64, chunk: &[u8]) {
        if let Some(string) = &mut self.string {
            string.feed(start, chunk);
        }
    }

    /// The version pointed to; without pointers, the only one there is.
    pub(super) fn resolve(&self) -> Option<String> {
        if !self.seen {
            return None;
        }
        self.pointed().or_else(|| {
            let mut texts = self.versions.iter().filter_map(|(_, text)| whole(text));
            let first = texts.next()?;
            texts.all(|text| text == first).then_some(first)
        })
    }

    fn pointed(&self) -> Option<String> {
        let string = self.string.as_ref()?;
        let address = self.layout.word(&string.bytes, 0)?;
        let length = self
            .layout
            .word(&string.bytes, if self.layout.wide { 8 } else { 4 })?;
        let place = self.place(address)?;
        let (_, text) = self.versions.iter().find(|(at, _)| *at == place)?;
        let text = text.get(..usize::try_from(length).ok()?)?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn place(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|&(start, place, length)| {
            let inside = address.checked_sub(start)?;
            (inside < length).then(|| place.checked_add(inside))?
        })
    }
}

fn string_step(bytes: &[u8]) -> Step {
    match bytes.len() {
        0..16 => Step::More(16),
        _ => Step::Done,
    }
}

/// `go1.2.3` at the start of bytes that go on with other text.
fn whole(text: &[u8]) -> Option<String> {
    let digits = |b: &u8| b.is_ascii_digit() || *b == b'.';
    let end = 2 + text.get(2..)?.iter().take_while(|b| digits(b)).count();
    std::str::from_utf8(&text[..end]).ok().map(str::to_owned)
}

fn segments(head: &[u8]) -> Option<Vec<(u64, u64, u64)>> {
    const LOAD: u64 = 1;
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    let layout = Layout {
        wide: head.get(4)? == &2,
        big_endian: head.get(5)? == &2,
    };
    let narrow = Layout {
        wide: false,
        ..layout
    };
    let (table, size, count) = match layout.wide {
        true => (layout.word(head, 32)?, 54, 56),
        false => (layout.word(head, 28)?, 42, 44),
    };
    let (size, count) = (layout.half(head, size)?, layout.half(head, count)?);
    let table = usize::try_from(table).ok()?;
    let mut segments = Vec::new();
    for index in 0..count.min(64) {
        let entry = head.get(table.checked_add(index * size)?..)?;
        if narrow.word(entry, 0)? == LOAD {
            let at = if layout.wide { [16, 8, 32] } else { [8, 4, 16] };
            let [address, place, length] = at.map(|at| layout.word(entry, at));
            segments.push((address?, place?, length?));
        }
    }
    Some(segments)
}
