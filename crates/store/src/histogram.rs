//! Counts by time, kind and level. Bounded: [`MAX_HISTOGRAM`] rows.

use crate::{StoreError, log::MAX_HISTOGRAM};
use rampart_model::{LogKind, LogLevel, Timestamp};
use std::collections::BTreeMap;

/// A count for each bucket, kind and level.
pub(crate) struct Histogram {
    bucket_ms: i64,
    counts: BTreeMap<Key, u64>,
    /// The row of the record before: records come in runs of the same.
    run: Option<(Key, u64)>,
}

/// Start of the bucket, kind, level.
type Key = (i64, LogKind, LogLevel);

impl Histogram {
    pub(crate) fn new(bucket_ms: i64) -> Result<Self, StoreError> {
        if bucket_ms <= 0 {
            return Err(StoreError::invalid(
                "a histogram's bucket must be at least 1 ms",
            ));
        }
        Ok(Self {
            bucket_ms,
            counts: BTreeMap::new(),
            run: None,
        })
    }

    pub(crate) fn add(
        &mut self,
        at_ms: i64,
        kind: LogKind,
        level: LogLevel,
    ) -> Result<(), StoreError> {
        let key = (at_ms - at_ms.rem_euclid(self.bucket_ms), kind, level);
        match &mut self.run {
            Some((same, count)) if *same == key => *count += 1,
            run => {
                let before = run.replace((key, 1));
                self.end(before);
            }
        }
        if self.counts.len() > MAX_HISTOGRAM {
            let what = format!("a histogram of over {MAX_HISTOGRAM} rows: use a larger bucket");
            return Err(StoreError::invalid(what));
        }
        Ok(())
    }

    fn end(&mut self, run: Option<(Key, u64)>) {
        if let Some((key, count)) = run {
            *self.counts.entry(key).or_default() += count;
        }
    }

    /// Every count, in order of bucket, kind and level.
    pub(crate) fn rows(mut self) -> Vec<(Timestamp, LogKind, LogLevel, u64)> {
        let last = self.run.take();
        self.end(last);
        let row = |((at, kind, level), n)| (Timestamp(at), kind, level, n);
        self.counts.into_iter().map(row).collect()
    }
}
