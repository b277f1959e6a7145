//! The updater: fetches advisory feeds, builds the signed database, puts it in place.
//!
//! `feed` holds one parser a source and the table of them; `input` opens directories, archives and
//! files; `fetch` gets them over HTTP and keeps the last good copy; `gate` refuses a feed that turned
//! absurd; `build` joins them into one file; `publish` signs, verifies and installs it; `service`
//! does all that on a timer.

pub mod build;
pub mod collect;
pub mod feed;
pub mod fetch;
pub mod gate;
pub mod input;
pub mod key;
pub mod output;
pub mod publish;
pub mod service;
mod snapshot;
pub mod state;
