//! Finds literal texts at about the speed of memory, however many they are.
//!
//! Every literal has three or more bytes. Of the text, three bytes at every second place are
//! looked up in a table of all literals' first and second triples: a literal that begins at such
//! a place shows its first, one that begins between shows its second. Where the table says so,
//! the few literals of that triple are compared. Long texts are first asked block by block
//! whether there is a digit or an `@` at all: no secret worth telling stands far from either, and
//! that question is answered many bytes at once.

/// Bytes asked at once for a digit.
const BLOCK: usize = 512;
/// Around a block: a secret stands beside its literal.
const AROUND: usize = 128;
/// Shorter texts are searched without the question.
const SHORT: usize = 16 << 10;

const FIRST: u8 = 1;
const SECOND: u8 = 2;

pub(super) struct Prefilter {
    table: Box<[u8; 1 << 16]>,
    /// By the hash of their first triple: literals, and what each calls for.
    starts: Vec<Vec<(Box<[u8]>, u16)>>,
    /// Which of `starts` a hash means.
    chains: Box<[u16; 1 << 16]>,
}

/// Of the lowest three bytes: the product's upper half, to which all of them add.
#[allow(clippy::cast_possible_truncation)]
fn hash(word: u64) -> u16 {
    ((word as u32 & 0x00ff_ffff).wrapping_mul(0x9E37_79B1) >> 16) as u16
}

fn triple(bytes: &[u8]) -> Option<u64> {
    match bytes {
        [a, b, c, ..] => Some(u64::from(u32::from_le_bytes([*a, *b, *c, 0]))),
        _ => None,
    }
}

impl Prefilter {
    /// `literals` with the number each calls for; one of less than three bytes is never found.
    pub(super) fn new(literals: &[(&str, u16)]) -> Self {
        let mut this = Self {
            table: Box::new([0; 1 << 16]),
            starts: vec![Vec::new()],
            chains: Box::new([0; 1 << 16]),
        };
        for (text, call) in literals {
            this.add(text.as_bytes(), *call);
        }
        this
    }

    fn add(&mut self, literal: &[u8], call: u16) {
        let Some(first) = triple(literal) else {
            return;
        };
        let first = usize::from(hash(first));
        self.table[first] |= FIRST;
        match triple(&literal[1..]) {
            Some(second) => self.table[usize::from(hash(second))] |= SECOND,
            // Of three bytes: whatever printable byte follows.
            None => {
                for next in 0x20..0x7f {
                    let second = u64::from(u32::from_le_bytes([literal[1], literal[2], next, 0]));
                    self.table[usize::from(hash(second))] |= SECOND;
                }
            }
        }
        if self.chains[first] == 0 {
            self.chains[first] = u16::try_from(self.starts.len()).unwrap_or(0);
            self.starts.push(Vec::new());
        }
        if let Some(chain) = self.starts.get_mut(usize::from(self.chains[first])) {
            chain.push((literal.into(), call));
        }
    }

    /// Calls `found(position, number)` for every literal that begins in `from..to`.
    pub(super) fn search(
        &self,
        text: &[u8],
        from: usize,
        to: usize,
        mut found: impl FnMut(usize, u16),
    ) {
        if to - from < SHORT {
            return self.block(text, from, to, &mut found);
        }
        let mut at = from;
        while at < to {
            let end = (at + BLOCK).min(to);
            let around = at.saturating_sub(AROUND)..(end + AROUND).min(text.len());
            if is_marked(&text[around]) {
                self.block(text, at, end, &mut found);
            }
            at = end;
        }
    }

    fn block(&self, text: &[u8], from: usize, to: usize, found: &mut impl FnMut(usize, u16)) {
        let mut at = from;
        while at <= to {
            let Some(bytes) = text.get(at..at + 14) else {
                break;
            };
            let (Some(low), Some(high)) = (bytes.first_chunk(), bytes.last_chunk()) else {
                break;
            };
            let (low, high) = (u64::from_le_bytes(*low), u64::from_le_bytes(*high));
            let marks = [low, low >> 16, low >> 32, high, high >> 16, high >> 32]
                .map(|word| self.table[usize::from(hash(word))]);
            if marks.iter().fold(0, |all, mark| all | mark) != 0 {
                let set = marks.into_iter().enumerate().filter(|(_, mark)| *mark != 0);
                for (place, mark) in set {
                    self.compare(text, at + 2 * place, mark, from..to, found);
                }
            }
            at += 12;
        }
        // The text's last bytes, one by one.
        for at in at.max(from + 1) - 1..to.min(text.len()) {
            self.compare(text, at, FIRST, from.max(at)..to, found);
        }
    }

    fn compare(
        &self,
        text: &[u8],
        at: usize,
        mark: u8,
        range: std::ops::Range<usize>,
        found: &mut impl FnMut(usize, u16),
    ) {
        for (flag, start) in [(SECOND, at.wrapping_sub(1)), (FIRST, at)] {
            if mark & flag == 0 || !range.contains(&start) {
                continue;
            }
            let Some(first) = triple(&text[start..]) else {
                continue;
            };
            let chain = self.chains[usize::from(hash(first))];
            for (literal, call) in self.starts.get(usize::from(chain)).into_iter().flatten() {
                if text[start..].starts_with(literal) {
                    found(start, *call);
                }
            }
        }
    }
}

/// Whether there is a digit or an `@`.
fn is_marked(text: &[u8]) -> bool {
    text.chunks(128).any(|chunk| {
        chunk.iter().fold(0u8, |mark, byte| {
            mark | u8::from(byte.wrapping_sub(b'0') < 10) | u8::from(*byte == b'@')
        }) != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(literals: &[(&str, u16)], text: &str) -> Vec<(usize, u16)> {
        let mut found = Vec::new();
        Prefilter::new(literals)
            .search(text.as_bytes(), 0, text.len(), |at, n| found.push((at, n)));
        found.sort_unstable();
        found
    }

    #[test]
    fn every_place_of_every_literal_once() {
        let literals = [
            ("abcd", 0),
            ("abcdef", 1),
            ("cdef", 2),
            ("bcde", 3),
            ("xyz", 4),
        ];
        assert_eq!(all(&literals, "xabcdef"), [(1, 0), (1, 1), (2, 3), (3, 2)]);
        for before in 0..40 {
            for after in 0..12 {
                for (text, want) in [("abcdef", 4), ("xyz", 1)] {
                    let text = format!("{}{text}{}", "-".repeat(before), "-".repeat(after));
                    let found = all(&literals, &text);
                    assert_eq!(found.len(), want, "{before} {text} {after}: {found:?}");
                }
            }
        }
        assert!(all(&[], "abc").is_empty());
        assert!(all(&literals, "").is_empty());
    }

    #[test]
    fn blocks_of_long_texts() {
        for at in (SHORT..SHORT + 2 * BLOCK + 7).step_by(3) {
            let text = format!("{}abcdef 1{}", "x".repeat(at), "y".repeat(1000));
            assert_eq!(all(&[("abcd", 0), ("def ", 1)], &text).len(), 2, "{at}");
        }
        let far = format!("{}abcd{}", "x".repeat(SHORT), "y".repeat(1000));
        assert!(all(&[("abcd", 0)], &far).is_empty());
    }
}
