//! Values of some keys encrypted before they reach a store: AES-256-GCM under a key that lies
//! beside the store in a file of its own ([`keyring`]).
//!
//! A sealed value is `0x00 'R' 'S' 'V'`, a format byte, the id of its key (8 bytes), a random nonce
//! (12), and the ciphertext with its tag. The store's key is authenticated with it, so that a value
//! cannot be moved to another place. [`Sealed::open`] seals what an older Rampart wrote in the
//! clear, and seals anew what an older key sealed. After it a value in the clear is refused.
//!
//! Limits: a sealed value is [`OVERHEAD`] bytes longer; names of keys, and how long values are,
//! stay visible; who can read the key file can read the values.

pub mod keyring;

use crate::{BoxStream, Change, Entry, Listing, Revision, Store, StoreError, Txn};
use async_trait::async_trait;
use futures::StreamExt;
use keyring::Keyring;
use std::sync::Arc;

/// No JSON begins so.
const MAGIC: &[u8] = b"\0RSV\x01";
const ID: usize = keyring::ID_BYTES;
const NONCE: usize = keyring::NONCE_BYTES;
/// Bytes a value grows by.
pub const OVERHEAD: usize = MAGIC.len() + ID + NONCE + keyring::TAG_BYTES;
/// There while older forms of what was sealed may still be on disk.
const UNWIPED: &str = "store/unwiped";
/// Values sealed in one transaction when a store is opened.
const MIGRATED_AT_ONCE: usize = 500;

/// Length of a value as its writer counts it.
pub(crate) fn plain_len(value: &[u8]) -> usize {
    if value.starts_with(MAGIC) {
        value.len().saturating_sub(OVERHEAD)
    } else {
        value.len()
    }
}

/// A store, some of whose values are sealed.
#[derive(Clone)]
pub struct Sealed {
    inner: Arc<dyn Store>,
    seals: Arc<Seals>,
}

struct Seals {
    ring: Keyring,
    prefixes: &'static [&'static str],
}

/// What [`Sealed::open`] had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Values that lay in the clear.
    pub plain: usize,
    /// Values an older key had sealed.
    pub old_key: usize,
}

impl Sealed {
    /// Seals what is under `prefixes` and is not yet, and what an older key sealed. What lay in the
    /// clear is wiped from the store's file and history.
    ///
    /// # Errors
    /// [`StoreError::Unsealable`] for a value that was tampered with, or whose key is missing.
    pub async fn open(
        inner: Arc<dyn Store>,
        ring: Keyring,
        prefixes: &'static [&'static str],
    ) -> Result<(Self, Resealed), StoreError> {
        let seals = Arc::new(Seals { ring, prefixes });
        let sealed = Self { inner, seals };
        let mut done = Resealed::default();
        // An older process may have ended before it wiped.
        let mut unwiped = sealed.inner.get(UNWIPED).await?.is_some();
        for prefix in prefixes {
            let listing = sealed.inner.list(prefix).await?;
            for entries in listing.entries.chunks(MIGRATED_AT_ONCE) {
                unwiped |= sealed.reseal(entries, &mut done).await?;
            }
        }
        if unwiped {
            tracing::info!(
                "secrets were sealed anew: the store is written anew without the old ones"
            );
            sealed.inner.wipe().await?;
            sealed.inner.commit(Txn::new().delete(UNWIPED)).await?;
        }
        Ok((sealed, done))
    }

    /// Whether there was something to do.
    async fn reseal(&self, entries: &[Entry], done: &mut Resealed) -> Result<bool, StoreError> {
        let mut txn = Txn::new();
        for entry in entries {
            if entry.key == UNWIPED {
                continue;
            }
            let plain = match self.seals.key_of(&entry.value) {
                Some(id) if id == self.seals.ring.newest_id() => {
                    // Opened all the same, so that tampering is found now and not at midnight.
                    self.seals.open(&entry.key, &entry.value)?;
                    continue;
                }
                Some(_) => {
                    done.old_key += 1;
                    self.seals.open(&entry.key, &entry.value)?
                }
                None => {
                    done.plain += 1;
                    entry.value.clone()
                }
            };
            let value = self.seals.seal(&entry.key, &plain)?;
            txn = txn
                .require_unchanged(&entry.key, entry.revision)
                .put(&entry.key, value);
        }
        if txn.puts.is_empty() {
            return Ok(false);
        }
        self.inner.commit(txn.put(UNWIPED, "")).await?;
        Ok(true)
    }
}

impl Seals {
    fn covers(&self, key: &str) -> bool {
        key != UNWIPED && self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    fn key_of<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        value.strip_prefix(MAGIC)?.get(..ID)
    }

    fn seal(&self, key: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (nonce, body) = self.ring.encrypt(key.as_bytes(), plain)?;
        let mut value = Vec::with_capacity(plain.len() + OVERHEAD);
        value.extend_from_slice(MAGIC);
        value.extend_from_slice(self.ring.newest_id());
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&body);
        Ok(value)
    }

    fn open(&self, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let refused = |detail: &str| StoreError::Unsealable {
            key: key.to_owned(),
            detail: detail.to_owned(),
        };
        let Some(rest) = value.strip_prefix(MAGIC) else {
            return Err(refused("it lies in the clear, which Rampart did not write"));
        };
        if rest.len() < ID + NONCE + keyring::TAG_BYTES {
            return Err(refused("it is cut short"));
        }
        let (id, rest) = rest.split_at(ID);
        let (nonce, body) = rest.split_at(NONCE);
        if !self.ring.has(id) {
            return Err(refused(&format!(
                "it was sealed with the key {}, which the key file does not hold",
                keyring::hex(id)
            )));
        }
        self.ring
            .decrypt(id, nonce, key.as_bytes(), body)
            .ok_or_else(|| refused("it is not what was written there"))
    }

    fn entry(&self, mut entry: Entry) -> Result<Entry, StoreError> {
        if self.covers(&entry.key) {
            entry.value = self.open(&entry.key, &entry.value)?;
        }
        Ok(entry)
    }

    fn change(&self, change: Change) -> Result<Change, StoreError> {
        match change {
            Change::Put(entry) => self.entry(entry).map(Change::Put),
            deleted @ Change::Delete { .. } => Ok(deleted),
        }
    }
}

#[async_trait]
impl Store for Sealed {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let found = self.inner.get(key).await?;
        found.map(|entry| self.seals.entry(entry)).transpose()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        let listing = self.inner.list(prefix).await?;
        let entries = listing.entries.into_iter();
        Ok(Listing {
            entries: entries
                .map(|entry| self.seals.entry(entry))
                .collect::<Result<_, _>>()?,
            revision: listing.revision,
        })
    }

    async fn commit(&self, mut txn: Txn) -> Result<Revision, StoreError> {
        txn.check()?;
        for (key, value) in &mut txn.puts {
            if self.seals.covers(key) {
                *value = self.seals.seal(key, value)?;
            }
        }
        self.inner.commit(txn).await
    }

    async fn wipe(&self) -> Result<(), StoreError> {
        self.inner.wipe().await
    }

    async fn watch(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<BoxStream<'static, Result<Change, StoreError>>, StoreError> {
        let seals = Arc::clone(&self.seals);
        let changes = self.inner.watch(prefix, after).await?;
        Ok(changes
            .map(move |change| change.and_then(|change| seals.change(change)))
            .boxed())
    }
}
