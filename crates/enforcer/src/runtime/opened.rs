//! Opens that were reported, so that the writes through them are not reported again.
//!
//! Limits: [`MAX_PATHS`] paths, remembered for [`MEMORY_MS`].

use rampart_model::Timestamp;
use std::collections::HashMap;

const MAX_PATHS: usize = 4096;
const MEMORY_MS: i64 = 5_000;

#[derive(Debug, Default)]
pub(crate) struct Opened(HashMap<(u32, String), Timestamp>);

impl Opened {
    pub(crate) fn note(&mut self, label: u32, path: &str, now: Timestamp) {
        if self.0.len() >= MAX_PATHS {
            self.0.retain(|_, at| now.since(*at) < MEMORY_MS);
        }
        if self.0.len() < MAX_PATHS {
            self.0.insert((label, path.to_owned()), now);
        }
    }

    /// A write at this time follows from an open that was told.
    pub(crate) fn covers(&self, label: u32, path: &str, at: Timestamp) -> bool {
        let opened = self.0.get(&(label, path.to_owned()));
        opened.is_some_and(|opened| at.since(*opened) < MEMORY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lately_and_only_that_path() {
        let mut opened = Opened::default();
        let at = |ms| Timestamp::from_ms(1_000_000 + ms);
        opened.note(1, "/etc/passwd", at(0));
        assert!(opened.covers(1, "/etc/passwd", at(10)));
        assert!(!opened.covers(2, "/etc/passwd", at(10)));
        assert!(!opened.covers(1, "/etc/shadow", at(10)));
        assert!(
            !opened.covers(1, "/etc/passwd", at(MEMORY_MS)),
            "a later write is told again"
        );
        for n in 0..10_000 {
            opened.note(1, &n.to_string(), at(1));
        }
        assert!(opened.0.len() <= MAX_PATHS);
    }
}
