//! Both ports in memory: for tests, and the model other implementations are checked against.
//! Nothing outlives the value.

use crate::{
    BoxStream, Change, Condition, Entry, EventLog, Listing, LogPage, LogQuery, Retention, Revision,
    Store, StoreError, Txn,
    facet::{self, Prepared},
    filter::{self, Matcher, PageBuilder, Sorter, Walk},
    histogram::Histogram,
    json::Node,
    log::{MAX_APPEND, SORT_WINDOW},
    watch::{self, BATCH, Batch, History},
};
use async_trait::async_trait;
use rampart_model::{LogKind, LogLevel, LogRecord, Timestamp};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Revisions of history kept for watchers by default.
const HISTORY: usize = 10_000;

/// A store in memory.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    signal: tokio::sync::watch::Sender<Revision>,
    history: usize,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<String, (Vec<u8>, Revision)>,
    revision: Revision,
    /// Changes of the kept revisions, oldest first.
    changes: VecDeque<Vec<Change>>,
    records: BTreeMap<i64, Prepared>,
    uids: HashMap<String, i64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_history(HISTORY)
    }
}

impl Memory {
    /// A store that keeps this many revisions of history for watchers.
    pub fn with_history(revisions: usize) -> Self {
        let (signal, _) = tokio::sync::watch::channel(0);
        let state = Mutex::default();
        Self {
            shared: Arc::new(Shared {
                state,
                signal,
                history: revisions,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Shared {
    /// The state is changed only after every check passed, so a panic elsewhere leaves it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let state = self.state();
        let found = state.entries.get(key);
        Ok(found.map(|(value, revision)| entry(key, value, *revision)))
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        let state = self.state();
        let entries = state
            .entries
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, (value, revision))| entry(key, value, *revision))
            .collect();
        Ok(Listing {
            entries,
            revision: state.revision,
        })
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        txn.check()?;
        let mut state = self.state();
        let revision = state.commit(txn)?;
        while state.changes.len() > self.shared.history {
            state.changes.pop_front();
        }
        self.shared.signal.send_replace(revision);
        Ok(revision)
    }

    async fn wipe(&self) -> Result<(), StoreError> {
        self.state().changes.clear();
        Ok(())
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Change, StoreError>>, StoreError> {
        let signal = self.shared.signal.subscribe();
        let first = self.shared.changes(prefix, after).await?;
        Ok(watch::stream(
            self.shared.clone(),
            signal,
            prefix,
            after,
            first,
        ))
    }
}

fn entry(key: &str, value: &[u8], revision: Revision) -> Entry {
    Entry {
        key: key.to_owned(),
        value: value.to_vec(),
        revision,
    }
}

impl State {
    fn commit(&mut self, txn: Txn) -> Result<Revision, StoreError> {
        for condition in &txn.conditions {
            let held = match (condition, self.entries.get(condition.key())) {
                (Condition::Absent(_), found) => found.is_none(),
                (Condition::Unchanged { revision, .. }, Some((_, at))) => at == revision,
                (Condition::Unchanged { .. }, None) => false,
            };
            if !held {
                return Err(StoreError::Conflict {
                    key: condition.key().to_owned(),
                });
            }
        }
        let revision = self.revision + 1;
        let mut changes = Vec::new();
        for (key, value) in txn.puts {
            changes.push(Change::Put(entry(&key, &value, revision)));
            self.entries.insert(key, (value, revision));
        }
        for key in txn.deletes {
            if self.entries.remove(&key).is_some() {
                changes.push(Change::Delete { key, revision });
            }
        }
        if !changes.is_empty() {
            self.revision = revision;
            self.changes.push_back(changes);
        }
        Ok(self.revision)
    }

    /// Revision a watch may at the earliest start after.
    fn oldest(&self) -> Revision {
        self.revision - self.changes.len() as Revision
    }
}

#[async_trait]
impl History for Shared {
    async fn changes(&self, prefix: &str, after: Revision) -> Result<Batch, StoreError> {
        let state = self.state();
        let oldest = state.oldest();
        if after < oldest || after > state.revision {
            return Err(StoreError::Compacted { after, oldest });
        }
        let mut batch = Batch {
            changes: Vec::new(),
            upto: after,
        };
        let skip = usize::try_from(after - oldest).unwrap_or(usize::MAX);
        for changes in state.changes.iter().skip(skip) {
            batch.upto += 1;
            batch.changes.extend(
                changes
                    .iter()
                    .filter(|c| c.key().starts_with(prefix))
                    .cloned(),
            );
            if batch.changes.len() >= BATCH {
                break;
            }
        }
        Ok(batch)
    }
}

#[async_trait]
impl EventLog for Memory {
    async fn append(&self, records: Vec<LogRecord>) -> Result<usize, StoreError> {
        let prepared = prepare_all(records)?;
        let mut state = self.state();
        Ok(prepared.into_iter().filter_map(|p| state.keep(p)).count())
    }

    async fn query(&self, query: &LogQuery) -> Result<LogPage, StoreError> {
        let matcher = Matcher::new(query)?;
        let state = self.state();
        let mut page = match Walk::of(query)? {
            Walk::Time {
                ascending,
                after,
                skip,
            } => state.by_time(query, &matcher, ascending, after, skip),
            Walk::Sorted { skip } => state.sorted(query, &matcher, skip),
        };
        if query.with_total {
            let cap = usize::try_from(matcher.total_cap()).unwrap_or(usize::MAX);
            page.total = Some(state.matches(query, &matcher).take(cap).count() as u64);
        }
        Ok(page)
    }

    async fn get(&self, uid: &str) -> Result<Option<LogRecord>, StoreError> {
        let state = self.state();
        let kept = state.uids.get(uid).and_then(|id| state.records.get(id));
        Ok(kept.map(|kept| kept.record.clone()))
    }

    async fn histogram(
        &self,
        query: &LogQuery,
        bucket_ms: i64,
    ) -> Result<Vec<(Timestamp, LogKind, LogLevel, u64)>, StoreError> {
        let matcher = Matcher::new(query)?;
        let mut counts = Histogram::new(bucket_ms)?;
        for (id, kept) in self.state().matches(query, &matcher) {
            let facets = &kept.facets;
            counts.add(facet::ms_of(*id), facets.kind, facets.level)?;
        }
        Ok(counts.rows())
    }

    async fn retain(&self, keep: &Retention) -> Result<u64, StoreError> {
        let mut state = self.state();
        let old = state
            .records
            .range(..facet::first_id(keep.not_before))
            .count() as u64;
        let over = (state.records.len() as u64).saturating_sub(keep.max_records);
        let deleted = old.max(over);
        for _ in 0..deleted {
            if let Some((_, kept)) = state.records.pop_first() {
                state.uids.remove(&kept.record.uid);
            }
        }
        Ok(deleted)
    }
}

/// Checks and prepares the records of one append.
pub(crate) fn prepare_all(records: Vec<LogRecord>) -> Result<Vec<Prepared>, StoreError> {
    if records.len() > MAX_APPEND {
        return Err(StoreError::invalid(format!(
            "more than {MAX_APPEND} records at once"
        )));
    }
    records.into_iter().map(facet::prepare).collect()
}

impl State {
    fn keep(&mut self, prepared: Prepared) -> Option<i64> {
        if self.uids.contains_key(&prepared.record.uid) {
            return None;
        }
        let id = facet::next_id(prepared.record.at, |low, end| {
            let last = self.records.range(low..end).next_back();
            Ok::<_, std::convert::Infallible>(last.map(|(id, _)| *id))
        })
        .ok()?;
        self.uids.insert(prepared.record.uid.clone(), id);
        self.records.insert(id, prepared);
        Some(id)
    }

    /// Matches in time order, oldest first.
    fn matches<'a>(
        &'a self,
        query: &LogQuery,
        matcher: &'a Matcher<'_>,
    ) -> impl DoubleEndedIterator<Item = (&'a i64, &'a Prepared)> {
        let (low, high) = facet::id_range(query.from, query.to);
        let range = (low <= high).then(|| self.records.range(low..=high));
        range
            .into_iter()
            .flatten()
            .filter(|(_, kept)| matcher.facets(&kept.facets) && matcher.matches(kept))
    }

    fn by_time(
        &self,
        query: &LogQuery,
        matcher: &Matcher<'_>,
        ascending: bool,
        after: Option<i64>,
        skip: u64,
    ) -> LogPage {
        let matches = self.matches(query, matcher);
        let ordered: Box<dyn Iterator<Item = (&i64, &Prepared)>> = if ascending {
            Box::new(matches)
        } else {
            Box::new(matches.rev())
        };
        let beyond = |id: i64| match after {
            None => true,
            Some(after) if ascending => id > after,
            Some(after) => id < after,
        };
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut page = PageBuilder::new(query.limit);
        for (id, kept) in ordered.filter(|(id, _)| beyond(**id)).skip(skip) {
            let bytes = kept.json.len();
            if !page.fits(bytes) {
                break;
            }
            page.push(*id, bytes, kept.record.clone());
        }
        page.time_page()
    }

    fn sorted(&self, query: &LogQuery, matcher: &Matcher<'_>, skip: u64) -> LogPage {
        let sorter = Sorter::new(&query.sort);
        let row = |kept: &Prepared| sorter.row(&Node::parse(&kept.json).unwrap_or(Node::Null));
        let newest = self.matches(query, matcher).rev().take(SORT_WINDOW);
        let mut window: Vec<_> = newest.map(|(_, kept)| (row(kept), kept)).collect();
        filter::sort(&mut window);
        let mut page = PageBuilder::new(query.limit);
        for (_, kept) in window
            .into_iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
        {
            let bytes = kept.json.len();
            if !page.fits(bytes) {
                break;
            }
            page.push(0, bytes, kept.record.clone());
        }
        page.sorted_page(skip)
    }
}
