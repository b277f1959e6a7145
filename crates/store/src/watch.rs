//! Turns a readable history and a "something was committed" signal into a watch stream.
//!
//! Watchers hold no queue of their own: each reads the kept history from where it is. A slow one
//! costs nothing and loses nothing until the history it needs is compacted, which it is told.

use crate::{BoxStream, Change, Revision, StoreError};
use async_trait::async_trait;
use futures::stream;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::watch;

/// Changes read in one go: at least this many if there are, always whole revisions.
pub(crate) const BATCH: usize = 512;

/// Where changes are read from.
#[async_trait]
pub(crate) trait History: Send + Sync + 'static {
    /// The next changes after a revision (some may be left for the next call), and the revision
    /// up to which they are complete.
    async fn changes(&self, prefix: &str, after: Revision) -> Result<Batch, StoreError>;
}

/// Part of the history.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) changes: Vec<Change>,
    pub(crate) upto: Revision,
}

struct Watcher {
    history: Arc<dyn History>,
    signal: watch::Receiver<Revision>,
    prefix: String,
    at: Revision,
    ready: VecDeque<Change>,
    ended: bool,
}

/// Every change after a revision, without end.
pub(crate) fn stream(
    history: Arc<dyn History>,
    signal: watch::Receiver<Revision>,
    prefix: &str,
    after: Revision,
    first: Batch,
) -> BoxStream<'static, Result<Change, StoreError>> {
    let prefix = prefix.to_owned();
    let at = first.upto.max(after);
    let watcher = Watcher {
        history,
        signal,
        prefix,
        at,
        ready: first.changes.into(),
        ended: false,
    };
    Box::pin(stream::unfold(watcher, |mut watcher| async move {
        let item = watcher.next().await?;
        watcher.ended = item.is_err();
        Some((item, watcher))
    }))
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Change, StoreError>> {
        if self.ended {
            return None;
        }
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Some(Ok(change));
            }
            let at = self.at;
            if self
                .signal
                .wait_for(|revision| *revision > at)
                .await
                .is_err()
            {
                return Some(Err(StoreError::Unavailable {
                    what: "it was closed",
                }));
            }
            match self.history.changes(&self.prefix, at).await {
                Ok(batch) => {
                    self.at = batch.upto.max(at);
                    self.ready = batch.changes.into();
                }
                Err(e) => return Some(Err(e)),
            }
        }
    }
}
