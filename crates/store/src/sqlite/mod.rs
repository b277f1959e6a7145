//! Both ports in one SQLite file.
//!
//! One thread writes, in write-ahead-log mode with a sync before anything is acknowledged; what
//! is acknowledged survives kill -9 and power loss. A few connections read, each request in one
//! snapshot, and never wait for the writer. One process owns the file (see [`Sqlite::open`]).

mod events;
mod fault;
mod history;
mod kv;
mod lock;
mod plan;
mod pool;
mod query;
mod schema;
mod trigram;
mod writer;

use crate::{
    BoxStream, Change, Entry, EventLog, Listing, LogPage, LogQuery, Retention, Revision, Store,
    StoreError, Txn, facet,
    memory::prepare_all,
    watch::{self, History},
};
use async_trait::async_trait;
use fault::Faults;
use lock::OwnerLock;
use pool::Pool;
use rampart_model::{LogKind, LogLevel, LogRecord, Timestamp};
use std::{path::Path, sync::Arc};
use writer::{Done, Work, Writer};

/// Records deleted, and texts looked at, in one transaction of [`EventLog::retain`].
const RETAIN_STEP: u32 = 1000;
/// Connections for configuration and for events: a slow search holds up no configuration.
const KV_READERS: usize = 2;
const LOG_READERS: usize = 3;
/// Page cache of each.
const KV_CACHE_KIB: i64 = 2 << 10;
const LOG_CACHE_KIB: i64 = 8 << 10;

/// What may be chosen about a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Revisions of history kept for watchers; a watcher further behind must list again.
    pub history: Revision,
}

impl Default for Options {
    fn default() -> Self {
        Self { history: 10_000 }
    }
}

/// A store in one file.
pub struct Sqlite {
    writer: Writer,
    kv: Pool,
    log: Pool,
    changes: Arc<kv::Changes>,
    signal: tokio::sync::watch::Receiver<Revision>,
    lock: OwnerLock,
}

