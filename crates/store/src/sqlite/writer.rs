//! The one thread that writes. Requests that arrive while a transaction is being synced to disk
//! share the next one (group commit), so durability costs one sync for all of them.

use super::{
    events,
    fault::Faults,
    history::{self, Trim},
    kv,
};
use crate::{Revision, StoreError, Txn, facet::Prepared};
use rusqlite::Connection;
use std::{collections::HashMap, thread};
use tokio::sync::{mpsc, oneshot, watch};

/// Requests waiting; then senders wait too.
const QUEUE: usize = 256;
/// One transaction takes up to so many requests, records and bytes.
const MAX_JOBS: usize = 128;
const MAX_BYTES: usize = 8 << 20;
/// Interned texts remembered; when full, it starts over.
const MAX_TERMS: usize = 50_000;

/// A request and where its answer goes.
struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Done, StoreError>>,
}

/// What can be asked of the writer.
pub(crate) enum Work {
    Commit(Txn),
    Append(Vec<Prepared>),
    /// Deletes up to `limit` of the oldest records with ids below `below`.
    Delete {
        below: i64,
        limit: u32,
    },
    /// Leaves nothing of what was replaced or deleted.
    Wipe,
    /// Deletes up to `limit` unused texts with ids above `after`.
    Sweep {
        after: i64,
        limit: u32,
    },
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Commit(txn) => txn.bytes(),
            // The text index writes about as much as the record.
            Self::Append(records) => records.iter().map(|p| p.json.len() + p.text.len()).sum(),
            Self::Wipe => 0,
            Self::Delete { limit, .. } | Self::Sweep { limit, .. } => *limit as usize * 1024,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Done {
    Revision(Revision),
    Count(usize),
    /// Where to go on; `None` at the end.
    Next(Option<i64>),
    Wiped,
}

/// The way to the writing thread.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `signal` is told every new revision, after it is durable.
    pub(crate) fn start(
        connection: Connection,
        faults: Faults,
        signal: watch::Sender<Revision>,
        trim: Trim,
    ) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let session = Session {
            connection,
            terms: HashMap::new(),
            faults,
            signal,
            trim,
        };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || session.run(queue))
            .map_err(|e| StoreError::io("start its writer", e))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Has `work` done durably.
    pub(crate) async fn submit(&self, work: Work) -> Result<Done, StoreError> {
        let gone = StoreError::Unavailable {
            what: "it was closed",
        };
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(|| gone.clone())?;
        jobs.send(Job { work, reply })
            .await
            .map_err(|_| gone.clone())?;
        answer.await.map_err(|_| gone)?
    }

    /// Finishes what is queued and closes the connection. Whether the thread ended in order.
    pub(crate) fn close(&mut self) -> bool {
        self.jobs = None;
        self.thread
            .take()
            .is_none_or(|thread| thread.join().is_ok())
    }
}

struct Session {
    connection: Connection,
    /// Ids of interned texts; only committed ones survive a batch.
    terms: HashMap<String, i64>,
    faults: Faults,
    signal: watch::Sender<Revision>,
    trim: Trim,
}

impl Session {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            let mut bytes = first.work.bytes();
            let mut batch = vec![first];
            while batch.len() < MAX_JOBS && bytes < MAX_BYTES {
                let Ok(job) = queue.try_recv() else { break };
                bytes += job.work.bytes();
                batch.push(job);
            }
            self.perform(batch);
        }
        // What the log holds goes into the file, so that the next start has nothing to recover.
        self.empty_log("at close");
    }

    fn empty_log(&self, when: &str) {
        let truncate = "PRAGMA wal_checkpoint(TRUNCATE)";
        if let Err(error) = self.connection.query_row(truncate, [], |_| Ok(())) {
            tracing::warn!(%error, when, "the store's write-ahead log was not emptied");
        }
    }

    /// Does a batch in one transaction. If that fails, each alone, so that one bad request or
    /// one too large for what is left of the disk fails alone.
    fn perform(&mut self, batch: Vec<Job>) {
        match self.transact(batch.iter().map(|job| &job.work)) {
            Ok(results) => {
                for (job, result) in batch.into_iter().zip(results) {
                    // The asker may have gone; the work is done all the same.
                    let _ = job.reply.send(result);
                }
            }
            Err(_) if batch.len() > 1 => {
                batch.into_iter().for_each(|job| self.perform(vec![job]));
            }
            Err(error) => {
                let error = self.faults.explain("write", error);
                for job in batch {
                    let _ = job.reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn transact<'a>(
        &mut self,
        batch: impl Iterator<Item = &'a Work>,
    ) -> rusqlite::Result<Vec<Result<Done, StoreError>>> {
        if self.terms.len() > MAX_TERMS {
            self.terms.clear();
        }
        let written = self.write(batch);
        if written.is_err() {
            self.terms.clear();
        }
        let (mut results, revision) = written?;
        self.signal
            .send_if_modified(|seen| std::mem::replace(seen, revision) != revision);
        // Not possible inside of a transaction, and what is committed by now must not fail.
        for result in &mut results {
            if matches!(result, Ok(Done::Wiped)) {
                *result = self.rewrite().map(|()| Done::Wiped);
            }
        }
        Ok(results)
    }

    /// Writes the file anew: pages keep what was deleted from them.
    fn rewrite(&self) -> Result<(), StoreError> {
        let done = self.connection.execute_batch("VACUUM");
        done.map_err(|e| self.faults.explain("write its file anew", e))?;
        self.empty_log("after a wipe");
        Ok(())
    }

    fn write<'a>(
        &mut self,
        batch: impl Iterator<Item = &'a Work>,
    ) -> rusqlite::Result<(Vec<Result<Done, StoreError>>, Revision)> {
        // Rolls back when dropped.
        let transaction = self.connection.transaction()?;
        let mut revision = *self.signal.borrow();
        let mut texts = Vec::new();
        let mut results = Vec::new();
        for work in batch {
            results.push(match work {
                Work::Commit(txn) => match kv::commit(&transaction, txn, revision)? {
                    Ok(new) => {
                        revision = new;
                        Ok(Done::Revision(new))
                    }
                    Err(conflict) => Err(conflict),
                },
                Work::Wipe => {
                    history::drop_through(&transaction, revision)?;
                    Ok(Done::Wiped)
                }
                Work::Append(records) => {
                    let kept = events::append(&transaction, records, &mut self.terms, &mut texts)?;
                    Ok(Done::Count(kept))
                }
                Work::Delete { below, limit } => {
                    Ok(Done::Count(events::delete(&transaction, *below, *limit)?))
                }
                Work::Sweep { after, limit } => {
                    self.terms.clear();
                    Ok(Done::Next(events::sweep_terms(
                        &transaction,
                        *after,
                        *limit,
                    )?))
                }
            });
        }
        events::index_texts(&transaction, texts)?;
        if revision != *self.signal.borrow() {
            kv::set_revision(&transaction, revision)?;
            self.trim.apply(&transaction, revision)?;
        }
        transaction.commit()?;
        Ok((results, revision))
    }
}
