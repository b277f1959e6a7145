//! How long containers wait from their first exec until they are enforced.
//!
//! Buckets double from 128 µs; a quantile is the upper edge of its bucket.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const BUCKETS: usize = 20;
const FIRST_US: u64 = 128;

#[derive(Debug, Default)]
pub(crate) struct Latency {
    buckets: [AtomicU64; BUCKETS],
    max_us: AtomicU64,
}

impl Latency {
    pub(crate) fn record(&self, taken: Duration) {
        let us = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX);
        let at = (0..BUCKETS - 1)
            .find(|n| us <= FIRST_US << n)
            .unwrap_or(BUCKETS - 1);
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn max_us(&self) -> u64 {
        self.max_us.load(Ordering::Relaxed)
    }

    /// Microseconds that `percent` of the containers did not exceed.
    pub(crate) fn quantile_us(&self, percent: u64) -> u64 {
        let wanted = (self.count() * percent).div_ceil(100);
        let mut below = 0;
        for (n, bucket) in self.buckets.iter().enumerate() {
            below += bucket.load(Ordering::Relaxed);
            if below >= wanted && below > 0 {
                return (FIRST_US << n).min(self.max_us());
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let latency = Latency::default();
        assert_eq!(latency.quantile_us(99), 0);
        for us in [100, 100, 300, 5_000] {
            latency.record(Duration::from_micros(us));
        }
        assert_eq!((latency.count(), latency.max_us()), (4, 5_000));
        assert_eq!(
            (latency.quantile_us(50), latency.quantile_us(99)),
            (128, 5_000)
        );
        latency.record(Duration::from_secs(3_000_000));
        assert_eq!(latency.count(), 5);
    }
}
