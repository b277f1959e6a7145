//! What was reported lately, so that a fact is learned once and not a thousand times a second.
//!
//! Limits: two generations of at most [`CAPACITY`] hashes; the older one is forgotten when the
//! younger is full or a minute old, after which a fact may be reported again.

use rampart_model::Timestamp;
use std::{
    collections::HashSet,
    hash::{BuildHasher, Hash, RandomState},
};

const CAPACITY: usize = 32_768;
const GENERATION_MS: i64 = 60_000;

#[derive(Debug)]
pub(crate) struct Seen {
    hasher: RandomState,
    young: HashSet<u64>,
    old: HashSet<u64>,
    turned_at: Timestamp,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            young: HashSet::new(),
            old: HashSet::new(),
            turned_at: Timestamp::UNKNOWN,
        }
    }
}

impl Seen {
    /// Whether this is the first time lately.
    pub(crate) fn first(&mut self, fact: &impl Hash, now: Timestamp) -> bool {
        if self.young.len() >= CAPACITY || now.since(self.turned_at) > GENERATION_MS {
            self.old = std::mem::take(&mut self.young);
            self.turned_at = now;
        }
        let hash = self.hasher.hash_one(fact);
        !self.old.contains(&hash) && self.young.insert(hash)
    }

    /// Lets it be reported again: the report was not taken.
    pub(crate) fn forget(&mut self, fact: &impl Hash) {
        let hash = self.hasher.hash_one(fact);
        self.young.remove(&hash);
        self.old.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_then_again_after_two_generations() {
        let mut seen = Seen::default();
        let at = |ms| Timestamp::from_ms(1_000_000 + ms);
        assert!(seen.first(&"a", at(0)));
        assert!(!seen.first(&"a", at(1)));
        assert!(
            !seen.first(&"a", at(GENERATION_MS + 2)),
            "still in the old generation"
        );
        assert!(seen.first(&"a", at(3 * GENERATION_MS)));
        seen.forget(&"a");
        assert!(seen.first(&"a", at(3 * GENERATION_MS + 1)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen::default();
        for n in 0..200_000u32 {
            seen.first(&n, Timestamp::from_ms(1));
        }
        assert!(seen.young.len() + seen.old.len() <= 2 * CAPACITY);
    }
}
