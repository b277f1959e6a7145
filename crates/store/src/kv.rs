//! The configuration store's port: keys, values, revisions, compare-and-swap, watch.
//!
//! Limits: a key is 1 to [`MAX_KEY_BYTES`] bytes, a value at most [`MAX_VALUE_BYTES`], a
//! transaction at most [`MAX_TXN_OPS`] conditions and changes together and [`MAX_TXN_BYTES`].

use crate::{StoreError, sealed};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::collections::HashSet;

/// Counts transactions that changed something, from 1. Revision 0 is the empty store.
pub type Revision = u64;

/// Longest key.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest value.
pub const MAX_VALUE_BYTES: usize = 8 << 20;
/// Most conditions, puts and deletes of one transaction, summed.
pub const MAX_TXN_OPS: usize = 20_000;
/// Most bytes of keys and values of one transaction, summed.
pub const MAX_TXN_BYTES: usize = 64 << 20;

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Such as `config/group/nv.web.shop`. Ordered by its bytes.
    pub key: String,
    /// Opaque to the store.
    pub value: Vec<u8>,
    /// When the key last changed.
    pub revision: Revision,
}

/// What [`Store::list`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by key.
    pub entries: Vec<Entry>,
    /// The store's revision at that moment: watch after it to miss nothing.
    pub revision: Revision,
}

/// What must hold for a transaction to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The key does not exist.
    Absent(String),
    /// The key exists and last changed at this revision.
    Unchanged {
        /// The key.
        key: String,
        /// Its [`Entry::revision`].
        revision: Revision,
    },
}

impl Condition {
    /// The key it speaks of.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent(key) | Self::Unchanged { key, .. } => key,
        }
    }
}

/// Changes made together or not at all.
///
/// Each key may be put or deleted once. Deleting a key that does not exist changes nothing; a
/// transaction that changes nothing makes no revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// Keys and their new values.
    pub puts: Vec<(String, Vec<u8>)>,
    /// Keys to remove.
    pub deletes: Vec<String>,
}

impl Txn {
    /// A transaction that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.puts.push((key.into(), value.into()));
        self
    }

    /// Removes `key`.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.deletes.push(key.into());
        self
    }

    /// Only if `key` does not exist.
    #[must_use]
    pub fn require_absent(mut self, key: impl Into<String>) -> Self {
        self.conditions.push(Condition::Absent(key.into()));
        self
    }

    /// Only if `key` last changed at `revision`.
    #[must_use]
    pub fn require_unchanged(mut self, key: impl Into<String>, revision: Revision) -> Self {
        self.conditions.push(Condition::Unchanged {
            key: key.into(),
            revision,
        });
        self
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        let puts: usize = self.puts.iter().map(|(k, v)| k.len() + v.len()).sum();
        let deletes: usize = self.deletes.iter().map(String::len).sum();
        let conditions: usize = self.conditions.iter().map(|c| c.key().len()).sum();
        puts + deletes + conditions
    }

    /// Refuses what is over a limit or contradicts itself.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.puts.len() + self.deletes.len() + self.conditions.len() > MAX_TXN_OPS {
            return Err(StoreError::invalid(format!(
                "more than {MAX_TXN_OPS} operations"
            )));
        }
        if self.bytes() > MAX_TXN_BYTES {
            return Err(StoreError::invalid(format!(
                "more than {MAX_TXN_BYTES} bytes"
            )));
        }
        for condition in &self.conditions {
            check_key(condition.key())?;
        }
        let mut seen = HashSet::new();
        let put_keys = self.puts.iter().map(|(key, _)| key);
        for key in put_keys.chain(&self.deletes) {
            check_key(key)?;
            if !seen.insert(key) {
                return Err(StoreError::invalid(format!("{key:?} is changed twice")));
            }
        }
        match self
            .puts
            .iter()
            .find(|(_, value)| sealed::plain_len(value) > MAX_VALUE_BYTES)
        {
            Some((key, _)) => Err(StoreError::invalid(format!(
                "the value of {key:?} is longer than {MAX_VALUE_BYTES} bytes"
            ))),
            None => Ok(()),
        }
    }
}

fn check_key(key: &str) -> Result<(), StoreError> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(StoreError::invalid(format!(
            "a key has 1 to {MAX_KEY_BYTES} bytes, not {}",
            key.len()
        )));
    }
    Ok(())
}

/// What happened to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was set.
    Put(Entry),
    /// It was removed.
    Delete {
        /// The key.
        key: String,
        /// When.
        revision: Revision,
    },
}

impl Change {
    /// The key that changed.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// When it changed.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.revision,
            Self::Delete { revision, .. } => *revision,
        }
    }
}

/// Configuration: small, precious, watched.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The entry of `key`, if it exists.
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError>;

    /// Every entry whose key starts with `prefix` (all, if empty), as of one moment.
    async fn list(&self, prefix: &str) -> Result<Listing, StoreError>;

    /// Makes a transaction and returns its revision (the current one if it changed nothing).
    /// It is durable when this returns: it survives kill -9 and power loss. If the future is
    /// dropped before, it may be made or not.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a condition does not hold, [`StoreError::Full`],
    /// [`StoreError::Invalid`] over a limit. Nothing was changed then.
    async fn commit(&self, txn: Txn) -> Result<Revision, StoreError>;

    /// Every change of keys starting with `prefix` after revision `after`, in order, each once,
    /// without end. Changes of one transaction keep its order: puts, then deletes.
    ///
    /// # Errors
    /// [`StoreError::Compacted`], here or later as the stream's last item, if the changes wanted
    /// are no longer kept, or if `after` is in the future (the store was replaced by an older
    /// one): list again.
    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Change, StoreError>>, StoreError>;

    /// Leaves nothing of values that were replaced or deleted, in history and on disk. Watchers
    /// that did not come to the last change yet must list again. It may take a while, and as much
    /// space again as the store has.
    ///
    /// # Errors
    /// [`StoreError::Full`]; then the store is as it was.
    async fn wipe(&self) -> Result<(), StoreError>;
}
