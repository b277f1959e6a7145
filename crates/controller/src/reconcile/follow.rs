//! Follows what other controllers change in the store.

use crate::{App, app::key};
use futures::StreamExt;
use rampart_store::{Change, StoreError};
use std::time::Duration;

/// Before the store is asked again: one that is away must not be asked without end.
const PAUSE: Duration = Duration::from_secs(1);

impl App {
    /// Reads the configuration again whenever another process changed it. Never returns.
    pub(super) async fn follow_store(&self) {
        loop {
            match self.follow_once().await {
                Ok(()) | Err(StoreError::Compacted { .. }) => {}
                Err(error) => tracing::warn!(%error, "the store's changes cannot be followed"),
            }
            tokio::time::sleep(PAUSE).await;
            // What was missed meanwhile.
            if let Err(error) = self.writer().await.reload().await {
                tracing::warn!(%error, "the configuration cannot be read again");
            }
        }
    }

    async fn follow_once(&self) -> Result<(), StoreError> {
        let after = self.read(|state| state.loaded);
        let mut changes = self.store().watch(key::CONFIG, after).await?;
        while let Some(change) = changes.next().await {
            let (key, revision) = match change? {
                Change::Put(entry) => (entry.key, entry.revision),
                Change::Delete { key, revision } => (key, revision),
            };
            // Own changes are applied before the turn passes on.
            let writer = self.writer().await;
            if self.read(|state| state.is_news(&key, revision))
                && let Err(error) = writer.reload().await
            {
                tracing::warn!(%error, "the configuration cannot be read again");
            }
        }
        Ok(())
    }
}
