//! The first of many equal records at once, the rest as one record with a count.
//!
//! Limits: at most [`MAX_KEYS`] windows are open, and at most [`LABEL_BUDGET`] different records
//! of one label pass in a window; what is beyond is counted into one record that says so.

use rampart_model::Timestamp;
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
};

pub(crate) const WINDOW_MS: i64 = 5_000;
const MAX_KEYS: usize = 16_384;
const LABEL_BUDGET: u32 = 200;

/// What to do with a record just made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admit {
    /// The first: keep it now.
    Now,
    /// Equal to an earlier one, or past the budget: it will be in a count.
    Counted,
}

/// A window that closed with more than its first record.
#[derive(Debug, PartialEq)]
pub(crate) struct Repeats<T> {
    /// The last of the records, whole.
    pub(crate) last: T,
    /// How many came after the first.
    pub(crate) count: u32,
    /// When the first of those came.
    pub(crate) from: Timestamp,
    /// Different records of a label in flood, summed into one.
    pub(crate) flood: bool,
}

#[derive(Debug)]
struct Window<T> {
    opened: Timestamp,
    from: Timestamp,
    last: Option<T>,
    count: u32,
    flood: bool,
}

#[derive(Debug)]
pub(crate) struct Aggregator<T> {
    hasher: RandomState,
    windows: HashMap<u64, Window<T>>,
    budget: HashMap<u32, (Timestamp, u32)>,
}

impl<T> Default for Aggregator<T> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            windows: HashMap::new(),
            budget: HashMap::new(),
        }
    }
}

impl<T> Aggregator<T> {
    /// `record` is only made when it must be kept for the count.
    pub(crate) fn admit(
        &mut self,
        key: &impl Hash,
        label: u32,
        now: Timestamp,
        record: impl FnOnce() -> T,
    ) -> Admit {
        let hash = self.hasher.hash_one((key, label));
        if let Some(window) = self.windows.get_mut(&hash) {
            window.add(now, record());
            return Admit::Counted;
        }
        if self.windows.len() < MAX_KEYS && self.within_budget(label, now) {
            self.windows.insert(hash, Window::open(now, false));
            return Admit::Now;
        }
        let flood = self.hasher.hash_one(("flood", label));
        let window = self
            .windows
            .entry(flood)
            .or_insert_with(|| Window::open(now, true));
        window.add(now, record());
        Admit::Counted
    }

    fn within_budget(&mut self, label: u32, now: Timestamp) -> bool {
        let (since, used) = self.budget.entry(label).or_insert((now, 0));
        if now.since(*since) >= WINDOW_MS {
            (*since, *used) = (now, 0);
        }
        *used += 1;
        *used <= LABEL_BUDGET
    }

    /// Windows that are over. Call it about once a second.
    pub(crate) fn close(&mut self, now: Timestamp) -> Vec<Repeats<T>> {
        self.take(|window| now.since(window.opened) >= WINDOW_MS, now)
    }

    /// Every window: at shutdown.
    pub(crate) fn close_all(&mut self, now: Timestamp) -> Vec<Repeats<T>> {
        self.take(|_| true, now)
    }

    fn take(&mut self, over: impl Fn(&Window<T>) -> bool, now: Timestamp) -> Vec<Repeats<T>> {
        self.budget
            .retain(|_, (since, _)| now.since(*since) < WINDOW_MS);
        let closed: Vec<u64> = self
            .windows
            .iter()
            .filter(|(_, w)| over(w))
            .map(|(k, _)| *k)
            .collect();
        closed
            .into_iter()
            .filter_map(|key| {
                let window = self.windows.remove(&key)?;
                Some(Repeats {
                    last: window.last?,
                    count: window.count,
                    from: window.from,
                    flood: window.flood,
                })
            })
            .collect()
    }
}

impl<T> Window<T> {
    fn open(now: Timestamp, flood: bool) -> Self {
        Self {
            opened: now,
            from: now,
            last: None,
            count: 0,
            flood,
        }
    }

    fn add(&mut self, now: Timestamp, record: T) {
        if self.count == 0 {
            self.from = now;
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(1_000_000 + ms)
    }

    #[test]
    fn first_at_once_rest_as_one_count() {
        let mut a = Aggregator::default();
        assert_eq!(a.admit(&"k", 1, at(0), || 0), Admit::Now);
        for n in 1..=9 {
            assert_eq!(a.admit(&"k", 1, at(n * 100), || n), Admit::Counted);
        }
        assert_eq!(
            a.admit(&"k", 2, at(100), || 100),
            Admit::Now,
            "another label is another key"
        );
        assert_eq!(a.close(at(WINDOW_MS - 1)), []);
        let closed = a.close(at(WINDOW_MS + 100));
        assert_eq!(
            closed,
            [Repeats {
                last: 9,
                count: 9,
                from: at(100),
                flood: false
            }]
        );
        assert_eq!(a.admit(&"k", 1, at(WINDOW_MS + 200), || 0), Admit::Now);
    }

    #[test]
    fn a_flood_of_different_records_is_summed_and_none_is_uncounted() {
        let mut a = Aggregator::default();
        let mut now = 0;
        for n in 0..100_000u32 {
            now += u32::from(a.admit(&n, 1, at(0), || n) == Admit::Now);
        }
        assert_eq!(now, LABEL_BUDGET);
        assert_eq!(
            a.admit(&"calm", 2, at(0), || 0),
            Admit::Now,
            "others are not affected"
        );
        let flood = a.close_all(at(1));
        assert_eq!(flood.len(), 1);
        assert!(flood[0].flood);
        assert_eq!(flood[0].count + now, 100_000);
    }
}