impl Sqlite {
    /// Opens the store at `path`, making it if there is none. Its folder must exist. Beside it
    /// are SQLite's `-wal` and `-shm` and our `.lock`.
    ///
    /// A store that was not closed is checked first: its configuration if the process was killed,
    /// all of it (about a second a gigabyte) if the machine went down.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if a process has it open, [`StoreError::Newer`] if a newer Rampart
    /// wrote it, [`StoreError::Corrupt`] if it is damaged or not ours, [`StoreError::Full`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Options::default())
    }

    /// [`Sqlite::open`] with options.
    ///
    /// # Errors
    /// The same.
    pub fn open_with(path: &Path, options: Options) -> Result<Self, StoreError> {
        let (lock, last_end) = OwnerLock::acquire(path)?;
        let faults = Faults::new(path);
        let connection = schema::open_writer(path, last_end, &faults)?;
        let revision =
            kv::number(&connection, "revision").map_err(|e| faults.explain("read it", e))?;
        let (sender, signal) = tokio::sync::watch::channel(revision);
        let trim = history::Trim::new(options.history);
        let writer = Writer::start(connection, faults.clone(), sender, trim)?;
        let kv = Pool::new(path, KV_READERS, KV_CACHE_KIB, faults.clone());
        let log = Pool::new(path, LOG_READERS, LOG_CACHE_KIB, faults);
        let changes = Arc::new(kv::Changes { pool: kv.clone() });
        Ok(Self {
            writer,
            kv,
            log,
            changes,
            signal,
            lock,
        })
    }

    /// Writes a compact copy of the store to `target`, which must not exist, while it is in use.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if `target` is no text or exists, [`StoreError::Full`].
    pub async fn backup(&self, target: &Path) -> Result<(), StoreError> {
        if target.exists() {
            return Err(StoreError::invalid(format!(
                "{} exists already",
                target.display()
            )));
        }
        let name = target
            .to_str()
            .ok_or_else(|| StoreError::invalid("a path that is no text"))?;
        let (name, faults) = (name.to_owned(), Faults::new(target));
        self.log
            .copy(move |db| {
                db.execute("VACUUM INTO ?", [&name])
                    .map(|_| ())
                    .map_err(|e| {
                        // Half a copy is none; that its removal fails too changes nothing.
                        let _ = std::fs::remove_file(&name);
                        faults.explain("write a backup", e)
                    })
            })
            .await
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.kv.close();
        self.log.close();
        if self.writer.close() {
            self.lock.mark_clean();
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let key = key.to_owned();
        self.kv
            .run(move |db, faults| kv::get(db, &key).map_err(|e| faults.explain("read", e)))
            .await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        let prefix = prefix.to_owned();
        self.kv
            .run(move |db, faults| kv::list(db, &prefix).map_err(|e| faults.explain("list", e)))
            .await
    }

    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError> {
        txn.check()?;
        match self.writer.submit(Work::Commit(txn)).await? {
            Done::Revision(revision) => Ok(revision),
            other => Err(unexpected(other)),
        }
    }

    async fn wipe(&self) -> Result<(), StoreError> {
        match self.writer.submit(Work::Wipe).await? {
            Done::Wiped => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Change, StoreError>>, StoreError> {
        let first = self.changes.changes(prefix, after).await?;
        Ok(watch::stream(
            self.changes.clone(),
            self.signal.clone(),
            prefix,
            after,
            first,
        ))
    }
}

/// The writer answers each kind of work in its own way; this cannot be.
fn unexpected(done: Done) -> StoreError {
    tracing::error!(
        ?done,
        "the store's writer gave the answer to another question"
    );
    StoreError::Unavailable {
        what: "its writer is confused",
    }
}

#[async_trait]
impl EventLog for Sqlite {
    async fn append(&self, records: Vec<LogRecord>) -> Result<usize, StoreError> {
        if records.is_empty() {
            return Ok(0);
        }
        let prepared = tokio::task::spawn_blocking(move || prepare_all(records))
            .await
            .map_err(|e| StoreError::io("prepare records", e))??;
        self.count(Work::Append(prepared)).await
    }

    async fn query(&self, query: &LogQuery) -> Result<LogPage, StoreError> {
        let query = query.clone();
        self.log
            .run(move |db, faults| query::page(db, faults, &query))
            .await
    }

    async fn get(&self, uid: &str) -> Result<Option<LogRecord>, StoreError> {
        let uid = uid.to_owned();
        self.log
            .run(move |db, faults| query::get(db, faults, &uid))
            .await
    }

    async fn histogram(
        &self,
        query: &LogQuery,
        bucket_ms: i64,
    ) -> Result<Vec<(Timestamp, LogKind, LogLevel, u64)>, StoreError> {
        let query = query.clone();
        self.log
            .run(move |db, faults| query::histogram(db, faults, &query, bucket_ms))
            .await
    }

    async fn retain(&self, keep: &Retention) -> Result<u64, StoreError> {
        let old = self
            .delete(facet::first_id(keep.not_before), u64::MAX)
            .await?;
        let kept = self.log.run(|db, faults| {
            let count = db.query_row("SELECT count(*) FROM header", [], |row| {
                row.get::<_, u64>(0)
            });
            count.map_err(|e| faults.explain("count events", e))
        });
        let over = kept.await?.saturating_sub(keep.max_records);
        let deleted = old + self.delete(i64::MAX, over).await?;
        if deleted > 0 {
            self.sweep().await?;
        }
        Ok(deleted)
    }
}

impl Sqlite {
    async fn count(&self, work: Work) -> Result<usize, StoreError> {
        match self.writer.submit(work).await? {
            Done::Count(count) => Ok(count),
            other => Err(unexpected(other)),
        }
    }

    /// Deletes the oldest records with ids below `below`, at most `most`, in steps.
    async fn delete(&self, below: i64, most: u64) -> Result<u64, StoreError> {
        let mut deleted = 0;
        while deleted < most {
            let limit = u32::try_from(most - deleted)
                .unwrap_or(u32::MAX)
                .min(RETAIN_STEP);
            let count = self.count(Work::Delete { below, limit }).await? as u64;
            deleted += count;
            if count < u64::from(limit) {
                break;
            }
        }
        Ok(deleted)
    }

    /// Deletes texts no record has any more, in steps.
    async fn sweep(&self) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            match self
                .writer
                .submit(Work::Sweep {
                    after,
                    limit: RETAIN_STEP,
                })
                .await?
            {
                Done::Next(Some(next)) => after = next,
                Done::Next(None) => return Ok(()),
                other => return Err(unexpected(other)),
            }
        }
    }
}
