//! What can go wrong in a store, and who can mend it.

use crate::Revision;
use std::{error::Error, path::PathBuf, sync::Arc};

/// An error of [`crate::Store`] or [`crate::EventLog`].
///
/// After any of these the store still holds everything it ever acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A condition of a transaction did not hold; nothing was changed. Read again and retry.
    #[error("{key:?} was changed by someone else meanwhile")]
    Conflict {
        /// The first key whose condition failed.
        key: String,
    },
    /// The history a watch asked for is no longer kept. List again and watch from there.
    #[error("changes after revision {after} are no longer kept (oldest is {oldest}): list again")]
    Compacted {
        /// Revision the caller wanted the changes after.
        after: Revision,
        /// A watch may start after this revision or any later one.
        oldest: Revision,
    },
    /// The disk is full; nothing of this request was kept. It works again once there is space.
    #[error("no space left for the store: free some or enlarge the disk, then retry")]
    Full,
    /// The file is damaged.
    #[error(
        "the store {} is damaged ({detail}): stop Rampart, move the file and its -wal and -shm \
         aside (`mv {0} {0}.damaged`), then put a backup made by `VACUUM INTO` in its place or \
         start with an empty store",
        path.display()
    )]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The file was written by a newer Rampart.
    #[error("the store has schema {found}, this Rampart knows up to {supported}: upgrade Rampart")]
    Newer {
        /// Schema of the file.
        found: i64,
        /// Newest schema this build knows.
        supported: i64,
    },
    /// A secret value cannot be decrypted.
    #[error(
        "the value of {key:?} cannot be opened: {detail}; put the key file or the store of one and \
         the same backup in place, or delete the key and set the value anew"
    )]
    Unsealable {
        /// The key.
        key: String,
        /// What is wrong.
        detail: String,
    },
    /// The file of the keys that secret values are sealed with is of no use.
    #[error("the key file {}: {detail}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Another process has the store open.
    #[error("the store {} is in use by {holder}: stop it or choose another data folder", path.display())]
    Locked {
        /// The store's file.
        path: PathBuf,
        /// Who holds it, such as `pid 4711 (rampart)`.
        holder: String,
    },
    /// The operating system or the database engine failed.
    #[error("the store failed to {doing}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The request can never work; the text says why.
    #[error("invalid request to the store: {what}")]
    Invalid {
        /// What is wrong with it, and the limit if there is one.
        what: String,
    },
    /// The store is shutting down, or the request took longer than it may.
    #[error("the store does not answer: {what}")]
    Unavailable {
        /// Why.
        what: &'static str,
    },
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Io {
            doing,
            source: Arc::new(source),
        }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }
}
