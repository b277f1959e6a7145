//! Looks at a stream through overlapping windows, so that a find that straddles two chunks is met.
//!
//! Limits: keeps at most a few kilobytes, whatever the chunks' sizes. Every position of the
//! stream is a possible start in exactly one window, with at least [`BEFORE`] bytes to its left
//! and [`AFTER`] to its right where the stream has them.

/// Context to the left of a possible start.
pub(super) const BEFORE: usize = 64;
/// Context from a possible start on.
pub(super) const AFTER: usize = 448;
const KEEP: usize = BEFORE + AFTER;
/// Small chunks are gathered until there is this much to look at.
const GATHER: usize = 8 * KEEP;

/// A piece of the stream; finds may start in `from..to` and reach to the end of `bytes`.
pub(super) struct Window<'a> {
    pub(super) bytes: &'a [u8],
    /// Where in the stream `bytes` begins.
    pub(super) base: u64,
    pub(super) from: usize,
    pub(super) to: usize,
}

#[derive(Default)]
pub(super) struct Windows {
    carry: Vec<u8>,
    /// Where in the stream `carry` begins.
    base: u64,
    /// First position in `carry` that was no possible start yet.
    done: usize,
}

impl Windows {
    pub(super) fn push(&mut self, chunk: &[u8], mut visit: impl FnMut(&Window<'_>)) {
        if chunk.len() <= KEEP {
            self.carry.extend_from_slice(chunk);
            if self.carry.len() >= GATHER {
                self.visit_carry(self.carry.len() - AFTER, &mut visit);
                self.keep_tail();
            }
            return;
        }
        let start = self.base + self.carry.len() as u64;
        let mut from = 0;
        if !self.carry.is_empty() {
            self.carry.extend_from_slice(&chunk[..KEEP]);
            self.visit_carry(self.carry.len() - AFTER, &mut visit);
            from = BEFORE;
        }
        let to = chunk.len() - AFTER;
        visit(&Window {
            bytes: chunk,
            base: start,
            from,
            to,
        });
        let tail = chunk.len() - KEEP;
        self.carry.clear();
        self.carry.extend_from_slice(&chunk[tail..]);
        self.base = start + tail as u64;
        self.done = BEFORE;
    }

    /// The rest, whose context is cut short by the end.
    pub(super) fn finish(&mut self, mut visit: impl FnMut(&Window<'_>)) {
        self.visit_carry(self.carry.len(), &mut visit);
    }

    fn visit_carry(&mut self, to: usize, visit: &mut impl FnMut(&Window<'_>)) {
        if to > self.done {
            visit(&Window {
                bytes: &self.carry,
                base: self.base,
                from: self.done,
                to,
            });
            self.done = to;
        }
    }

    fn keep_tail(&mut self) {
        let drop = self.carry.len() - KEEP;
        self.carry.drain(..drop);
        self.base += drop as u64;
        self.done = self.done.saturating_sub(drop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every position is a start once, whatever the chunks are.
    #[test]
    fn every_position_is_offered_once_with_its_context() {
        let data: Vec<u8> = (0..20_000_u32).map(|n| (n % 251) as u8).collect();
        for size in [1, 7, 447, 511, 512, 513, 600, 4096, 4097, 19_999, 20_000] {
            let mut seen = vec![0_u8; data.len()];
            let mut windows = Windows::default();
            let mut check = |window: &Window<'_>, last: bool| {
                let base = usize::try_from(window.base).unwrap();
                assert_eq!(window.bytes, &data[base..base + window.bytes.len()]);
                for at in window.from..window.to {
                    seen[base + at] += 1;
                }
                assert!(window.from >= BEFORE.min(base + window.from));
                assert!(last || window.bytes.len() - window.to >= AFTER);
            };
            for chunk in data.chunks(size) {
                windows.push(chunk, |window| check(window, false));
            }
            windows.finish(|window| check(window, true));
            assert!(seen.iter().all(|&count| count == 1), "chunks of {size}");
        }
    }

    #[test]
    fn keeps_little() {
        let mut windows = Windows::default();
        for size in [1_usize, 500, 512, 513, 100_000] {
            for _ in 0..2000 {
                windows.push(&vec![0; size], |_| ());
                assert!(windows.carry.capacity() < 4 * GATHER);
            }
        }
    }
}
