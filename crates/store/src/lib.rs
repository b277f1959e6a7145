//! Configuration store and event log: ports, SQLite and memory implementations.
//!
//! [`Store`] keeps configuration (get, list, compare-and-swap, watch); [`EventLog`] keeps events
//! (append, query, retain). [`sqlite::Sqlite`] is both in one file; [`memory::Memory`] is both
//! without one, and the model the other implementations are tested against. [`sealed::Sealed`]
//! encrypts what is secret before it reaches one of them.

pub mod artifact;
pub mod error;
pub mod facet;
pub mod kv;
pub mod log;
pub mod memory;
pub mod sealed;
pub mod sqlite;

#[cfg(feature = "conformance")]
pub mod conformance;

mod filter;
mod histogram;
mod json;
mod watch;

pub use artifact::Artifacts;
pub use error::StoreError;
pub use futures::stream::BoxStream;
pub use kv::{Change, Condition, Entry, Listing, Revision, Store, Txn};
pub use log::{Cursor, EventLog, FieldFilter, FilterOp, LogPage, LogQuery, Retention, SortKey};
